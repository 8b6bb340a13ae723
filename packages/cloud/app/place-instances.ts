// Owns the choice of a node for an instance, as pure arithmetic that can say why it refuses.

import type { AccountId, InstanceId, NodeId, PlacementGroupId } from '@ironbark/core/ids.ts';
import { MIB, renderBytes } from '@ironbark/core/units.ts';

export interface PlacementDemand {
  id: InstanceId;
  accountId: AccountId;
  vcpus: number;
  memoryMib: number;
  rootDiskBytes: number;
  /** It has volumes, or its root disk is one. */
  needsVolumes?: boolean;
  /** No gate leads to some of them. */
  needsNearVolumes?: boolean;
  /** The placement group that it is in. */
  group?: DemandedGroup | undefined;
}

/** `spread`: no two on one node. `cluster`: on as few nodes as hold them. */
export interface DemandedGroup {
  id: PlacementGroupId;
  strategy: 'cluster' | 'spread';
}

/** What a node can still take. */
export interface NodeRoom {
  nodeId: NodeId;
  hostname: string;
  health: 'ready' | 'lost';
  /** An administrator wants no more instances there. */
  isDraining?: boolean;
  /** Absent: it does. */
  reachesVolumes?: boolean;
  /** It has volumes of another host all the same. */
  opensGates?: boolean;
  freeVcpus: number;
  freeMemoryMib: number;
  freeDiskBytes: number;
  /** It may hold guests of several accounts. */
  takesAnyAccount: boolean;
  /** Whose guests it holds. */
  accounts: ReadonlySet<AccountId>;
  /** How many instances of which placement group it holds. */
  groups: ReadonlyMap<PlacementGroupId, number>;
}

export interface Placement {
  placed: { id: InstanceId; nodeId: NodeId }[];
  /** In the order of the request, each with a sentence that says what every node lacked. */
  refused: { id: InstanceId; reason: string }[];
}

/**
 * Gives each instance the ready node with the most free memory that holds it; earlier instances first. One of a cluster
 * goes to the node that has most of its group, and the first of it to a node like any other.
 */
export function placeInstances(
  demands: readonly PlacementDemand[],
  nodes: readonly NodeRoom[],
): Placement {
  return placeAmongRoomiest(demands, nodes, undefined)!;
}

/**
 * The same for a part of the nodes: `least` is one of them, and none that is missing is roomier or has instances of the
 * groups. Undefined when one that is missing could be the better choice.
 */
export function placeAmongRoomiest(
  demands: readonly PlacementDemand[],
  nodes: readonly NodeRoom[],
  least: NodeRoom | undefined,
): Placement | undefined {
  const rooms = nodes.map((node) => ({ ...node }));
  const placement: Placement = { placed: [], refused: [] };
  for (const demand of demands) {
    const room = chooseRoom(demand, rooms);
    if (least !== undefined && !isBestOfAll(demand, room, least)) return undefined;
    if (room === undefined) {
      placement.refused.push({ id: demand.id, reason: explainRefusal(demand, rooms) });
      continue;
    }
    take(room, demand);
    placement.placed.push({ id: demand.id, nodeId: room.nodeId });
  }
  return placement;
}

function chooseRoom(demand: PlacementDemand, rooms: readonly NodeRoom[]): NodeRoom | undefined {
  const fitting = rooms.filter((room) => listShortages(demand, room).length === 0);
  return fitting.reduce<NodeRoom | undefined>(
    (best, room) => (best !== undefined && !isBetter(demand, room, best) ? best : room),
    undefined,
  );
}

function isBetter(demand: PlacementDemand, room: NodeRoom, best: NodeRoom): boolean {
  const { group } = demand;
  if (group?.strategy !== 'cluster') return isRoomier(room, best);
  const difference = countMembers(room, group) - countMembers(best, group);
  return difference === 0 ? isRoomier(room, best) : difference > 0;
}

