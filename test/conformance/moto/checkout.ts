// Owns where moto's tests come from: its source release on PyPI and what they need to run, kept beside the product's
// other downloads and never in the repository.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists, replaceFile } from '@ironbark/platform/files.ts';
import { CACHE_FOLDER } from '../../support/cache-folder.ts';

export const MOTO_VERSION = '5.2.1';
/** Newer ones know more members; with Debian 12's of 2022 eight tests fail for that alone. */
const BOTO3_VERSION = '1.43.11';
const REQUIREMENTS = [
  `moto[ec2,server]==${MOTO_VERSION}`,
  `boto3==${BOTO3_VERSION}`,
  'pytest==8.4.2',
  'pytest-timeout==2.4.0',
  'freezegun',
  'requests',
];
const INSTALL_TIMEOUT_MS = 600_000;

export interface MotoCheckout {
  /** The interpreter that has everything that the tests import. */
  python: string;
  /** The folder that holds `tests/`. */
  folder: string;
}

/** The tests, fetched once; a sentence on why not where they cannot be had. */
export async function fetchMoto(explain: (line: string) => void): Promise<MotoCheckout | string> {
  const folder = join(CACHE_FOLDER, 'suites', `moto-${MOTO_VERSION}`);
  const source = join(folder, `moto-${MOTO_VERSION}`);
  const python = join(folder, 'venv/bin/python');
  const done = join(folder, 'complete');
  if (await exists(done)) return { python, folder: source };
  explain(`Fetching moto ${MOTO_VERSION} and its tests into ${folder} ...`);
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await install(folder, python);
  } catch (error) {
    return `moto ${MOTO_VERSION} cannot be had: ${(error as Error).message}`;
  }
  if (!(await exists(join(source, 'tests/test_ec2')))) {
    return `the source release of moto ${MOTO_VERSION} has no tests/test_ec2`;
  }
  await replaceFile(done, `${REQUIREMENTS.join('\n')}\n`);
  return { python, folder: source };
}

async function install(folder: string, python: string): Promise<void> {
  const run = (file: string, ...args: string[]) =>
    systemCommands.run(file, args, { timeoutMs: INSTALL_TIMEOUT_MS, cwd: folder });
  await run('python3', '-m', 'venv', join(folder, 'venv'));
  await run(python, '-m', 'pip', 'install', '--quiet', ...REQUIREMENTS);
  const source = ['--no-deps', '--no-binary', ':all:', `moto==${MOTO_VERSION}`];
  await run(python, '-m', 'pip', 'download', '--quiet', ...source);
  await run('tar', '-xzf', `moto-${MOTO_VERSION}.tar.gz`);
}
