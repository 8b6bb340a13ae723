// Owns the files in which daemons put aside what volumes held at a point in time.

import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { DAEMON_DIRECTORIES } from './daemon-arguments.ts';
import { overwrittenPath } from './daemon-graph.ts';
import type { DaemonHost } from './daemon-host.ts';

export async function makeOverwritten(
  { dataDir, users }: DaemonHost,
  id: VolumeId,
  { snapshotId, sizeBytes }: { snapshotId: SnapshotId; sizeBytes: number },
): Promise<void> {
  const path = join(dataDir, overwrittenPath(snapshotId));
  await rm(path, { force: true });
  await using file: FileHandle = await open(path, 'wx', 0o600);
  const uid = users?.uidOf(id);
  if (uid !== undefined) await file.chown(uid, uid);
  await file.truncate(sizeBytes);
}

export async function sweepOverwritten(
  { dataDir }: DaemonHost,
  kept: ReadonlySet<string>,
): Promise<void> {
  const directory = join(dataDir, DAEMON_DIRECTORIES.overwritten);
  for (const name of await readdir(directory)) {
    if (!kept.has(name)) await rm(join(directory, name), { force: true });
  }
}
