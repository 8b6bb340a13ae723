// Owns what the zone tells of its nodes and of what runs there.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import { isolatesTenants } from '@ironbark/core/tenancy.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import type { NodeSummary, ZoneChanges } from '@ironbark/protocol/internal/cluster-client.ts';
import type { FlowReading } from '@ironbark/protocol/internal/flow-messages.ts';
import type {
  ConsoleOutput,
  NetworkReading,
  NodeClient,
  VolumeReading,
} from '@ironbark/protocol/internal/node-client.ts';
import { listNodes, type NodeRow, summaryOf } from '../store/nodes.ts';
import { listChangesAfter } from '../store/observations.ts';
import { findPlacement, listPlacedOn } from '../store/placed-instances.ts';
import { getChangeSequence } from '../store/zone.ts';
import type { ClusterContext } from './context.ts';
import { withinDeadline } from './deadline.ts';

/** Nodes that have reported at least once, in order of id. */
export async function describeNodes(
  context: ClusterContext,
  only?: readonly NodeId[],
): Promise<NodeSummary[]> {
  const rows = await listNodes(context.database.query, only);
  return rows
    .filter((row) => context.nodes.has(row.id))
    .map((row) => describeNode(context, row))
    .filter((node) => node !== undefined);
}

function describeNode(context: ClusterContext, row: NodeRow): NodeSummary | undefined {
  const heard = context.health.find(row.id);
  const known = heard?.summary ?? summaryOf(row);
  if (known === undefined) return undefined;
  // Gates listen where nodes come to.
  const hasAddress = context.findOwnAddress() !== undefined;
  return {
    nodeId: row.id,
    hostname: known.hostname,
    health: context.health.of(row.id),
    hypervisor: known.hypervisor,
    accelerator: known.accelerator,
    isolatesTenants: isolatesTenants(known.accelerator),
    network: known.network,
    keepsVpcs: known.keepsVpcs === true,
    ...(known.version === undefined ? {} : { version: known.version }),
    ...(known.underlayAddress === undefined ? {} : { underlayAddress: known.underlayAddress }),
    ...(context.isElsewhere(row.id) ? { reachesVolumes: false } : {}),
    ...(known.opensGates === true && hasAddress ? { opensGates: true } : {}),
    ...(row.is_draining === 1 ? { isDraining: true } : {}),
    capacity: known.capacity,
    reportedAt: renderTime(heard?.reportedAtMs ?? 0),
  };
}

/** A cursor from before this state store was lost is as good as none. */
export function changesSince(context: ClusterContext, cursor: number): Promise<ZoneChanges> {
  // Read before the rest: what changes meanwhile is told by the next call.
  const { nodesGeneration } = context;
  return context.database.transaction(async (tx) => {
    const newest = await getChangeSequence(tx);
    const after = cursor > newest ? 0 : cursor;
    return { cursor: newest, nodesGeneration, instances: await listChangesAfter(tx, after) };
  });
}

export async function getConsoleOutput(
  context: ClusterContext,
  id: InstanceId,
): Promise<ConsoleOutput> {
  const nodeId = await findPlacement(context.database.query, id);
  const client = nodeId === undefined ? undefined : context.nodes.get(nodeId);
  if (client === undefined) {
    throw new ServiceError({
      kind: 'not-found',
      resource: 'instance',
      message: `The instance ${id} is not in this zone.`,
    });
  }
  return withinDeadline(context.clock, 'getConsoleOutput', client.getConsoleOutput(id));
}

export function readVolumes(context: ClusterContext): Promise<VolumeReading[]> {
  return askAll(context, 'readVolumes', (node) => node.readVolumes());
}

export function readNetwork(context: ClusterContext): Promise<NetworkReading[]> {
  return askAll(context, 'readNetwork', (node) => node.readNetwork());
}

/** Whose interfaces they are is for the cloud to say: instances may have ended since. */
export function readFlows(
  context: ClusterContext,
  nodeId: NodeId,
  after: number,
): Promise<FlowReading> {
  const client = context.nodes.get(nodeId);
  if (client === undefined) {
    throw new ServiceError({
      kind: 'unavailable',
      resource: 'node',
      message: `The node ${nodeId} is away.`,
    });
  }
  return withinDeadline(context.clock, 'readFlows', client.readFlows(after));
}

/** A node that is away or hangs holds up nobody: what it would have told is missing. */
async function askAll<Reading extends { instanceId: InstanceId }>(
  context: ClusterContext,
  what: string,
  ask: (node: NodeClient) => Promise<Reading[]>,
): Promise<Reading[]> {
  const asked = [...context.nodes].map(async ([id, client]) => {
    try {
      const readings = await withinDeadline(context.clock, what, ask(client));
      if (readings.length === 0) return [];
      // Of others' guests it knows nothing.
      const own = new Set(await listPlacedOn(context.database.query, id));
      return readings.filter(({ instanceId }) => own.has(instanceId));
    } catch (error) {
      context.logger.debug('node does not tell of its guests', { id, what, error });
      return [];
    }
  });
  return (await Promise.all(asked)).flat();
}
