// Owns a snapshot's life at the storage: told what to be until it is, and dropped when it is gone.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { ReconcileResult, Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import { composeSnapshotIntent } from '../app/snapshot-intent.ts';
import { isOpen } from '../app/written-snapshots.ts';
import type { SnapshotRow } from '../store/schema.ts';
import {
  deleteSnapshot,
  findSnapshot,
  listAllSnapshots,
  listCopies,
  listRunningCopies,
  updateSnapshot,
} from '../store/snapshots.ts';
import { deleteTags } from '../store/tags.ts';
import { listFillingVolumes } from '../store/volumes.ts';
import { SentGenerations } from './sent-generations.ts';

export type SnapshotStep =
  | 'wait-for-readers'
  | 'send'
  | 'abandon'
  | 'forget'
  | 'forget-copy'
  | 'settled';

/** A volume pokes its snapshot when it is filled, a copy when it goes; this is for the poke that got lost. */
const READERS_AGAIN_MS = 2_000;

export function planSnapshot(
  snapshot: Pick<
    SnapshotRow,
    | 'desired'
    | 'generation'
    | 'observedGeneration'
    | 'observedState'
    | 'contentId'
    | 'writeState'
    | 'writeExpiresAt'
  >,
  /** Volumes that are being filled from it, and copies that have its bytes. */
  readers: number,
  nowMs: number,
): SnapshotStep {
  if (snapshot.contentId !== null) return planCopy(snapshot.desired, readers);
  if (snapshot.desired === 'present') return isExpired(snapshot, nowMs) ? 'abandon' : 'send';
  const isReached = snapshot.observedGeneration >= snapshot.generation;
  if (isReached && snapshot.observedState === 'absent') return 'forget';
  return readers > 0 ? 'wait-for-readers' : 'send';
}

/** Begun, and nobody has written to it for as long as was said. */
function isExpired(
  snapshot: Pick<SnapshotRow, 'writeState' | 'writeExpiresAt' | 'observedState'>,
  nowMs: number,
): boolean {
  return isOpen(snapshot) && nowMs >= (snapshot.writeExpiresAt ?? nowMs);
}

/** The storage knows nothing of a copy. */
function planCopy(desired: SnapshotRow['desired'], readers: number): SnapshotStep {
  if (desired === 'present') return 'settled';
  return readers > 0 ? 'wait-for-readers' : 'forget-copy';
}

export function createSnapshotReconciler(app: App): Reconciler {
  const sent = new SentGenerations<SnapshotId>(app.clock);
  return {
    name: 'snapshot',
    listKeys: async () => (await listAllSnapshots(app.store.query)).map((row) => row.id),
    reconcile: (key) => reconcileSnapshot(app, sent, key as SnapshotId),
  };
}

async function reconcileSnapshot(
  app: App,
  sent: SentGenerations<SnapshotId>,
  id: SnapshotId,
): Promise<ReconcileResult> {
  const snapshot = await findSnapshot(app.store.query, id);
  if (snapshot === undefined) return SETTLED;
  const filling = await listFillingVolumes(app.store.query, id);
  const copies = await listCopies(app.store.query, id);
  const running = await listRunningCopies(app.store.query, id);
  const readers = filling.length + copies.length + running.length;
  switch (planSnapshot(snapshot, readers, app.clock.nowMs())) {
    case 'settled':
      return SETTLED;
    case 'wait-for-readers':
      return { kind: 'again', afterMs: READERS_AGAIN_MS };
    case 'abandon':
      await app.aroundStep('snapshot/abandon', () => abandon(app, id));
      return { kind: 'again', afterMs: 0 };
    case 'forget-copy':
      await app.aroundStep('snapshot/forget-copy', () => drop(app, snapshot));
      return SETTLED;
    case 'forget':
      await app.aroundStep('snapshot/forget', () => forget(app, snapshot));
      sent.forget(id);
      return SETTLED;
    case 'send':
      return send(app, sent, snapshot);
  }
}

async function send(
  app: App,
  sent: SentGenerations<SnapshotId>,
  snapshot: SnapshotRow,
): Promise<ReconcileResult> {
  const { id, generation, observedGeneration } = snapshot;
  if (sent.isDue(id, generation, observedGeneration)) {
    const snapshots = [composeSnapshotIntent(snapshot)];
    const put = () => app.storage.putIntents({ volumes: [], snapshots });
    await app.aroundStep('snapshot/send', put);
    sent.record(id, generation);
  }
  return sent.next(generation, observedGeneration);
}

async function abandon(app: App, id: SnapshotId): Promise<void> {
  await change(app, async ({ tx, nowMs }) => {
    const row = await findSnapshot(tx, id);
    // Somebody may have written in the meantime.
    if (row === undefined || row.desired === 'absent' || !isExpired(row, nowMs)) return;
    await updateSnapshot(tx, id, { writeState: 'abandoned', generation: row.generation + 1 });
  });
}

async function forget(app: App, snapshot: SnapshotRow): Promise<void> {
  await app.storage.forget({ volumes: [], snapshots: [snapshot.id] });
  await drop(app, snapshot);
}

async function drop(app: App, { id, contentId }: SnapshotRow): Promise<void> {
  await change(app, async ({ tx, touched }) => {
    await deleteSnapshot(tx, id);
    await deleteTags(tx, id);
    if (contentId !== null) touched.snapshots.add(contentId);
  });
}
