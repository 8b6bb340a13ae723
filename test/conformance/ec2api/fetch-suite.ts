// Owns where the tests of OpenStack's ec2-api come from: its Tempest plugin, and what it imports, from PyPI.

import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists, replaceFile } from '@ironbark/platform/files.ts';
import { CACHE_FOLDER } from '../../support/cache-folder.ts';
import { makePythonEnvironment } from '../python-environment.ts';

/** The last with content. */
export const PLUGIN_RELEASE = '1.7.0';
const REQUIREMENTS = [
  `ec2api-tempest-plugin==${PLUGIN_RELEASE}`,
  'tempest==47.0.0',
  'botocore==1.43.11',
  'pytest==8.4.2',
  'pytest-timeout==2.4.0',
];
const MODULE = 'ec2api_tempest_plugin';

export interface Ec2apiSuite {
  python: string;
  /** The folder that has the plugin's package. */
  packages: string;
  /** Kept for what runs leave. */
  folder: string;
}

/** Fetched once; throws where it cannot be had. */
export async function fetchEc2api(explain: (line: string) => void): Promise<Ec2apiSuite> {
  const folder = join(CACHE_FOLDER, 'suites', `ec2api-${PLUGIN_RELEASE}`);
  const python = join(folder, 'venv/bin/python');
  const done = join(folder, 'complete');
  if (!(await exists(done))) {
    explain(`Fetching the tests of OpenStack's ec2-api ${PLUGIN_RELEASE} into ${folder} ...`);
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    await makePythonEnvironment(join(folder, 'venv'), REQUIREMENTS);
    await replaceFile(done, `${REQUIREMENTS.join('\n')}\n`);
  }
  const code = 'import sysconfig; print(sysconfig.get_path("purelib"))';
  const { stdout } = await systemCommands.run(python, ['-c', code]);
  const packages = stdout.trim();
  if (await exists(join(packages, MODULE, 'api'))) return { python, packages, folder };
  throw new Error(`${MODULE} ${PLUGIN_RELEASE} has no tests`);
}
