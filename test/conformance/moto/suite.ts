// Owns the suite `moto-ec2`: moto's own tests of EC2, run against this cloud's API over simulated nodes.

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import { atLeast, type Figure } from '../../support/figures.ts';
import { fetchMoto, type MotoCheckout } from './checkout.ts';
import { startMotoEndpoint } from './endpoint.ts';
import { OUTCOMES_VARIABLE, PLUGIN, PLUGIN_TEXT } from './plugin.ts';
import { causeOf, countBy, parseOutcomes, type TestOutcome } from './report.ts';

/** What every user of EC2 meets; other files are of services that this cloud has not. */
const CORE_FILES = [
  'account_attributes',
  'amis',
  'availability_zones_and_regions',
  'dhcp_options',
  'elastic_block_store',
  'elastic_ip_addresses',
  'elastic_network_interfaces',
  'general',
  'instance_type_offerings',
  'instance_types',
  'instances',
  'internet_gateways',
  'key_pairs',
  'launch_templates',
  'nat_gateway',
  'network_acls',
  'regions',
  'route_tables',
  'security_groups',
  'subnets',
  'tags',
  'vpc_peering',
  'vpcs',
  'windows',
];
/** Of the core files; a step on the way is held by whoever runs it. */
const CORE_TESTS = 654;
const BAR = 600;
const TEST_TIMEOUT_SECONDS = 60;
const MINUTE_MS = 60_000;

export interface MotoOptions {
  /** Names of the files to run, and after a colon what the names of their tests contain; all core files when absent. */
  only: string | undefined;
  /** How long the run may take. */
  minutes: number;
  /** Takes up a run that was cut off: what became of its tests counts, and is not asked again. */
  goesOn: boolean;
  explain: (line: string) => void;
}

export async function runMotoEc2(options: MotoOptions): Promise<Figure[]> {
  const { only, explain } = options;
  const checkout = await fetchMoto(explain);
  if (typeof checkout === 'string') {
    explain(`MOTO-EC2 SKIPPED: ${checkout}`);
    return [{ name: 'moto-ec2 SKIPPED, not there', value: 0, bar: 0, ok: true }];
  }
  const [names, match] = only?.split(':') ?? [];
  const files = CORE_FILES.filter((name) => names?.split(',').includes(name) ?? true);
  if (files.length === 0) throw new Error(`--only takes names of ${CORE_FILES.join(', ')}`);
  const outcomes = await runTests(checkout, { files, match }, options);
  explainOutcomes(outcomes, explain);
  const passed = outcomes.filter(({ outcome }) => outcome === 'passed').length;
  if (only !== undefined)
    return [atLeast('tests of moto that pass, of those asked for', passed, 0)];
  return [
    atLeast('tests of moto that ran', outcomes.length, CORE_TESTS),
    atLeast('tests of moto that pass', passed, BAR),
  ];
}

interface Wanted {
  files: readonly string[];
  match: string | undefined;
}

async function runTests(
  checkout: MotoCheckout,
  wanted: Wanted,
  { minutes, goesOn, explain }: MotoOptions,
): Promise<TestOutcome[]> {
  const outcomes = join(dirname(checkout.folder), 'outcomes');
  if (!goesOn) await writeFile(outcomes, '');
  const plugins = await mkdtemp(join(tmpdir(), 'ironbark-moto-'));
  try {
    await writeFile(join(plugins, `${PLUGIN}.py`), PLUGIN_TEXT);
    await using endpoint = await startMotoEndpoint(explain);
    const variables = { PYTHONPATH: plugins, [OUTCOMES_VARIABLE]: outcomes };
    const env = { ...environment(endpoint.url, checkout.folder), ...variables };
    if (!(await runPytest(checkout, wanted, { env, timeoutMs: minutes * MINUTE_MS }))) {
      explain('THE RUN WAS CUT OFF: it took too long; --continue goes on with it');
    }
  } finally {
    await rm(plugins, { recursive: true, force: true });
  }
  return parseOutcomes(await readFile(outcomes, 'utf8'));
}

/** False when its time was over before it was. */
async function runPytest(
  { python, folder }: MotoCheckout,
  { files, match }: Wanted,
  options: { env: Record<string, string>; timeoutMs: number },
): Promise<boolean> {
  const paths = files.map((name) => `tests/test_ec2/test_${name}.py`);
  const choice = match === undefined ? [] : ['-k', match];
  const plugins = ['-p', 'no:cacheprovider', '-p', PLUGIN, `--timeout=${TEST_TIMEOUT_SECONDS}`];
  const args = ['-m', 'pytest', '-q', '--tb=short', ...plugins, ...choice, ...paths];
  try {
    // 1: some tests failed; 5: none was left to run.
    await systemCommands.run(python, args, { ...options, cwd: folder, allowExitCodes: [0, 1, 5] });
    return true;
  } catch (error) {
    if (error instanceof CommandError && error.exitCode === undefined) return false;
    throw error;
  }
}

/** `moto/settings.py` and `moto/core/models.py` of moto say what is read. */
function environment(url: string, folder: string): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: folder,
    TEST_SERVER_MODE: 'true',
    TEST_SERVER_MODE_ENDPOINT: url,
    TESTS_SKIP_REQUIRES_DOCKER: 'true',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ACCESS_KEY_ID: 'FOOBARKEY',
    AWS_SECRET_ACCESS_KEY: 'FOOBARSECRET',
    // A refusal is the answer: asking again changes nothing and takes seconds.
    AWS_MAX_ATTEMPTS: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}

const MAX_CAUSES = 60;

function explainOutcomes(outcomes: readonly TestOutcome[], explain: (line: string) => void): void {
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
