// Owns turning a folder into an ext4 file system in a raw file, without a mount, a loop device or root.

import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { BuildContext } from './build-context.ts';

export interface Ext4Options {
  folder: string;
  imagePath: string;
  sizeBytes: number;
  label: string;
  /** True when the folder's files already belong to whom they should; else all are given to root. */
  keepOwners: boolean;
}

const MAKE_TIMEOUT_MS = 5 * 60_000;

export async function makeExt4Image(context: BuildContext, options: Ext4Options): Promise<void> {
  const { folder, imagePath, sizeBytes, label } = options;
  // Zeroed tables cost nothing in a sparse file and spare every guest the work at its first boot.
  const features = 'root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0';
  await context.commands.run(
    'mke2fs',
    ['-q', '-F', '-t', 'ext4', '-L', label, '-m', '1', '-E', features, '-d', folder].concat([
      imagePath,
      `${Math.floor(sizeBytes / 1024)}k`,
    ]),
    { timeoutMs: MAKE_TIMEOUT_MS, env: toolEnvironment() },
  );
  if (!options.keepOwners) await giveToRoot(context, folder, imagePath);
}

/** debugfs changes owners inside the image, which no one but root may do in a folder. */
async function giveToRoot(context: BuildContext, folder: string, imagePath: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const requests = entries.flatMap((entry) => {
    const path = `/${relative(folder, join(entry.parentPath, entry.name))}`;
    return ['uid', 'gid'].map((field) => `set_inode_field "${path}" ${field} 0\n`);
  });
  await context.commands.run('debugfs', ['-w', '-f', '-', imagePath], {
    input: requests.join(''),
    timeoutMs: MAKE_TIMEOUT_MS,
    env: toolEnvironment(),
  });
}

/** e2fsprogs lies in the sbin folders, which the path of an ordinary user lacks. */
export function toolEnvironment(): Record<string, string> {
  return { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C' };
}
