// Owns how other people's clients of S3 come onto this machine, without being installed: Python's into an environment of
// their own, Debian's unpacked, both in the cache folder.

import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { ensureDirectory, exists } from '@ironbark/platform/files.ts';
import { CACHE_FOLDER } from '../../support/cache-folder.ts';
import { makePythonEnvironment } from '../python-environment.ts';

export type ClientName = 'aws' | 'boto3' | 's3cmd' | 'rclone' | 'restic' | 's3fs';

const PYTHON_PACKAGES = ['awscli', 'boto3', 's3cmd'];
const TIMEOUT_MS = 300_000;
const PLACE = join(CACHE_FOLDER, 'suites', 'clients');

/** The program, or why it cannot be had. */
export async function fetchClient(name: ClientName): Promise<string | { missing: string }> {
  try {
    await ensureDirectory(PLACE);
    const isPython = name === 'aws' || name === 'boto3' || name === 's3cmd';
    return isPython ? await fetchPython(name) : await fetchDebian(name);
  } catch (error) {
    return { missing: String(error).split('\n')[0]! };
  }
}

async function fetchPython(name: string): Promise<string> {
  const environment = join(PLACE, 'venv');
  const bin = join(environment, 'bin');
  if (!(await exists(join(bin, 's3cmd')))) {
    await makePythonEnvironment(environment, PYTHON_PACKAGES);
  }
  return join(bin, name === 'boto3' ? 'python' : name);
}

async function fetchDebian(name: string): Promise<string> {
  const folder = join(PLACE, name);
  const program = join(folder, 'usr/bin', name);
  if (await exists(program)) return program;
  await ensureDirectory(folder);
  await systemCommands.run('apt-get', ['download', name], { cwd: folder, timeoutMs: TIMEOUT_MS });
  const [archive] = (await readdir(folder)).filter((file) => file.endsWith('.deb'));
  await run('dpkg-deb', ['-x', join(folder, archive!), folder]);
  return program;
}

function run(file: string, args: readonly string[]) {
  return systemCommands.run(file, args, { timeoutMs: TIMEOUT_MS });
}
