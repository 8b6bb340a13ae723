// Owns the way back: what the zone observes of its instances and nodes is written down and acted on.

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { ZoneChanges } from '@ironbark/protocol/internal/cluster-client.ts';
import type { App } from '../app/app.ts';
import { refreshNodes } from '../app/capacity.ts';
import { type Change, change } from '../app/change.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import { findInstance, listUnplaced, updateInstance } from '../store/instances.ts';
import { toFlag } from '../store/schema.ts';

export const ZONE_KEY = 'zone';

/** The zone calls when something changes; this finds what a lost call would have told. */
const POLL_MS = 5_000;

export function createZoneReport(app: App): Reconciler {
  let cursor = 0;
  return {
    name: 'zone-report',
    listKeys: async () => [ZONE_KEY],
    reconcile: async () => {
      const changes = await app.cluster.changesSince(cursor);
      if (changes.instances.length > 0) await change(app, (inside) => record(inside, changes));
      cursor = changes.cursor;
      await refreshNodes(app);
      if ((await listUnplaced(app.store.query)).length > 0) app.wake.placement();
      return { kind: 'again', afterMs: POLL_MS };
    },
  };
}

async function record(inside: Change, changes: ZoneChanges): Promise<void> {
  for (const { nodeId, observation } of changes.instances) {
    await recordOne(inside, nodeId, observation);
  }
}

async function recordOne(
  { tx, touched }: Change,
  nodeId: string,
  observation: ZoneChanges['instances'][number]['observation'],
): Promise<void> {
  const { id, power, generation } = observation;
  const instance = await findInstance(tx, id);
  const observed = JSON.stringify(observation);
  // Another node's word does not count, nor does anything after the end.
  const isStale = instance?.nodeId !== nodeId || instance.terminatedAt !== null;
  if (instance === undefined || isStale || instance.observed === observed) return;
  await updateInstance(tx, id, {
    observed,
    observedPower: power,
    observedGeneration: generation,
    hasRun: toFlag(instance.hasRun === 1 || power === 'running'),
  });
  touched.instances.add(id);
  for (const { volumeId } of await listAttachmentsOf(tx, id)) touched.volumes.add(volumeId);
}
