// Owns snapshots that share one point in time: it is taken when all of them are known and all their volumes are there,
// for all at once, and written down for all or for none.

import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { StorageContext } from '../app/context.ts';
import { ensureLayer } from '../app/layers.ts';
import { endMeasuring, SNAPSHOT_WANTED } from '../app/measured-volumes.ts';
import { isLetIn } from '../app/openings.ts';
import { notePoint } from '../store/points.ts';
import { findSnapshotsEver, type SnapshotRow, updateSnapshot } from '../store/snapshots.ts';
import { findVolume } from '../store/volumes.ts';
import type { ObservedSnapshot } from './plan-snapshot.ts';

type VolumeState = ObservedSnapshot['volume'];

/** Those that this one waits for; it alone once it has its point in time, whatever becomes of the others. */
export async function listWaitingTogether(
  context: StorageContext,
  row: SnapshotRow,
): Promise<{ rows: SnapshotRow[]; isComplete: boolean }> {
  if (row.together === null || row.frozen_epoch !== null) return { rows: [row], isComplete: true };
  const ids = JSON.parse(row.together) as SnapshotId[];
  const known = await findSnapshotsEver(context.database.query, ids);
  // One that was deleted before its time came is not waited for.
  const rows = known.filter((each) => each.desired === 'present');
  return { rows, isComplete: known.length === ids.length };
}

/** What stands between a set and its point in time, of all its volumes. */
export async function readSetState(
  context: StorageContext,
  row: SnapshotRow,
  readVolume: (row: SnapshotRow) => Promise<VolumeState>,
): Promise<VolumeState> {
  const { rows, isComplete } = await listWaitingTogether(context, row);
  const states = await Promise.all(
    rows.map(async (each) =>
      each.observed_state === 'failed' ? 'missing' : await readVolume(each),
    ),
  );
  if (states.includes('missing')) return 'missing';
  return isComplete && !states.includes('making') ? 'ready' : 'making';
}

/** Holds all volumes of the set at one moment. Does nothing when another of the set has done it meanwhile. */
export async function freezeSet(context: StorageContext, id: SnapshotId): Promise<void> {
  const [row] = await findSnapshotsEver(context.database.query, [id]);
  const { rows } = await listWaitingTogether(context, row!);
  const volumes = [...new Set(rows.map((each) => each.volume_id))].sort();
  endMeasuring(context, volumes, SNAPSHOT_WANTED);
  await lockAll(context, volumes, async () => {
    const [now] = await findSnapshotsEver(context.database.query, [id]);
    if (now?.frozen_epoch !== null) return;
    await freezeLocked(context, (await listWaitingTogether(context, now)).rows);
  });
  context.changed();
  for (const volumeId of volumes) context.pokeVolume(volumeId);
  for (const each of rows) if (each.id !== id) context.pokeSnapshot(each.id);
}

async function freezeLocked(context: StorageContext, rows: readonly SnapshotRow[]): Promise<void> {
  const found = await Promise.all(
    rows.map(async (row) => ({
      row,
      volume: await findVolume(context.database.query, row.volume_id),
    })),
  );
  // One may have gone while this waited for its turn; the next look sees that.
  if (found.some(({ volume }) => volume?.observed_state !== 'ready')) return;
  const frozen = found.map(({ row, volume }) => ({ row, volume: volume! }));
  // What an attempt left that was cut short is of another moment.
  for (const { row } of frozen) await context.target.thaw(row.volume_id, row.id);
  for (const { volume } of frozen) await ensureLayer(context, volume);
  for (const { row, volume } of frozen) {
    if (volume.backend === 'rbd') await notePoint(context.database.query, row);
  }
  await context.target.freezeTogether(
    await Promise.all(
      frozen.map(async ({ row, volume }) => ({
        id: row.volume_id,
        snapshotId: row.id,
        sizeBytes: volume.size_bytes,
        ...(await context.keys.sealOf(volume)),
      })),
    ),
  );
  await context.database.transaction(async (tx) => {
    for (const { row, volume } of frozen) {
      await updateSnapshot(tx, row.id, {
        frozen_epoch: volume.export_epoch,
        frozen_exported: isLetIn(volume) ? 1 : 0,
      });
    }
  });
}

/** In one order everywhere, so that two sets never wait for each other. */
async function lockAll(
  context: StorageContext,
  [first, ...rest]: readonly VolumeId[],
  work: () => Promise<void>,
): Promise<void> {
  if (first === undefined) return work();
  await context.locks.run(first, () => lockAll(context, rest, work));
}
