// Owns `npm run conformance -- ec2api`: the API tests of OpenStack's ec2-api, against this cloud's API over simulated nodes.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { atLeast, type Figure } from '../../support/figures.ts';
import { type RegionEndpoint, startRegionEndpoint } from '../moto/endpoint.ts';
import { explainOutcomes, runPytest } from '../pytest-run.ts';
import { type Ec2apiSuite, fetchEc2api } from './fetch-suite.ts';

export interface Ec2apiOptions {
  /** Names of the files to run, and after a colon what the names of their tests contain; all when absent. */
  only: string | undefined;
  minutes: number;
  goesOn: boolean;
  explain: (line: string) => void;
}

const TESTS = 143;
const BAR = 120;
const REGION = 'us-east-1';
const EBS_IMAGE = 'ami-12c6146b';
const LOCAL_IMAGE = 'ami-0000000a';

export async function runEc2api(options: Ec2apiOptions): Promise<Figure[]> {
  const { only, explain } = options;
  let suite: Ec2apiSuite;
  try {
    suite = await fetchEc2api(explain);
  } catch (error) {
    explain(`EC2API SKIPPED: its tests cannot be had: ${(error as Error).message}`);
    return [{ name: 'ec2api SKIPPED, not there', value: 0, bar: 0, ok: true }];
  }
  const [names, match] = only?.split(':') ?? [];
  const api = 'ec2api_tempest_plugin/api';
  const paths = names?.split(',').map((name) => `${api}/test_${name}.py`) ?? [api];
  await using endpoint = await startRegionEndpoint(explain, { localImageIds: [LOCAL_IMAGE] });
  const outcomes = await runPytest({
    ...options,
    python: suite.python,
    folder: suite.packages,
    paths,
    match,
    outcomes: join(suite.folder, 'outcomes'),
    env: await environment(suite, endpoint),
  });
  explainOutcomes(outcomes, explain);
  const passed = outcomes.filter(({ outcome }) => outcome === 'passed').length;
  if (only !== undefined)
    return [atLeast('tests of ec2-api that pass, of those asked for', passed, 0)];
  return [
    atLeast('tests of ec2-api that ran', outcomes.length, TESTS),
    atLeast('tests of ec2-api that pass', passed, BAR),
  ];
}

/** `ec2api_tempest_plugin/config.py` of the suite says what is read. */
async function environment(
  { folder }: Ec2apiSuite,
  { url, secretAccessKey }: RegionEndpoint,
): Promise<Record<string, string>> {
  const settings = {
    ec2_url: url,
    s3_url: url,
    aws_access: 'SUITE',
    aws_secret: secretAccessKey,
    aws_region: REGION,
    aws_zone: `${REGION}a`,
    // What is under way is over before the next request.
    build_interval: '0',
    build_timeout: '30',
    instance_type: 't3.nano',
    instance_type_alt: 't3.micro',
    image_id: LOCAL_IMAGE,
    ebs_image_id: EBS_IMAGE,
    run_ssh: 'false',
    run_incompatible_tests: 'true',
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  await writeFile(join(folder, 'functional_tests.conf'), `[aws]\n${lines.join('')}`);
  return {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: folder,
    TEST_CONFIG_DIR: folder,
    AWS_EC2_METADATA_DISABLED: 'true',
    AWS_MAX_ATTEMPTS: '1',
    PYTHONDONTWRITEBYTECODE: '1',
  };
}
