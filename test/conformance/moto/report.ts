// Owns what a run of moto's tests says: the outcome of each test, and why those that fail do.

export interface TestOutcome {
  /** `test_instances`. */
  file: string;
  name: string;
  outcome: 'passed' | 'failed' | 'skipped';
  /** Of a failure: what the test said. */
  message: string;
}

/** One line for each report of the plugin. A test that fails while it cleans up has failed. */
export function parseOutcomes(text: string): TestOutcome[] {
  const found = new Map<string, TestOutcome>();
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const one = JSON.parse(line) as TestOutcome;
    const key = `${one.file}::${one.name}`;
    if (found.get(key)?.outcome !== 'failed') found.set(key, one);
  }
  return [...found.values()];
}

/** Failures of one cause, to be counted: the operation that is not offered, or the error's code and operation. */
export function causeOf(message: string): string {
  const absent = /The operation (\w+) exists in AWS, but this cloud does not offer it/.exec(
    message,
  );
  if (absent !== null) return `${absent[1]} is not offered`;
  const refused =
    /An error occurred \(([\w.]+)\) when calling the (\w+) operation[^:]*: ([^\n]*)/.exec(message);
  if (refused !== null) return `${refused[2]}: ${refused[1]}: ${refused[3]!.slice(0, 110)}`;
  return message.split('\n', 1)[0]!.slice(0, 140);
}

export function countBy(values: readonly string[]): [string, number][] {
  const groups = Map.groupBy(values, (value) => value);
  return [...groups]
    .map(([value, all]): [string, number] => [value, all.length])
    .sort(([left, a], [right, b]) => b - a || (left < right ? -1 : 1));
}
