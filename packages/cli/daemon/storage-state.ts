// Owns the move of the Storage Controller's state from where earlier versions had it, beside the volumes.

import { link, mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  ensureDirectory,
  exists,
  removeFile,
  renameDurably,
  syncDirectory,
} from '@ironbark/platform/files.ts';
import type { DataPaths } from './paths.ts';

const EARLIER = /^storage\.db(?:-wal|-shm)?$/;

/** All files of the state have their new place at one moment. A move that was cut short is begun or ended again. */
export async function moveStorageState({ storage, storageState }: DataPaths): Promise<void> {
  await ensureDirectory(storage, 0o711);
  const earlier = (await readdir(storage)).filter((name) => EARLIER.test(name));
  if (earlier.length === 0) return;
  if (!(await exists(storageState))) await moveAll(earlier, storage, storageState);
  for (const name of earlier) await removeFile(join(storage, name));
  await syncDirectory(storage);
}

async function moveAll(names: readonly string[], from: string, to: string): Promise<void> {
  const unfinished = `${to}.new`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(unfinished, { mode: 0o700 });
  for (const name of names) await link(join(from, name), join(unfinished, name));
  await syncDirectory(unfinished);
  await renameDurably(unfinished, to);
}
