// Owns a snapshot's life at the storage: told what to be until it is, and dropped when it is gone.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import type { ReconcileResult, Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import type { SnapshotRow } from '../store/schema.ts';
import { deleteSnapshot, findSnapshot, listAllSnapshots } from '../store/snapshots.ts';
import { deleteTags } from '../store/tags.ts';
import { listFillingVolumes } from '../store/volumes.ts';
import { SentGenerations } from './sent-generations.ts';

export type SnapshotStep = 'wait-for-volumes' | 'send' | 'forget';

/** A volume pokes its snapshot when it is filled; this is for the poke that got lost. */
const VOLUMES_AGAIN_MS = 2_000;

export function planSnapshot(
  snapshot: Pick<SnapshotRow, 'desired' | 'generation' | 'observedGeneration' | 'observedState'>,
  fillingVolumes: number,
): SnapshotStep {
  if (snapshot.desired === 'present') return 'send';
  const isReached = snapshot.observedGeneration >= snapshot.generation;
  if (isReached && snapshot.observedState === 'absent') return 'forget';
  return fillingVolumes > 0 ? 'wait-for-volumes' : 'send';
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
  switch (planSnapshot(snapshot, filling.length)) {
    case 'wait-for-volumes':
      return { kind: 'again', afterMs: VOLUMES_AGAIN_MS };
    case 'forget':
      await app.aroundStep('snapshot/forget', () => forget(app, id));
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
  const { id, generation, observedGeneration, desired, volumeId, accountId } = snapshot;
  if (sent.isDue(id, generation, observedGeneration)) {
    const volumeSizeBytes = snapshot.volumeSizeGib * GIB;
    const snapshots = [{ id, generation, desired, volumeId, volumeSizeBytes, accountId }];
    const put = () => app.storage.putIntents({ volumes: [], snapshots });
    await app.aroundStep('snapshot/send', put);
    sent.record(id, generation);
  }
  return sent.next(generation, observedGeneration);
}

async function forget(app: App, id: SnapshotId): Promise<void> {
  await app.storage.forget({ volumes: [], snapshots: [id] });
  await change(app, async ({ tx }) => {
    await deleteSnapshot(tx, id);
    await deleteTags(tx, id);
  });
}
