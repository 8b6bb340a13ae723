// Owns the files that hold what is overwritten after a point in time, as long as that is read.

import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { FreezePoint } from '@ironbark/protocol/internal/block-target.ts';
import { DAEMON_DIRECTORIES } from './daemon-arguments.ts';
import { overwrittenPath } from './daemon-graph.ts';
import type { VolumeUsers } from './volume-users.ts';

interface Host {
  dataDir: string;
  users: VolumeUsers | undefined;
}

/** Anew, and empty. */
export async function makeOverwritten(
  { dataDir, users }: Host,
  { id, snapshotId, sizeBytes }: FreezePoint,
): Promise<void> {
  const path = join(dataDir, overwrittenPath(snapshotId));
  await rm(path, { force: true });
  await using file: FileHandle = await open(path, 'wx', 0o600);
  const uid = users?.uidOf(id);
  if (uid !== undefined) await file.chown(uid, uid);
  await file.truncate(sizeBytes);
}

/** Removes those of points in time that nobody holds. */
export async function sweepOverwritten(
  { dataDir }: Host,
  held: readonly SnapshotId[],
): Promise<void> {
  const kept = new Set(held.map((snapshotId) => `${snapshotId}.raw`));
  const directory = join(dataDir, DAEMON_DIRECTORIES.overwritten);
  for (const name of await readdir(directory)) {
    if (!kept.has(name)) await rm(join(directory, name), { force: true });
  }
}
