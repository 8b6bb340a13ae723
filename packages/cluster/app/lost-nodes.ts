// Owns the end of nodes that leave instances behind: the certificate is worth nothing, and the zone's word for each
// instance is, from then on, that it is over there.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { NodeId } from '@ironbark/core/ids.ts';
import { NODE_LEASE_MS } from '@ironbark/protocol/internal/cluster-client.ts';
import type {
  InstanceIntent,
  InstanceObservation,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { Kysely } from 'kysely';
import type { JoinedNodeRow } from '../store/joined-nodes.ts';
import { deleteJoinedNode } from '../store/joined-nodes.ts';
import { addLostNode } from '../store/lost-nodes.ts';
import { bumpIntents, deleteNode, findNode, summaryOf } from '../store/nodes.ts';
import { findObservation, putObservation } from '../store/observations.ts';
import { listIntents } from '../store/placed-instances.ts';
import type { ClusterSchema } from '../store/schema.ts';
import { nextChange } from '../store/zone.ts';
import type { ClusterContext } from './context.ts';

/**
 * Throws unless the node has been silent for a whole lease while it could have come. `listeningMs`: for how long nodes
 * have been listened to; undefined while they cannot come in.
 */
export function requireLost(
  { health }: Pick<ClusterContext, 'health'>,
  { id, name }: Pick<JoinedNodeRow, 'id' | 'name'>,
  { isConnected, listeningMs }: { isConnected: boolean; listeningMs: number | undefined },
): void {
  if (isConnected || health.of(id) === 'ready') throw isThere(name);
  if (listeningMs === undefined) {
    throw tooEarly('Nodes cannot come in now, so that none is known to be lost; see: status');
  }
  // After a start each one is away until it has come.
  const leftSeconds = Math.ceil((NODE_LEASE_MS - listeningMs) / 1000);
  if (leftSeconds <= 0) return;
  throw tooEarly(
    `The front end started a moment ago, and ${name} may be on its way; ask again in ${leftSeconds} s.`,
  );
}

/**
 * Everything that a removal writes, for one transaction. Instances stay placed until the cloud has read of their end and
 * drops them; the other nodes' documents leave the node out, so that nothing that it sends is let in.
 */
export async function writeLost(
  { clock }: Pick<ClusterContext, 'clock'>,
  tx: Kysely<ClusterSchema>,
  { id, name, fingerprint }: Pick<JoinedNodeRow, 'id' | 'name' | 'fingerprint'>,
): Promise<void> {
  const nowMs = clock.nowMs();
  for (const intent of await listIntents(tx, id)) {
    const what = isOnVolume(intent) ? '' : ', and the instance with it';
    await writeEnd(tx, id, { intent, reason: `The node ${name} was lost${what}.` });
  }
  await deleteJoinedNode(tx, id);
  await deleteNode(tx, id);
  await addLostNode(tx, { id, name, fingerprint, removed_at: nowMs });
  await bumpIntents(tx, nowMs);
}

/**
 * The same of a node that is there, with nothing on it that another one could not have: instances that are off, and whose
 * disks are volumes. Answers how many others it has; nothing is written then.
 */
export async function writeRemoved(
  tx: Kysely<ClusterSchema>,
  { id, name }: Pick<JoinedNodeRow, 'id' | 'name'>,
): Promise<number> {
  const intents = await listIntents(tx, id);
  const areFree = await Promise.all(intents.map((intent) => isFree(tx, intent)));
  const count = areFree.filter((isIt) => !isIt).length;
  if (count > 0) return count;
  const reason = `The node ${name} was removed.`;
  for (const intent of intents) await writeEnd(tx, id, { intent, reason });
  await deleteJoinedNode(tx, id);
  await deleteNode(tx, id);
  return 0;
}

async function isFree(tx: Kysely<ClusterSchema>, intent: InstanceIntent): Promise<boolean> {
  if (intent.power !== 'stopped' || !isOnVolume(intent)) return false;
  const seen = await findObservation(tx, intent.id);
  if (seen === undefined) return false;
  const { power, generation } = JSON.parse(seen.observation) as InstanceObservation;
  return power === 'stopped' && generation >= intent.generation;
}

function isOnVolume({ rootDisk }: InstanceIntent): boolean {
  return rootDisk?.volumeId !== undefined;
}

async function writeEnd(
  tx: Kysely<ClusterSchema>,
  nodeId: NodeId,
  { intent, reason }: { intent: InstanceIntent; reason: string },
): Promise<void> {
  const { id, generation, rebootCount } = intent;
  const seen = await findObservation(tx, id);
  // What is over on another one may run here.
  const isOver = (said: string) => (JSON.parse(said) as InstanceObservation).power === OVER;
  if (seen?.node_id === nodeId && isOver(seen.observation)) return;
  const node = await findNode(tx, nodeId);
  const summary = node === undefined ? undefined : summaryOf(node);
  const observation: InstanceObservation = {
    ...{ id, generation, heardGeneration: generation, power: OVER, reason, rebootCount },
    hypervisor: summary?.hypervisor ?? 'unknown',
    // What the node has never said counts as the least.
    accelerator: summary?.accelerator ?? 'tcg',
    isolatesTenants: summary?.isolatesTenants ?? false,
    volumes: [],
    interfaces: [],
  };
  const change_sequence = await nextChange(tx);
  const row = { id, node_id: nodeId, observation: JSON.stringify(observation), change_sequence };
  await putObservation(tx, row);
}

const OVER = 'terminated' satisfies InstanceObservation['power'];

function isThere(name: string): ServiceError {
  return new ServiceError({
    kind: 'incorrect-state',
    resource: 'node',
    message: `The node ${name} is not away: drain it, terminate its instances or stop those whose root disks are volumes, and remove it then.`,
  });
}

function tooEarly(message: string): ServiceError {
  return new ServiceError({ kind: 'unavailable', resource: 'node', message });
}
