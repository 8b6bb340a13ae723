// Owns how much room the zone's nodes have left, from what they reported and what is already desired of them.

import { isolatesTenants } from '@ironbark/core/tenancy.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { NodeSummary } from '@ironbark/protocol/internal/cluster-client.ts';
import { listLiveInstances } from '../store/instances.ts';
import { listNodes, replaceNodes } from '../store/nodes.ts';
import type { InstanceRow, NodeRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import type { NodeRoom, PlacementDemand } from './place-instances.ts';

/**
 * Virtual processors that one processor may carry. Guests are mostly idle; 16 is what OpenStack ran with by
 * default for years (nova, `cpu_allocation_ratio`). Memory is never promised twice.
 */
export const VCPUS_PER_CPU = 16;

export function demandOf(instance: InstanceRow): PlacementDemand {
  const { id, accountId, vcpus, memoryMib } = instance;
  return { id, accountId, vcpus, memoryMib, rootDiskBytes: localDiskBytes(instance) };
}

/** A root disk that is a volume takes none of its node's disk. */
export function localDiskBytes({
  rootDeviceType,
  rootDiskBytes,
}: Pick<InstanceRow, 'rootDeviceType' | 'rootDiskBytes'>): number {
  return rootDeviceType === 'ebs' ? 0 : rootDiskBytes;
}

/** A stopped instance gives its memory back and keeps its disk, as in EC2. */
function holdsMemory(instance: InstanceRow): boolean {
  if (instance.desiredPower === 'running') return true;
  if (instance.observedPower === null) return false;
  const isReached = instance.observedGeneration >= instance.powerGeneration;
  return !(isReached && ['stopped', 'terminated'].includes(instance.observedPower));
}

/** The node counts a root disk as used space once it has made it. */
function waitsForDisk(instance: InstanceRow): boolean {
  const isMade = instance.observedPower !== null && instance.observedPower !== 'preparing';
  return !isMade && instance.desiredPower !== 'terminated';
}

export interface RoomOptions {
  /** Nodes that are no boundary between accounts take the guests of several all the same. */
  allowSharedEmulation: boolean;
  /** Instances that do not count. */
  except?: ReadonlySet<string>;
}

/** An instance that is off counts among a node's accounts: it can only be started where its disk is. */
export function computeRooms(
  nodes: readonly NodeRow[],
  instances: readonly InstanceRow[],
  { allowSharedEmulation, except }: RoomOptions,
): NodeRoom[] {
  // Grouped once: looking through all instances for every node takes seconds in a large cloud.
  const byNode = Map.groupBy(instances, (instance) => instance.nodeId);
  return nodes.map((node) => {
    const here = (byNode.get(node.id) ?? []).filter((i) => except?.has(i.id) !== true);
    const running = here.filter(holdsMemory);
    return {
      nodeId: node.id,
      hostname: node.hostname,
      health: node.health,
      freeVcpus: node.vcpus * VCPUS_PER_CPU - sum(running, (i) => i.vcpus),
      freeMemoryMib: node.memoryMib - sum(running, (i) => i.memoryMib),
      freeDiskBytes: node.diskFreeBytes - sum(here.filter(waitsForDisk), localDiskBytes),
      takesAnyAccount: allowSharedEmulation || isolatesTenants(node.accelerator),
      accounts: new Set(here.map((i) => i.accountId)),
    };
  });
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

export async function loadRooms(tx: Queries, options: RoomOptions): Promise<NodeRoom[]> {
  return computeRooms(await listNodes(tx), await listLiveInstances(tx), options);
}

/** The room of one node without the instance itself, for starting it where its disk is. */
export async function loadRoomFor(
  { allowSharedEmulation }: App,
  tx: Queries,
  instance: InstanceRow,
): Promise<NodeRoom | undefined> {
  const rooms = await loadRooms(tx, { allowSharedEmulation, except: new Set([instance.id]) });
  return rooms.find((room) => room.nodeId === instance.nodeId);
}

/** Asks the zone for its nodes and keeps the answer. */
export async function refreshNodes(app: App): Promise<void> {
  const summaries = await app.cluster.describeNodes();
  const rows = summaries.map(toRow).sort((a, b) => (a.id < b.id ? -1 : 1));
  const known = await listNodes(app.store.query);
  if (JSON.stringify(known) === JSON.stringify(rows)) return;
  await app.store.transaction((tx) => replaceNodes(tx, rows));
}

/** For a request that needs a node: a cloud that has just started may not have heard of its nodes yet. */
export async function ensureNodesKnown(app: App): Promise<void> {
  const nodes = await listNodes(app.store.query);
  if (nodes.some((node) => node.health === 'ready')) return;
  await refreshNodes(app);
}

/** Free space moves with every write on the node; a coarser number is as good and costs no commit each time. */
const DISK_STEP_BYTES = 64 * MIB;

function toRow(node: NodeSummary): NodeRow {
  const { vcpus, memoryMib, diskBytes, diskFreeBytes } = node.capacity;
  return {
    id: node.nodeId,
    hostname: node.hostname,
    health: node.health,
    hypervisor: node.hypervisor,
    accelerator: node.accelerator,
    network: node.network,
    vcpus,
    memoryMib,
    diskBytes,
    diskFreeBytes: Math.floor(diskFreeBytes / DISK_STEP_BYTES) * DISK_STEP_BYTES,
  };
}
