// Owns a run of ceph/s3-tests against Walrus: which tests are asked for, and what became of each.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { atLeast, type Figure } from '../../support/figures.ts';
import { explainFailure } from './explained.ts';
import { fetchSuite, SUITE_COMMIT } from './fetch-suite.ts';
import { OUTCOMES_VARIABLE, PLUGIN, PLUGIN_TEXT } from './plugin.ts';
import { REGION, startSuiteServer } from './server.ts';

/** What AWS does not answer so itself, and what is Ceph's own or another service. */
const LEFT_OUT = [
  'fails_on_aws',
  'appendobject',
  'bucket_logging',
  'bucket_logging_cleanup',
  'cloud_transition',
  'cloud_restore',
  's3select',
  'sns',
  'webidentity_test',
  'test_of_sts',
  'iam_account',
  'iam_tenant',
  'iam_user',
  'iam_role',
  'iam_cross_account',
  'group',
];
const TESTS_OF_THE_GATE = 646;
const BAR = 600;
const TEST_TIMEOUT_SECONDS = 120;
const RESULT = new URL('result.json', import.meta.url);
const MINUTE_MS = 60_000;
const MAX_OUTPUT_BYTES = 256 * 1_024 * 1_024;

export type Outcome = 'passed' | 'failed' | 'skipped';

export interface SuiteResult {
  commit: string;
  outcomes: Readonly<Record<string, Outcome>>;
  /** The last line of what each failure said. */
  reasons: Readonly<Record<string, string>>;
}

export interface SuiteRun {
  /** An expression of pytest; absent: all of the gate. */
  only?: string | undefined;
  /** How long the run may take. */
  minutes: number;
  /** Keeps the figures for docs/api-coverage.md. */
  record: boolean;
  /** Takes up a run that was cut off: what became of its tests counts, and is not asked again. */
  goesOn: boolean;
  explain: (line: string) => void;
}

export async function runS3Tests({
  only,
  minutes,
  record,
  goesOn,
  explain,
}: SuiteRun): Promise<Figure[]> {
  const suite = await fetchSuite();
  if ('missing' in suite) {
    explain(`S3-TESTS SKIPPED: the suite cannot be had here: ${suite.missing}`);
    return [{ name: 's3-tests SKIPPED, not there', value: 0, bar: 0, ok: true }];
  }
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-s3-tests-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  const server = undo.use(await startSuiteServer(folder));
  const configuration = join(folder, 's3tests.conf');
  await writeFile(configuration, server.configuration);
  await writeFile(join(folder, `${PLUGIN}.py`), PLUGIN_TEXT);
  const outcomes = join(dirname(suite.folder), 's3-tests-outcomes');
  if (!goesOn) await writeFile(outcomes, '');
  const isWhole = await runPytest({
    ...suite,
    plugins: folder,
    configuration,
    outcomes,
    only,
    minutes,
  });
  if (!isWhole) explain('THE RUN WAS CUT OFF: it took too long');
  const result = readOutcomes(await readFile(outcomes, 'utf8'));
  const groups = groupFailures(result);
  tellFailures(result, groups, explain);
  if (record && isWhole && only === undefined) await recordResult(result, groups);
  return figuresOf(result, only === undefined);
}

interface PytestInput {
  folder: string;
  python: string;
  plugins: string;
  configuration: string;
  outcomes: string;
  only: string | undefined;
  minutes: number;
}

