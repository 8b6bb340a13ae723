// Owns how much room the zone's nodes have left, from what they reported and what is already desired of them.

import type { AccountId, NodeId, PlacementGroupId } from '@ironbark/core/ids.ts';
import { isolatesTenants } from '@ironbark/core/tenancy.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { NodeSummary } from '@ironbark/protocol/internal/cluster-client.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import {
  type InstanceUse,
  listNodesOfGroups,
  listNodeUse,
  listRoomiest,
  listStaleUse,
  listUsersOf,
  putNodeUse,
} from '../store/node-use.ts';
import type { NodeUseRow } from '../store/node-use-schema.ts';
import {
  findNode,
  findNodes,
  hasReadyNode,
  listNodes,
  putNodes,
  replaceNodes,
} from '../store/nodes.ts';
import { type InstanceRow, type NodeRow, toFlag } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import {
  type DemandedGroup,
  type NodeRoom,
  type Placement,
  type PlacementDemand,
  placeAmongRoomiest,
  placeInstances,
} from './place-instances.ts';
import { comesByGate } from './volume-reach.ts';

/**
 * Virtual processors that one processor may carry. Guests are mostly idle; 16 is what OpenStack ran with by
 * default for years (nova, `cpu_allocation_ratio`). Memory is never promised twice.
 */
export const VCPUS_PER_CPU = 16;

export function demandOf(instance: InstanceRow): PlacementDemand {
  const { id, accountId, vcpus, memoryMib } = instance;
  const group = groupOf(instance);
  const needsVolumes = instance.rootDeviceType === 'ebs';
  const rootDiskBytes = localDiskBytes(instance);
  return { id, accountId, vcpus, memoryMib, rootDiskBytes, needsVolumes, group };
}

/** The same with what needs a look: volumes of a launch are attached to it before it has a node. */
export async function loadDemand(tx: Queries, row: InstanceRow): Promise<PlacementDemand> {
  const demand = demandOf(row);
  const attached = await listAttachmentsOf(tx, row.id);
  const needsVolumes = demand.needsVolumes === true || attached.length > 0;
  return { ...demand, needsVolumes, needsNearVolumes: attached.some((one) => !comesByGate(one)) };
}

function groupOf({
  placementGroupId: id,
  placementStrategy: strategy,
}: InstanceRow): DemandedGroup | undefined {
  return id === null || strategy === null ? undefined : { id, strategy };
}

/** A root disk that is a volume takes none of its node's disk. */
export function localDiskBytes({
  rootDeviceType,
  rootDiskBytes,
}: Pick<InstanceRow, 'rootDeviceType' | 'rootDiskBytes'>): number {
  return rootDeviceType === 'ebs' ? 0 : rootDiskBytes;
}

/** A stopped instance gives its memory back and keeps its disk, as in EC2. */
function holdsMemory(instance: InstanceUse): boolean {
  if (instance.desiredPower === 'running') return true;
  if (instance.observedPower === null) return false;
  const isReached = instance.observedGeneration >= instance.powerGeneration;
  return !(isReached && ['stopped', 'terminated'].includes(instance.observedPower));
}

/** The node counts a root disk as used space once it has made it. */
function waitsForDisk(instance: InstanceUse): boolean {
  const isMade = instance.observedPower !== null && instance.observedPower !== 'preparing';
  return !isMade && instance.desiredPower !== 'terminated';
}

export interface RoomOptions {
  /** Nodes that are no boundary between accounts take the guests of several all the same. */
  allowSharedEmulation: boolean;
}

/** What the instances of one node take of it. */
export interface NodeUse {
  vcpus: number;
  memoryMib: number;
  diskBytes: number;
  accounts: ReadonlySet<AccountId>;
  groups: ReadonlyMap<PlacementGroupId, number>;
}

/** An instance that is off counts among a node's accounts: that is where it starts first. */
function sumUse(instances: readonly InstanceUse[]): NodeUse {
  const running = instances.filter(holdsMemory);
  return {
    vcpus: sum(running, (i) => i.vcpus),
    memoryMib: sum(running, (i) => i.memoryMib),
    diskBytes: sum(instances.filter(waitsForDisk), localDiskBytes),
    accounts: new Set(instances.map((i) => i.accountId)),
    groups: countGroups(instances),
  };
}

export function roomOf(node: NodeRow, use: NodeUse, options: RoomOptions): NodeRoom {
  return {
    nodeId: node.id,
    hostname: node.hostname,
    health: node.health,
    isDraining: node.isDraining === 1,
    reachesVolumes: node.reachesVolumes === 1,
    opensGates: node.opensGates === 1,
    freeVcpus: node.vcpus * VCPUS_PER_CPU - use.vcpus,
    freeMemoryMib: node.memoryMib - use.memoryMib,
    freeDiskBytes: node.diskFreeBytes - use.diskBytes,
    takesAnyAccount: options.allowSharedEmulation || isolatesTenants(node.accelerator),
    accounts: use.accounts,
    groups: use.groups,
  };
}

