// Owns a run of somebody else's tests under pytest against this cloud's API, and the table of what became of them.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { OUTCOMES_VARIABLE, PLUGIN, PLUGIN_TEXT } from './moto/plugin.ts';
import { causeOf, countBy, parseOutcomes, type TestOutcome } from './moto/report.ts';

export interface PytestRun {
  python: string;
  /** The folder that the paths start from. */
  folder: string;
  paths: readonly string[];
  /** What the names of the tests contain; all of them when absent. */
  match: string | undefined;
  env: Record<string, string>;
  /** Where the outcomes are kept. */
  outcomes: string;
  minutes: number;
  /** Takes up a run that was cut off: what became of its tests counts, and is not asked again. */
  goesOn: boolean;
  explain: (line: string) => void;
}

const TEST_TIMEOUT_SECONDS = 60;
const MINUTE_MS = 60_000;

export async function runPytest(run: PytestRun): Promise<TestOutcome[]> {
  const { outcomes, explain } = run;
  if (!run.goesOn) await writeFile(outcomes, '');
  const plugins = await mkdtemp(join(tmpdir(), 'ironbark-pytest-'));
  try {
    await writeFile(join(plugins, `${PLUGIN}.py`), PLUGIN_TEXT);
    const env = { ...run.env, PYTHONPATH: plugins, [OUTCOMES_VARIABLE]: outcomes };
    if (!(await isFinished({ ...run, env }))) {
      explain('THE RUN WAS CUT OFF: it took too long; --continue goes on with it');
    }
  } finally {
    await rm(plugins, { recursive: true, force: true });
  }
  return parseOutcomes(await readFile(outcomes, 'utf8'));
}

/** False when its time was over before it was. */
async function isFinished({ python, folder, ...run }: PytestRun): Promise<boolean> {
  const choice = run.match === undefined ? [] : ['-k', run.match];
  // What tests log is kept nowhere, and takes minutes to write down.
  const quiet = ['-p', 'no:cacheprovider', '-p', 'no:logging', '--show-capture=no'];
  const plugins = [...quiet, '-p', PLUGIN, `--timeout=${TEST_TIMEOUT_SECONDS}`];
  const args = ['-m', 'pytest', '-q', '--tb=short', ...plugins, ...choice, ...run.paths];
  const options = { env: run.env, timeoutMs: run.minutes * MINUTE_MS, cwd: folder };
  try {
    // 1: some tests failed; 5: none was left to run.
    await systemCommands.run(python, args, { ...options, allowExitCodes: [0, 1, 5] });
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === undefined) return false;
    throw error;
  }
}

const MAX_CAUSES = 60;

export function explainOutcomes(
  outcomes: readonly TestOutcome[],
  explain: (line: string) => void,
): void {
  const count = (some: readonly TestOutcome[], kind: TestOutcome['outcome']) =>
    some.filter(({ outcome }) => outcome === kind).length;
  explain(`${'file'.padEnd(32)}  passed  failed  skipped`);
  for (const [file, some] of Map.groupBy(outcomes, (one) => one.file)) {
    const counts = (['passed', 'failed', 'skipped'] as const).map((kind) => count(some, kind));
    explain(`${file.padEnd(32)}  ${counts.map((n) => String(n).padStart(6)).join('  ')}`);
  }
  const failed = outcomes.filter(({ outcome }) => outcome === 'failed');
  explain('');
  for (const { file, name, message } of failed) explain(`  ${file}::${name}: ${causeOf(message)}`);
  explain('');
  const causes = countBy(failed.map(({ message }) => causeOf(message)));
  for (const [cause, n] of causes.slice(0, MAX_CAUSES))
    explain(`${String(n).padStart(5)}  ${cause}`);
  explain('');
  explain(
    `${count(outcomes, 'passed')} passed, ${failed.length} failed, ` +
      `${count(outcomes, 'skipped')} skipped, ${outcomes.length} in all`,
  );
}
