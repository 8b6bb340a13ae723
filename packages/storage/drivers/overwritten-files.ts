// Owns the files that hold what is overwritten after a point in time, as long as that is read.

import { type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotId } from '@ironbark/core/ids.ts';
import { writeFully } from '@ironbark/platform/files.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type { FreezePoint } from '@ironbark/protocol/internal/block-target.ts';
import { DAEMON_DIRECTORIES } from './daemon-arguments.ts';
import { overwrittenPath } from './daemon-graph.ts';
import { LUKS_HEADER_BYTES, renderLuksHeader } from './luks-header.ts';
import { luksKeysOf, VOLUME_KEY_BYTES } from './volume-seal.ts';
import type { VolumeUsers } from './volume-users.ts';

interface Host {
  dataDir: string;
  users: VolumeUsers | undefined;
}

/**
 * Anew, and empty. Of an encrypted volume it is encrypted too, under a key that lives as long as it does: gives the
 * passphrase.
 */
export async function makeOverwritten(
  { dataDir, users }: Host,
  { id, snapshotId, sizeBytes, seal }: FreezePoint,
): Promise<string | undefined> {
  const path = join(dataDir, overwrittenPath(snapshotId));
  await rm(path, { force: true });
  await using file: FileHandle = await open(path, 'wx', 0o600);
  const uid = users?.uidOf(id);
  if (uid !== undefined) await file.chown(uid, uid);
  if (seal === undefined) {
    await file.truncate(sizeBytes);
    return undefined;
  }
  const keys = luksKeysOf(systemRandom.bytes(VOLUME_KEY_BYTES));
  await file.truncate(LUKS_HEADER_BYTES + sizeBytes);
  await writeFully(file, renderLuksHeader(keys, systemRandom), 0);
  return keys.passphrase;
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
