// Owns the suite `moto-ec2`: moto's own tests of EC2, run against this cloud's API over simulated nodes.

import { dirname, join } from 'node:path';
import { atLeast, type Figure } from '../../support/figures.ts';
import { explainOutcomes, runPytest } from '../pytest-run.ts';
import { fetchMoto, type MotoCheckout } from './checkout.ts';
import { type RegionEndpoint, startRegionEndpoint } from './endpoint.ts';
import type { TestOutcome } from './report.ts';

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
  { python, folder }: MotoCheckout,
  { files, match }: Wanted,
  options: MotoOptions,
): Promise<TestOutcome[]> {
  await using endpoint = await startRegionEndpoint(options.explain);
  return await runPytest({
    ...options,
    python,
    folder,
    paths: files.map((name) => `tests/test_ec2/test_${name}.py`),
    match,
    outcomes: join(dirname(folder), 'outcomes'),
    env: environment(endpoint, folder),
  });
}

/** `moto/settings.py` and `moto/core/models.py` of moto say what is read. */
function environment(
  { url, secretAccessKey }: RegionEndpoint,
  folder: string,
): Record<string, string> {
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: folder,
    TEST_SERVER_MODE: 'true',
    TEST_SERVER_MODE_ENDPOINT: url,
    TESTS_SKIP_REQUIRES_DOCKER: 'true',
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_ACCESS_KEY_ID: 'FOOBARKEY',
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    // A refusal is the answer: asking again changes nothing and takes seconds.
    AWS_MAX_ATTEMPTS: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}