/** False when its time was over before it was. */
async function runPytest(input: PytestInput): Promise<boolean> {
  const marks = LEFT_OUT.map((mark) => `not ${mark}`).join(' and ');
  const choice = input.only === undefined ? [] : ['-k', input.only];
  const args = ['-m', 'pytest', 's3tests/functional', '-q', '-m', marks, ...choice];
  const more = [`--timeout=${TEST_TIMEOUT_SECONDS}`, ...['-p', 'no:cacheprovider', '-p', PLUGIN]];
  const options = {
    cwd: input.folder,
    env: {
      PATH: '/usr/local/bin:/usr/bin:/bin',
      S3TEST_CONF: input.configuration,
      AWS_DEFAULT_REGION: REGION,
      AWS_EC2_METADATA_DISABLED: 'true',
      PYTHONPATH: input.plugins,
      [OUTCOMES_VARIABLE]: input.outcomes,
      PYTHONDONTWRITEBYTECODE: '1',
    },
    // 1: some tests failed; 5: none was chosen.
    allowExitCodes: [0, 1, 5],
    timeoutMs: input.minutes * MINUTE_MS,
    maxOutputBytes: MAX_OUTPUT_BYTES,
  };
  try {
    await systemCommands.run(input.python, [...args, ...more], options);
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === undefined) return false;
    throw error;
  }
}

/** One line for each report of the plugin. A test that fails while it cleans up has failed. */
function readOutcomes(text: string): SuiteResult {
  const outcomes: Record<string, Outcome> = {};
  const reasons: Record<string, string> = {};
  for (const line of text.split('\n').filter((one) => one !== '')) {
    const { name, outcome, reason } = JSON.parse(line) as Record<string, string>;
    if (outcomes[name!] === 'failed') continue;
    outcomes[name!] = outcome as Outcome;
    if (outcome === 'failed') reasons[name!] = shorten(reason!);
  }
  return { commit: SUITE_COMMIT, outcomes, reasons };
}

/** The lines that pytest marks with an E say what was wrong. */
function shorten(reason: string): string {
  const marked = reason.split('\n').filter((line) => line.startsWith('E '));
  return (marked.at(0) ?? reason).replace(/^E\s+/, '').slice(0, 200);
}

function countOutcomes({ outcomes }: SuiteResult): Record<Outcome, number> {
  const counts = { passed: 0, failed: 0, skipped: 0 };
  for (const outcome of Object.values(outcomes)) counts[outcome] += 1;
  return counts;
}

type Groups = ReadonlyMap<string, readonly string[]>;

function groupFailures({ outcomes }: SuiteResult): Groups {
  const groups = new Map<string, string[]>();
  for (const [name, outcome] of Object.entries(outcomes)) {
    if (outcome !== 'failed') continue;
    const group = explainFailure(name) ?? 'not explained';
    groups.set(group, [...(groups.get(group) ?? []), name]);
  }
  return groups;
}

async function recordResult(result: SuiteResult, groups: Groups): Promise<void> {
  const rows = [...groups].map(([reason, tests]) => ({ reason, tests: tests.length }));
  const record = {
    commit: result.commit,
    ...countOutcomes(result),
    groups: rows.toSorted((left, right) => right.tests - left.tests),
  };
  await writeFile(RESULT, `${JSON.stringify(record, null, 2)}\n`);
}

function tellFailures(result: SuiteResult, groups: Groups, explain: (line: string) => void): void {
  for (const [group, names] of groups) {
    explain(`\nfails, ${names.length}: ${group}`);
    for (const name of names) explain(`  ${name}: ${result.reasons[name]}`);
  }
  const { passed, failed, skipped } = countOutcomes(result);
  const total = passed + failed + skipped;
  explain(`\n${passed} passed, ${failed} failed, ${skipped} skipped of ${total}`);
}

function figuresOf(result: SuiteResult, isWhole: boolean): Figure[] {
  const { passed, failed, skipped } = countOutcomes(result);
  if (!isWhole) return [atLeast('s3-tests passed', passed, passed + failed)];
  const unexplained = Object.entries(result.outcomes).filter(
    ([name, outcome]) => outcome === 'failed' && explainFailure(name) === undefined,
  ).length;
  const total = passed + failed + skipped;
  return [
    atLeast('s3-tests of the gate run', total, TESTS_OF_THE_GATE),
    atLeast('s3-tests passed', passed, BAR),
    { name: 's3-tests failed without a reason', value: unexplained, bar: 0, ok: unexplained === 0 },
  ];
}
