// Owns how ceph/s3-tests comes onto this machine: a checkout of one commit and its Python packages, in the cache folder.

import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { ensureDirectory, exists } from '@ironbark/platform/files.ts';
import { CACHE_FOLDER } from '../../support/cache-folder.ts';
import { makePythonEnvironment } from '../python-environment.ts';

export const SUITE_COMMIT = '8f0ae7b404a3a2fcf7038bf1e6bf29544fe9b6a3';
const SOURCE = 'https://github.com/ceph/s3-tests.git';
const PACKAGES = [
  'boto3>=1.40,<1.41',
  'httplib2',
  'isodate',
  'lxml',
  'munch',
  'pytest',
  'pytest-timeout',
  'pytz',
  'PyYAML',
  'requests',
];
const TIMEOUT_MS = 300_000;

export interface Suite {
  folder: string;
  python: string;
}

/** What is missing, for people, where the suite cannot be had. */
export async function fetchSuite(): Promise<Suite | { missing: string }> {
  const place = join(CACHE_FOLDER, 'suites');
  await ensureDirectory(place);
  const folder = join(place, 's3-tests');
  const environment = join(place, 's3-tests-venv');
  try {
    if (!(await exists(folder))) await run('git', ['clone', '--quiet', SOURCE, folder]);
    await checkOut(folder);
    const python = join(environment, 'bin/python');
    if (!(await exists(join(environment, 'bin/pytest')))) {
      await makePythonEnvironment(environment, PACKAGES);
    }
    return { folder, python };
  } catch (error) {
    return { missing: String(error).split('\n')[0]! };
  }
}

async function checkOut(folder: string): Promise<void> {
  const { stdout } = await run('git', ['-C', folder, 'rev-parse', 'HEAD']);
  if (stdout.trim() === SUITE_COMMIT) return;
  await run('git', ['-C', folder, 'fetch', '--quiet', 'origin', SUITE_COMMIT]);
  await run('git', ['-C', folder, 'checkout', '--quiet', SUITE_COMMIT]);
}

function run(file: string, args: readonly string[]) {
  return systemCommands.run(file, args, { timeoutMs: TIMEOUT_MS });
}
