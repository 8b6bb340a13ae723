// Owns the errors of the command line: what happened, and what to do next.

/** A failure that the person can do something about; shown without a stack. */
export class Problem extends Error {
  /** What to do next, one line each. */
  readonly advice: readonly string[];
  readonly exitCode: number;

  constructor(message: string, advice: readonly string[] = [], exitCode = 1) {
    super(message);
    this.name = 'Problem';
    this.advice = advice;
    this.exitCode = exitCode;
  }
}

/** For `--json`: one object on the standard error. */
export function renderProblemJson({ message, advice }: Problem): string {
  return JSON.stringify({ error: message, advice }, null, 2);
}

export function renderProblem(problem: Problem): string {
  return [`ironbark: ${problem.message}`, ...problem.advice.map((line) => `  → ${line}`)].join(
    '\n',
  );
}
