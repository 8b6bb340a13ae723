// Owns what a run of pytest says: the outcome of each test from its JUnit report, and why those that fail do.

export interface TestOutcome {
  /** `test_instances`. */
  file: string;
  name: string;
  outcome: 'passed' | 'failed' | 'skipped';
  /** Of a failure: what the test said. */
  message: string;
}

const CASE = /<testcase ([^>]*?)(?:\/>|>([\s\S]*?)<\/testcase>)/g;

export function parseReport(xml: string): TestOutcome[] {
  return [...xml.matchAll(CASE)].map(([, head = '', body = '']) => {
    const failure = /<(failure|error)\b[^>]*?message="([^"]*)"/.exec(body);
    const isSkipped = body.includes('<skipped');
    return {
      file:
        attribute(head, 'classname')
          .split('.')
          .find((part) => part.startsWith('test_') && part !== 'test_ec2') ?? '',
      name: attribute(head, 'name'),
      outcome: failure !== null ? 'failed' : isSkipped ? 'skipped' : 'passed',
      message: unescapeXml(failure?.[2] ?? ''),
    };
  });
}

function attribute(head: string, name: string): string {
  return unescapeXml(new RegExp(`(?:^| )${name}="([^"]*)"`).exec(head)?.[1] ?? '');
}

const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"' };

function unescapeXml(text: string): string {
  return text
    .replace(/&#(?:x([0-9a-fA-F]+)|(\d+));/g, (_all, hex, decimal) =>
      String.fromCodePoint(hex === undefined ? Number(decimal) : Number.parseInt(hex, 16)),
    )
    .replace(/&(lt|gt|amp|quot);/g, (_all, name: string) => ENTITIES[name]!);
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
