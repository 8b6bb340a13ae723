// Owns how Python packages come into an environment of their own, beside whatever the machine has.

import { join } from 'node:path';
import { systemCommands } from '@ironbark/platform/commands.ts';

const TIMEOUT_MS = 300_000;

/** In a folder that may be there already. */
export async function makePythonEnvironment(
  folder: string,
  packages: readonly string[],
): Promise<void> {
  const run = (file: string, ...args: string[]) =>
    systemCommands.run(file, args, { timeoutMs: TIMEOUT_MS });
  await run('python3', '-m', 'venv', folder);
  await run(join(folder, 'bin/python'), '-m', 'pip', 'install', '--quiet', ...packages);
}
