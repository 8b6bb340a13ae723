// Owns the way back: what the zone observes of its instances and nodes is written down and acted on.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { ZoneChanges } from '@ironbark/protocol/internal/cluster-client.ts';
import type { InstanceObservation } from '@ironbark/protocol/internal/instance-messages.ts';
import type { App } from '../app/app.ts';
import { refreshNodes, refreshSomeNodes } from '../app/capacity.ts';
import { type Change, change } from '../app/change.ts';
import { leaveGoneNode, outlivesNode } from '../app/gone-nodes.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import { findInstance, listUnplaced, updateInstance } from '../store/instances.ts';
import { type InstanceRow, toFlag } from '../store/schema.ts';

export const ZONE_KEY = 'zone';

/** The zone calls when something changes; this finds what a lost call would have told. */
const POLL_MS = 5_000;

export function createZoneReport(app: App): Reconciler {
  let cursor = 0;
  let askedAllAtMs = Number.NEGATIVE_INFINITY;
  let askedAllOf: number | undefined;
  // A call without a change of instances is about nodes.
  const refresh = async ({ instances, nodesGeneration }: ZoneChanges) => {
    const nowMs = app.clock.monotonicMs();
    const areFresh = nodesGeneration === askedAllOf && nowMs - askedAllAtMs < POLL_MS;
    if (instances.length > 0 && areFresh) {
      return refreshSomeNodes(app, [...new Set(instances.map(({ nodeId }) => nodeId))]);
    }
    await refreshNodes(app);
    askedAllAtMs = nowMs;
    askedAllOf = nodesGeneration;
  };
  return {
    name: 'zone-report',
    listKeys: async () => [ZONE_KEY],
    reconcile: async () => {
      const changes = await app.cluster.changesSince(cursor);
      if (changes.instances.length > 0) {
        const write = () => change(app, (inside) => record(inside, changes));
        const strays = await app.aroundStep('zone-report/record', write);
        const forget = () => app.cluster.forgetInstances(strays);
        if (strays.length > 0) await app.aroundStep('zone-report/forget-strays', forget);
      }
      cursor = changes.cursor;
      await refresh(changes);
      if ((await listUnplaced(app.store.query)).length > 0) app.wake.placement();
      return { kind: 'again', afterMs: POLL_MS };
    },
  };
}

/** Answers the instances that the zone still has although they are over and done with here. */
async function record(inside: Change, changes: ZoneChanges): Promise<InstanceId[]> {
  const strays: InstanceId[] = [];
  for (const { nodeId, observation, isNodeGone = false } of changes.instances) {
    const { id, power } = observation;
    const instance = await findInstance(inside.tx, id);
    const isOver = instance === undefined || instance.forgottenAt !== null;
    if (isOver && power === 'terminated') strays.push(id);
    // Another node's word does not count, nor does anything after the end.
    const isCurrent = instance?.nodeId === nodeId && instance.terminatedAt === null;
    if (instance === undefined || !isCurrent) continue;
    const isLeft = isNodeGone && power === 'terminated' && outlivesNode(instance);
    if (isLeft) await leaveGoneNode(inside, instance, observation);
    else await recordOne(inside, instance, observation);
  }
  return strays;
}

async function recordOne(
  { tx, touched }: Change,
  instance: InstanceRow,
  observation: InstanceObservation,
): Promise<void> {
  const { id, power, generation } = observation;
  const observed = JSON.stringify(observation);
  if (instance.observed === observed) return;
  await updateInstance(tx, id, {
    observed,
    observedPower: power,
    observedGeneration: generation,
    hasRun: toFlag(instance.hasRun === 1 || power === 'running'),
  });
  touched.instances.add(id);
  for (const { volumeId } of await listAttachmentsOf(tx, id)) touched.volumes.add(volumeId);
}
