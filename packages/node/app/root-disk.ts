// Owns the making of an instance's root disk: a preallocated raw file with the image at its front.

import { chown, open, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';
import { removeFile, syncDirectory } from '@ironbark/platform/files.ts';
import { outOfSpace, readDiskSpace, withSpace } from './disk-space.ts';
import { copyImageData } from './sparse-image.ts';

export interface RootDiskSpec {
  path: string;
  imagePath: string;
  sizeBytes: number;
  /** Its owner; undefined: the node's own user. */
  uid: number | undefined;
}

/** Preallocation is a matter of metadata on most file systems; one that writes zeros takes minutes. */
const ALLOCATE_TIMEOUT_MS = 10 * 60_000;

/** The disk has its name once it is whole; what was cut short before is made again. */
export async function makeRootDisk(spec: RootDiskSpec, commands: Commands): Promise<void> {
  const partial = `${spec.path}.partial`;
  const directory = dirname(spec.path);
  await removeFile(partial);
  try {
    const needed = { bytes: spec.sizeBytes, what: 'the root disk' };
    await withSpace(directory, needed, async () => {
      await allocate(partial, spec.sizeBytes, commands);
      await copyImage(spec.imagePath, partial);
    });
    if (spec.uid !== undefined) await chown(partial, spec.uid, spec.uid);
    await rename(partial, spec.path);
  } catch (error) {
    await removeFile(partial);
    throw error;
  }
  await syncDirectory(directory);
}

/** Claims the space now, so that a guest's write never meets a full disk. */
async function allocate(path: string, sizeBytes: number, commands: Commands): Promise<void> {
  const handle = await open(path, 'wx', 0o600);
  await handle.close();
  try {
    const timeout = { timeoutMs: ALLOCATE_TIMEOUT_MS, env: { PATH: '/usr/bin:/bin', LC_ALL: 'C' } };
    await commands.run('fallocate', ['--length', String(sizeBytes), path], timeout);
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    if (error.stderr.includes('No space left')) {
      const { freeBytes } = await readDiskSpace(dirname(path));
      throw outOfSpace(sizeBytes, freeBytes, 'the root disk');
    }
    if (!error.stderr.includes('not supported')) throw error;
    await growSparse(path, sizeBytes);
  }
}

/** For file systems without preallocation. */
async function growSparse(path: string, sizeBytes: number): Promise<void> {
  const handle = await open(path, 'r+');
  try {
    await handle.truncate(sizeBytes);
  } finally {
    await handle.close();
  }
}

/** Zeros are there already. */
async function copyImage(from: string, to: string): Promise<void> {
  const source = await open(from, 'r');
  const target = await open(to, 'r+');
  try {
    await copyImageData(from, source, target);
    await target.sync();
  } finally {
    await source.close();
    await target.close();
  }
}
