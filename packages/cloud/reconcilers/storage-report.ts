// Owns the way back from the storage: what it observes of volumes and snapshots is written down.

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type {
  SnapshotStorageObservation,
  StorageReport,
  VolumeStorageObservation,
} from '@ironbark/protocol/internal/storage-client.ts';
import type { App } from '../app/app.ts';
import { type Change, change } from '../app/change.ts';
import { takeBackGrowth } from '../app/failed-growth.ts';
import { type SnapshotRow, toFlag, type VolumeRow } from '../store/schema.ts';
import { findSnapshot, listAllSnapshots, updateSnapshot } from '../store/snapshots.ts';
import { findVolume, listAllVolumes, updateVolume } from '../store/volumes.ts';
import { areOpeningsNews, loadHolders, recordOpenings } from './opening-report.ts';

export const STORAGE_KEY = 'storage';

/** The storage calls when something changes; this finds what a lost call would have told. */
const POLL_MS = 5_000;

export function createStorageReport(app: App): Reconciler {
  return {
    name: 'storage-report',
    listKeys: async () => [STORAGE_KEY],
    reconcile: async () => {
      const report = await app.storage.getReport();
      const volumes = new Map((await listAllVolumes(app.store.query)).map((row) => [row.id, row]));
      const snapshots = new Map(
        (await listAllSnapshots(app.store.query)).map((row) => [row.id, row]),
      );
      const holders = await loadHolders(app.store.query);
      const newVolumes = report.volumes.filter(
        (o) => isVolumeNews(volumes.get(o.id), o) || areOpeningsNews(holders.get(o.id) ?? [], o),
      );
      const newSnapshots = report.snapshots.filter((o) => isSnapshotNews(snapshots.get(o.id), o));
      if (newVolumes.length + newSnapshots.length > 0) {
        const write = () =>
          change(app, async (inside) => {
            for (const observation of newVolumes) await recordVolume(inside, observation);
            for (const observation of newSnapshots) await recordSnapshot(inside, observation);
          });
        await app.aroundStep('storage-report/record', write);
      }
      await forgetStrays(app, report, { volumes, snapshots });
      return { kind: 'again', afterMs: POLL_MS };
    },
  };
}

/** Drops what the storage keeps a row of although nobody here knows it any more. */
async function forgetStrays(
  app: App,
  report: StorageReport,
  known: { volumes: ReadonlyMap<string, unknown>; snapshots: ReadonlyMap<string, unknown> },
): Promise<void> {
  const isAbsent = (one: { state: string }) => one.state === 'absent';
  const volumes = report.volumes.filter((one) => isAbsent(one) && !known.volumes.has(one.id));
  const snapshots = report.snapshots.filter((one) => isAbsent(one) && !known.snapshots.has(one.id));
  if (volumes.length + snapshots.length === 0) return;
  const ids = {
    volumes: volumes.map((one) => one.id),
    snapshots: snapshots.map((one) => one.id),
  };
  await app.aroundStep('storage-report/forget-strays', () => app.storage.forget(ids));
}

function volumeColumns(observation: VolumeStorageObservation) {
  return {
    observedGeneration: observation.generation,
    observedState: observation.state,
    observedProgress: Math.round(observation.progressPercent),
    observedReason: observation.reason ?? null,
    observedExport: observation.export === undefined ? null : JSON.stringify(observation.export),
  };
}

function isVolumeNews(row: VolumeRow | undefined, observation: VolumeStorageObservation): boolean {
  if (row === undefined) return false;
  const isAway = observation.isAway === true;
  return isAway !== (row.awaySince !== null) || differs(row, volumeColumns(observation));
}

function differs<Columns extends object>(row: Columns, columns: Partial<Columns>): boolean {
  return Object.entries(columns).some(([name, value]) => row[name as keyof Columns] !== value);
}

async function recordVolume(
  { tx, touched, nowMs }: Change,
  observation: VolumeStorageObservation,
): Promise<void> {
  const row = await findVolume(tx, observation.id);
  if (row === undefined) return;
  const awaySince = observation.isAway === true ? (row.awaySince ?? nowMs) : null;
  await updateVolume(tx, row.id, { ...volumeColumns(observation), awaySince });
  await recordOpenings(tx, observation);
  if (observation.hasFailedToGrow === true) await takeBackGrowth(tx, observation, nowMs);
  touched.volumes.add(row.id);
  if (row.snapshotId !== null) touched.snapshots.add(row.snapshotId);
}

function snapshotColumns(observation: SnapshotStorageObservation) {
  return {
    observedGeneration: observation.generation,
    observedState: observation.state,
    observedProgress: Math.round(observation.progressPercent),
    observedReason: observation.reason ?? null,
    storedBytes: observation.storedBytes,
    observedHeld: toFlag(observation.isHeld === true),
  };
}

function isSnapshotNews(
  row: SnapshotRow | undefined,
  observation: SnapshotStorageObservation,
): boolean {
  return row !== undefined && differs(row, snapshotColumns(observation));
}

async function recordSnapshot(
  { tx, touched, nowMs }: Change,
  observation: SnapshotStorageObservation,
): Promise<void> {
  const row = await findSnapshot(tx, observation.id);
  if (row === undefined) return;
  const isFirstCompletion = observation.state === 'completed' && row.completedAt === null;
  await updateSnapshot(tx, row.id, {
    ...snapshotColumns(observation),
    ...(isFirstCompletion ? { completedAt: nowMs } : {}),
  });
  touched.snapshots.add(row.id);
  touched.volumes.add(row.volumeId);
}