function countGroups(instances: readonly InstanceUse[]): Map<PlacementGroupId, number> {
  const counts = new Map<PlacementGroupId, number>();
  for (const { placementGroupId: id } of instances) {
    if (id !== null) counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  return counts;
}

function sum<Item>(items: readonly Item[], value: (item: Item) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

/** Of one instance; the nodes after these are looked at when none of these is surely the best. */
const FIRST_LOOK = 8;

/**
 * Where these go, and why some cannot; to be asked inside a change. The answer is that of {@link placeInstances} over all
 * nodes, but only the roomiest are read while they do.
 */
export async function findPlaces(
  tx: Queries,
  options: RoomOptions,
  demands: readonly PlacementDemand[],
): Promise<Placement> {
  await recountUse(tx);
  const memoryMib = Math.min(...demands.map((demand) => demand.memoryMib));
  const groups = new Set(demands.flatMap(({ group }) => group?.id ?? []));
  const ofGroups = await listNodesOfGroups(tx, [...groups]);
  for (let limit = demands.length + FIRST_LOOK; ; limit *= 2) {
    const roomiest = await listRoomiest(tx, { memoryMib, limit });
    const rooms = await loadRooms(tx, options, new Set([...roomiest, ...ofGroups]));
    const areAll = roomiest.length < limit;
    const least = areAll ? undefined : rooms.find(({ nodeId }) => nodeId === roomiest.at(-1));
    const placement = placeAmongRoomiest(demands, rooms, least);
    if (placement?.refused.length === 0) return placement;
    // A refusal says what all nodes lacked.
    if (areAll) return placeInstances(demands, await loadAllRooms(tx, options));
  }
}

/** With a hundred instances on each this is some 20 ms: nobody waits long for the database. */
const NODES_COUNTED_AT_ONCE = 32;

/**
 * Counts some of the nodes whose instances have changed, so that the next launch need not; all of them have after a start.
 * False when none was left.
 */
export async function countAhead(app: App): Promise<boolean> {
  if ((await listStaleUse(app.store.query, 1)).length === 0) return false;
  return (await app.store.transaction((tx) => recountUse(tx, NODES_COUNTED_AT_ONCE))) > 0;
}

/** Only nodes whose instances have changed are counted again: all of them, or the first `limit`. Answers how many. */
async function recountUse(tx: Queries, limit?: number): Promise<number> {
  const stale = await listStaleUse(tx, limit);
  if (stale.length === 0) return 0;
  const nodes = await findNodes(tx, stale);
  const users = Map.groupBy(await listUsersOf(tx, stale), (instance) => instance.nodeId);
  for (const node of nodes) await putNodeUse(tx, writeUse(node, sumUse(users.get(node.id) ?? [])));
  return nodes.length;
}

async function loadAllRooms(tx: Queries, options: RoomOptions): Promise<NodeRoom[]> {
  const ids = (await listNodes(tx)).map(({ id }) => id);
  return loadRooms(tx, options, new Set(ids));
}

/** In the order of their ids. */
async function loadRooms(
  tx: Queries,
  options: RoomOptions,
  ids: ReadonlySet<NodeId>,
): Promise<NodeRoom[]> {
  const uses = new Map((await listNodeUse(tx, [...ids])).map((use) => [use.nodeId, use]));
  const nodes = await findNodes(tx, [...ids]);
  return nodes.map((node) => roomOf(node, readUse(uses.get(node.id)!), options));
}

function writeUse(
  { id: nodeId, memoryMib }: NodeRow,
  { accounts, groups, ...sums }: NodeUse,
): NodeUseRow {
  const lists = { accounts: JSON.stringify([...accounts]), groups: JSON.stringify([...groups]) };
  return { nodeId, isStale: 0, ...sums, ...lists, freeMemoryMib: memoryMib - sums.memoryMib };
}

function readUse({ vcpus, memoryMib, diskBytes, accounts, groups }: NodeUseRow): NodeUse {
  return {
    vcpus,
    memoryMib,
    diskBytes,
    accounts: new Set(JSON.parse(accounts) as AccountId[]),
    groups: new Map(JSON.parse(groups) as [PlacementGroupId, number][]),
  };
}

/** The room of one node without the instance itself, for starting it where its disk is. */
export async function loadRoomFor(
  options: App,
  tx: Queries,
  instance: InstanceRow,
): Promise<NodeRoom | undefined> {
  const node = instance.nodeId === null ? undefined : await findNode(tx, instance.nodeId);
  if (node === undefined) return undefined;
  const others = (await listUsersOf(tx, [node.id])).filter(({ id }) => id !== instance.id);
  return roomOf(node, sumUse(others), options);
}

/** Asks the zone for some of its nodes, whose instances have changed, and keeps the answer. */
export async function refreshSomeNodes(app: App, ids: readonly NodeId[]): Promise<void> {
  const rows = (await app.cluster.describeNodes(ids)).map(toRow);
  const known = await findNodes(app.store.query, ids);
  if (JSON.stringify(known) === JSON.stringify(rows.toSorted(byId))) return;
  await app.store.transaction((tx) => putNodes(tx, rows));
}

/** Asks the zone for its nodes and keeps the answer. */
export async function refreshNodes(app: App): Promise<void> {
  const summaries = await app.cluster.describeNodes();
  const rows = summaries.map(toRow).sort(byId);
  const known = await listNodes(app.store.query);
  if (JSON.stringify(known) === JSON.stringify(rows)) return;
  await app.store.transaction((tx) => replaceNodes(tx, rows));
}

function byId(a: NodeRow, b: NodeRow): number {
  return a.id < b.id ? -1 : 1;
}

/** For a request that needs a node: a cloud that has just started may not have heard of its nodes yet. */
export async function ensureNodesKnown(app: App): Promise<void> {
  if (!(await hasReadyNode(app.store.query))) await refreshNodes(app);
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
    // What is in memory has no packets that a rule could stop.
    keepsVpcs: toFlag(node.network === 'simulated' || node.keepsVpcs === true),
    isDraining: toFlag(node.isDraining === true),
    reachesVolumes: toFlag(node.reachesVolumes !== false),
    opensGates: toFlag(node.opensGates === true),
  };
}