function isBestOfAll(
  { group }: PlacementDemand,
  room: NodeRoom | undefined,
  least: NodeRoom,
): boolean {
  if (room === undefined) return false;
  if (group?.strategy === 'cluster' && countMembers(room, group) > 0) return true;
  return !isRoomier(least, room);
}

function countMembers({ groups }: NodeRoom, { id }: DemandedGroup): number {
  return groups.get(id) ?? 0;
}

/** Equal nodes are told apart by name, so that the same question always has the same answer. */
function isRoomier(room: NodeRoom, best: NodeRoom): boolean {
  if (room.freeMemoryMib !== best.freeMemoryMib) return room.freeMemoryMib > best.freeMemoryMib;
  return room.nodeId < best.nodeId;
}

function take(room: NodeRoom, demand: PlacementDemand): void {
  room.freeVcpus -= demand.vcpus;
  room.freeMemoryMib -= demand.memoryMib;
  room.freeDiskBytes -= demand.rootDiskBytes;
  room.accounts = new Set([...room.accounts, demand.accountId]);
  const { group } = demand;
  if (group !== undefined) {
    room.groups = new Map([...room.groups, [group.id, countMembers(room, group) + 1]]);
  }
}

/** Everything that the node lacks for the demand; empty when it fits. */
export function listShortages(demand: PlacementDemand, room: NodeRoom): string[] {
  if (room.health !== 'ready') return ['has not reported lately'];
  if (room.isDraining === true) return ['is being drained'];
  const shortages: string[] = [];
  if (demand.memoryMib > room.freeMemoryMib) {
    shortages.push(
      `has ${renderBytes(Math.max(0, room.freeMemoryMib) * MIB)} of memory free, ${renderBytes(demand.memoryMib * MIB)} are needed`,
    );
  }
  if (demand.vcpus > room.freeVcpus) {
    shortages.push(
      `has ${Math.max(0, room.freeVcpus)} virtual processors free, ${demand.vcpus} are needed`,
    );
  }
  if (demand.rootDiskBytes > room.freeDiskBytes) {
    shortages.push(
      `has ${renderBytes(Math.max(0, room.freeDiskBytes))} of disk free, ${renderBytes(demand.rootDiskBytes)} are needed`,
    );
  }
  if (demand.needsVolumes === true && room.reachesVolumes === false) {
    if (demand.needsNearVolumes === true) shortages.push(NOT_NEAR);
    else if (room.opensGates !== true) shortages.push(NO_VOLUMES);
  }
  if (isAnothers(demand, room)) shortages.push(NOT_SHARED);
  const { group } = demand;
  if (group?.strategy === 'spread' && countMembers(room, group) > 0) shortages.push(SPREAD);
  return shortages;
}

function isAnothers({ accountId }: PlacementDemand, room: NodeRoom): boolean {
  return !room.takesAnyAccount && [...room.accounts].some((other) => other !== accountId);
}

/** Said of a node; the one who runs the cloud can do something about each of these. */
const NOT_SHARED =
  'holds guests of another account and emulates them, which is no boundary between accounts: use a node with KVM, or allow it for this cloud with "ironbark up --allow-shared-emulation"';

const NO_VOLUMES = 'is not on the host of the volumes, and has no way to them from another one';

const NOT_NEAR =
  "is not on the host of the volumes, where instances with volumes of the attach mode 'guest' have to be";

const SPREAD = 'holds another instance of the spread placement group';

/** A list of a thousand nodes helps nobody. */
const MAX_NODES_EXPLAINED = 5;

function explainRefusal(demand: PlacementDemand, rooms: readonly NodeRoom[]): string {
  if (rooms.length === 0) return 'No node has joined this zone yet.';
  const lines = rooms
    .slice(0, MAX_NODES_EXPLAINED)
    .map((room) => `${room.hostname} ${listShortages(demand, room).join(' and ')}`);
  const more = rooms.length - lines.length;
  return `${lines.join('; ')}${more > 0 ? `; ${more} more nodes lack room too` : ''}.`;
}
