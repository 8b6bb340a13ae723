// Owns packages laid out in a folder, and finding programs and libraries in them.

import { mkdir, readFile, realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { hasCode } from '@ironbark/platform/files.ts';
import type { BuildContext } from './build-context.ts';

/** Where Debian keeps the libraries of x86-64, before and after its merge of /lib into /usr. */
const LIBRARY_FOLDERS = ['usr/lib/x86_64-linux-gnu', 'lib/x86_64-linux-gnu', 'usr/lib64', 'lib64'];

export async function unpackPackages(
  context: BuildContext,
  packagePaths: Iterable<string>,
  folder: string,
): Promise<void> {
  await mkdir(folder, { recursive: true });
  for (const path of packagePaths) {
    await context.commands.run('dpkg-deb', ['--extract', path, folder]);
  }
}

/** The first of these paths that the packages contain. */
export async function findUnpacked(
  folder: string,
  paths: readonly string[],
): Promise<string | undefined> {
  for (const path of paths) {
    const found = await realpath(join(folder, path)).catch((error: unknown) => {
      if (hasCode(error, 'ENOENT')) return undefined;
      throw error;
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The bytes of a library by its soname. */
export async function readLibrary(folder: string, soname: string): Promise<Buffer> {
  const candidates = LIBRARY_FOLDERS.map((libraries) => `${libraries}/${soname}`);
  const path = await findUnpacked(folder, candidates);
  if (path === undefined) throw new Error(`no package of the recipe contains ${soname}`);
  return readFile(path);
}
