// Owns the making of an instance's root disk: a preallocated raw file with the image at its front.

import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';
import { makeFile, removeFile } from '@ironbark/platform/files.ts';
import { outOfSpace, readDiskSpace, withSpace } from './disk-space.ts';
import { copyImageData } from './sparse-image.ts';

export interface RootDiskSpec {
  path: string;
  imagePath: string;
  sizeBytes: number;
  /** Its owner; undefined: the node's own user. */
  uid: number | undefined;
}

const PARTIAL = '.partial';
/** Preallocation is a matter of metadata on most file systems; one that writes zeros takes minutes. */
const ALLOCATE_TIMEOUT_MS = 10 * 60_000;

/** The disk has its name once it is whole; what was cut short before is made again. */
export async function makeRootDisk(spec: RootDiskSpec, commands: Commands): Promise<void> {
  const fill = async (handle: FileHandle, partial: string) => {
    await allocate(partial, handle, { sizeBytes: spec.sizeBytes, commands });
    await copyImage(spec.imagePath, handle);
    if (spec.uid !== undefined) await handle.chown(spec.uid, spec.uid);
  };
  // What was cut short takes room that this one may need.
  await removeFile(`${spec.path}${PARTIAL}`);
  const needed = { bytes: spec.sizeBytes, what: 'the root disk' };
  await withSpace(dirname(spec.path), needed, () => makeFile(spec.path, fill, { suffix: PARTIAL }));
}

/** Claims the space now, so that a guest's write never meets a full disk. */
async function allocate(
  path: string,
  handle: FileHandle,
  { sizeBytes, commands }: { sizeBytes: number; commands: Commands },
): Promise<void> {
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
    // A file system without preallocation.
    await handle.truncate(sizeBytes);
  }
}

/** Zeros are there already. */
async function copyImage(from: string, target: FileHandle): Promise<void> {
  const source = await open(from, 'r');
  try {
    await copyImageData(from, source, target);
  } finally {
    await source.close();
  }
}
