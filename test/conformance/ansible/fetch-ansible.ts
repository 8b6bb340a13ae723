// Owns where Ansible comes from: its core, boto3 and the release that carries the AWS collections, all from PyPI, kept in
// the cache folder and never in the repository.

import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists, replaceFile } from '@ironbark/platform/files.ts';
import { CACHE_FOLDER } from '../../support/cache-folder.ts';
import { makePythonEnvironment } from '../python-environment.ts';

/** The community's release, and the core that it asks for. It has amazon.aws 10.1.2. */
const RELEASE = '12.3.0';
const CORE = 'ansible-core~=2.19.5';
const BOTO3 = 'boto3==1.43.11';
const COLLECTIONS = ['amazon/aws', 'community/aws'];
const TIMEOUT_MS = 300_000;

export interface Ansible {
  /** The folder of the programs. */
  bin: string;
  /** What `ANSIBLE_COLLECTIONS_PATH` has to name. */
  collections: string;
}

/** Fetched once; a sentence on why not where it cannot be had. */
export async function fetchAnsible(explain: (line: string) => void): Promise<Ansible | string> {
  const folder = join(CACHE_FOLDER, 'suites', `ansible-${RELEASE}`);
  const found = { bin: join(folder, 'venv/bin'), collections: folder };
  const done = join(folder, 'complete');
  if (await exists(done)) return found;
  explain(`Fetching Ansible ${RELEASE} into ${folder} ...`);
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await install(folder);
  } catch (error) {
    return `Ansible ${RELEASE} cannot be had: ${(error as Error).message}`;
  }
  await replaceFile(done, `${RELEASE}\n`);
  return found;
}

/** The release holds a hundred collections: only those that are used leave the archive. */
async function install(folder: string): Promise<void> {
  await makePythonEnvironment(join(folder, 'venv'), [CORE, BOTO3]);
  const python = join(folder, 'venv/bin/python');
  const run = (...args: string[]) =>
    systemCommands.run(python, args, { timeoutMs: TIMEOUT_MS, cwd: folder });
  const options = ['--quiet', '--no-deps', '--only-binary', ':all:'];
  await run('-m', 'pip', 'download', ...options, `ansible==${RELEASE}`);
  const archive = (await readdir(folder)).find((name) => name.endsWith('.whl'))!;
  await run('-c', UNPACK, archive, ...COLLECTIONS.map((name) => `ansible_collections/${name}/`));
  await rm(join(folder, archive));
}

const UNPACK = `
import sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
archive.extractall(members=[name for name in archive.namelist() if name.startswith(tuple(sys.argv[2:]))])
`;
