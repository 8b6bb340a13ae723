// A data folder of the first cut under today's code: its volumes are served, and what was made of them is there.

import assert from 'node:assert/strict';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { SNAPSHOT_BUCKET } from './app/snapshot-manifest.ts';
import { createStorageTables } from './store/migrations/0001-storage.ts';
import {
  Harness,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const READY = {
  generation: 1,
  desired: 'present',
  observed_generation: 1,
  progress_percent: 100,
  reason: null,
  forgotten_at: null,
};
const VOLUME = {
  ...READY,
  size_bytes: 16 * MIB,
  observed_state: 'ready',
  engine: null,
  export: null,
};
const NOT_OPEN = { export_to: null, exported_to: null, export_epoch: 0 };
const OPEN = { export_to: NODE, exported_to: NODE, export_epoch: 1 };
const SNAPSHOT = {
  ...READY,
  id: snapshotId(1),
  volume_id: volumeId(1),
  volume_size_bytes: 16 * MIB,
  observed_state: 'completed',
  stored_bytes: 0,
  frozen_epoch: 1,
  frozen_exported: 1,
  next_chunk: 4,
};
/** Of zeros, in the form that had chunks of its own instead of shared blocks. */
const MANIFEST = {
  format: 'ironbark-snapshot/1',
  snapshotId: snapshotId(1),
  volumeId: volumeId(1),
  volumeSizeBytes: 16 * MIB,
  chunkBytes: 4 * MIB,
  completedAt: '2026-01-01T00:00:00.000Z',
  chunks: [],
};

/** A volume that a guest has open, one that was made from its snapshot, and that snapshot. */
async function writeFirstCut({ dataDir }: Harness): Promise<void> {
  const migrations = { '0001-storage': { up: createStorageTables } };
  type Tables = Record<string, Record<string, string | number | null>>;
  const path = join(dataDir, 'storage.db');
  await using database = await openSqlite<Tables>({ path, migrations });
  const socketPath = join(dataDir, 'run/exports', `${volumeId(1)}.nbd`);
  const exported = { kind: 'nbd-unix', socketPath, exportName: volumeId(1) };
  const volumes = [
    {
      ...VOLUME,
      ...OPEN,
      id: volumeId(1),
      from_snapshot_id: null,
      export: JSON.stringify(exported),
    },
    { ...VOLUME, ...NOT_OPEN, id: volumeId(2), from_snapshot_id: snapshotId(1) },
  ];
  await database.transaction(async (tx) => {
    await tx.insertInto('volume').values(volumes).execute();
    await tx.insertInto('snapshot').values(SNAPSHOT).execute();
  });
  for (const { id } of volumes) {
    await writeFile(join(dataDir, 'volumes', `${id}.raw`), Buffer.alloc(16 * MIB, 0x42));
  }
}

test('volumes and snapshots of the first cut are served, read, made volumes of, and deleted', async () => {
  await using harness = await Harness.start();
  await harness.stop();
  await rm(join(harness.dataDir, 'storage.db'));
  await writeFirstCut(harness);
  await harness.objects.ensureBucket(SNAPSHOT_BUCKET);
  const key = `${snapshotId(1)}/manifest.json`;
  const body = Buffer.from(JSON.stringify(MANIFEST));
  await harness.objects.putObject({ bucket: SNAPSHOT_BUCKET, key, body });
  await harness.restart();
  await harness.until('the volume to be served', () => reads(harness, volumeId(1), 0x42));
  await harness.put(volume(2, { generation: 2, exportTo: NODE }));
  await harness.put(volume(3, { fromSnapshotId: snapshotId(1), exportTo: NODE }));
  await harness.until('the other to be served', () => reads(harness, volumeId(2), 0x42));
  await harness.until('the new one to be served', () => reads(harness, volumeId(3), 0));
  const { state, storedBytes } = (await harness.snapshot(snapshotId(1)))!;
  assert.deepEqual([state, storedBytes], ['completed', 0]);
  const gone = { generation: 3, desired: 'absent' as const };
  await harness.put(volume(1, gone), volume(2, gone), volume(3, gone), snapshot(1, gone));
  for (const id of [1, 2, 3].map(volumeId)) {
    await harness.untilVolume(id, (each) => each.state === 'absent');
  }
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'absent');
  assert.deepEqual(await harness.files(), []);
});

async function reads(harness: Harness, id: VolumeId, pattern: number): Promise<boolean> {
  const seen = await harness.volume(id);
  if (seen?.export === undefined) return false;
  return await qemuIo(seen, `read -P ${pattern} 0 16M`).then(
    () => true,
    () => false,
  );
}
