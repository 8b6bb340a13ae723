// Owns taking in what the Cloud Controller wants of the zone: subnets and placed instances.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import type { PlacedInstance } from '@ironbark/protocol/internal/cluster-client.ts';
import type {
  InstanceObservation,
  SubnetIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import { bumpIntents, findNode } from '../store/nodes.ts';
import { findObservation, type ObservationRow, removeObservation } from '../store/observations.ts';
import {
  findPlacement,
  forgetPlacedInstance,
  leavePlacedInstance,
  purgeForgottenInstances,
  putPlacedInstance,
} from '../store/placed-instances.ts';
import { putZoneSubnets } from '../store/zone.ts';
import type { ClusterContext } from './context.ts';

/** How long a forgotten id stays known: far longer than a late message can travel. */
const FORGOTTEN_KEPT_MS = 24 * 60 * 60 * 1000;

export async function putSubnets(context: ClusterContext, subnets: SubnetIntent[]): Promise<void> {
  const isNews = await context.database.transaction(async (tx) => {
    const changed = await putZoneSubnets(tx, subnets);
    if (changed) await bumpIntents(tx, context.clock.nowMs());
    return changed;
  });
  if (isNews) for (const id of context.nodes.keys()) context.pokeIntent(id);
}

/** Resolves once the intents are on stable storage; the nodes hear of them right after. */
export async function putInstances(
  context: ClusterContext,
  placed: PlacedInstance[],
): Promise<void> {
  for (const { nodeId } of placed) requireNode(context, nodeId);
  const changed = await context.database.transaction(async (tx) => {
    // One may have been removed a moment ago.
    for (const nodeId of new Set(placed.map((each) => each.nodeId))) {
      if ((await findNode(tx, nodeId)) === undefined) throw unknownNode(nodeId);
    }
    const nodes = new Set<NodeId>();
    for (const each of placed) {
      for (const id of await putPlacedInstance(tx, each)) nodes.add(id);
    }
    await bumpIntents(tx, context.clock.nowMs(), [...nodes]);
    return nodes;
  });
  for (const id of changed) context.pokeIntent(id);
}

export async function forgetInstances(context: ClusterContext, ids: InstanceId[]): Promise<void> {
  const nowMs = context.clock.nowMs();
  const changed = await context.database.transaction(async (tx) => {
    const nodes = new Set<NodeId>();
    for (const id of ids) {
      const seen = await findObservation(tx, id);
      const power = seen === undefined ? undefined : powerOf(seen);
      if (seen === undefined || (power !== 'terminated' && power !== 'stopped')) continue;
      const nodeId = await findPlacement(tx, id);
      // It ended where it was before.
      if (nodeId !== undefined && nodeId !== seen.node_id) continue;
      if (nodeId !== undefined) nodes.add(nodeId);
      // What is off and over for the cloud was to be elsewhere, and came to no other node.
      if (nodeId !== undefined && power === 'stopped') await leavePlacedInstance(tx, id);
      await forgetPlacedInstance(tx, id, nowMs);
      await removeObservation(tx, id);
    }
    await bumpIntents(tx, context.clock.nowMs(), [...nodes]);
    await purgeForgottenInstances(tx, nowMs - FORGOTTEN_KEPT_MS);
    return nodes;
  });
  for (const id of changed) context.pokeIntent(id);
}

function powerOf({ observation }: ObservationRow): InstanceObservation['power'] {
  return (JSON.parse(observation) as InstanceObservation).power;
}

function requireNode(context: ClusterContext, id: NodeId): void {
  if (!context.nodes.has(id)) throw unknownNode(id);
}

function unknownNode(id: NodeId): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'node',
    message: `The zone has no node ${id}.`,
  });
}
