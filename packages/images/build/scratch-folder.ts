// Owns folders that live as long as one step of a build.

import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { BuildContext } from './build-context.ts';

export async function inScratchFolder<T>(
  context: BuildContext,
  use: (folder: string) => Promise<T>,
): Promise<T> {
  const parent = join(context.workDir, 'scratch');
  await ensureDirectory(parent);
  const folder = await mkdtemp(join(parent, 'build-'));
  try {
    return await use(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
