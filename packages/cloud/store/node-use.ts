// Owns the queries on what is taken of each node: counted once, and again only after an instance of it has changed.

import type { InstanceId, NodeId, PlacementGroupId } from '@ironbark/core/ids.ts';
import { inParts } from './in-parts.ts';
import type { NodeUseRow } from './node-use-schema.ts';
import type { InstanceRow } from './schema.ts';
import type { Queries } from './store.ts';

/** What of an instance says how much of its node it takes. */
export const USE_COLUMNS = [
  'id',
  'accountId',
  'nodeId',
  'vcpus',
  'memoryMib',
  'rootDeviceType',
  'rootDiskBytes',
  'desiredPower',
  'powerGeneration',
  'observedPower',
  'observedGeneration',
  'placementGroupId',
  'terminatedAt',
] as const satisfies readonly (keyof InstanceRow)[];

export type InstanceUse = Pick<InstanceRow, (typeof USE_COLUMNS)[number]>;

export function listNodeUse(db: Queries, nodeIds: readonly NodeId[]): Promise<NodeUseRow[]> {
  return inParts(nodeIds, (some) =>
    db.selectFrom('nodeUse').selectAll().where('nodeId', 'in', some).execute(),
  );
}

/** All of them, or the first `limit`. */
export async function listStaleUse(db: Queries, limit?: number): Promise<NodeId[]> {
  const query = db
    .selectFrom('nodeUse')
    .select('nodeId')
    .where('isStale', '=', 1)
    .orderBy('nodeId');
  const rows = await (limit === undefined ? query : query.limit(limit)).execute();
  return rows.map((row) => row.nodeId);
}

/** Ready nodes with at least this much memory free, the roomiest first, equal ones by name. None may be stale. */
export async function listRoomiest(
  db: Queries,
  { memoryMib, limit }: { memoryMib: number; limit: number },
): Promise<NodeId[]> {
  const rows = await db
    .selectFrom('nodeUse')
    .innerJoin('node', 'node.id', 'nodeUse.nodeId')
    .select('nodeUse.nodeId')
    .where('nodeUse.freeMemoryMib', '>=', memoryMib)
    .where('node.health', '=', 'ready')
    .where('node.isDraining', '=', 0)
    .orderBy('nodeUse.freeMemoryMib', 'desc')
    .orderBy('nodeUse.nodeId')
    .limit(limit)
    .execute();
  return rows.map((row) => row.nodeId);
}

/** Where instances of these placement groups are. */
export async function listNodesOfGroups(
  db: Queries,
  groupIds: readonly PlacementGroupId[],
): Promise<NodeId[]> {
  const rows = await inParts(groupIds, (some) =>
    db
      .selectFrom('instance')
      .select('nodeId')
      .distinct()
      .where('placementGroupId', 'in', some)
      .where('nodeId', 'is not', null)
      .where('terminatedAt', 'is', null)
      .execute(),
  );
  return rows.map((row) => row.nodeId!);
}

/** Everything that takes up room on these nodes. */
export function listUsersOf(db: Queries, nodeIds: readonly NodeId[]): Promise<InstanceUse[]> {
  return inParts(nodeIds, (some) =>
    db
      .selectFrom('instance')
      .select(USE_COLUMNS)
      .where('nodeId', 'in', some)
      .where('terminatedAt', 'is', null)
      .execute(),
  );
}

export async function putNodeUse(db: Queries, row: NodeUseRow): Promise<void> {
  await db
    .insertInto('nodeUse')
    .values(row)
    .onConflict((conflict) => conflict.column('nodeId').doUpdateSet(row))
    .execute();
}

const NOTHING_TAKEN = {
  vcpus: 0,
  memoryMib: 0,
  diskBytes: 0,
  freeMemoryMib: 0,
  accounts: '[]',
  groups: '[]',
};

/** Has what is taken of this node counted before the next launch; the node may be new. */
export async function expectUse(db: Queries, nodeId: NodeId): Promise<void> {
  await db
    .insertInto('nodeUse')
    .values({ nodeId, isStale: 1, ...NOTHING_TAKEN })
    .onConflict((conflict) => conflict.column('nodeId').doUpdateSet({ isStale: 1 }))
    .execute();
}

export async function dropUse(db: Queries, nodeId: NodeId): Promise<void> {
  await db.deleteFrom('nodeUse').where('nodeId', '=', nodeId).execute();
}

/** Has all of it counted again, whatever was counted before. */
export async function forgetUse(db: Queries): Promise<void> {
  await db.deleteFrom('nodeUse').execute();
  const nodes = await db.selectFrom('node').select('id').execute();
  for (const { id } of nodes) await expectUse(db, id);
}

/** Has the node of this instance counted again. */
export async function markUseStale(db: Queries, id: InstanceId): Promise<void> {
  await db
    .updateTable('nodeUse')
    .set({ isStale: 1 })
    .where('nodeId', '=', (e) => e.selectFrom('instance').select('nodeId').where('id', '=', id))
    .where('isStale', '=', 0)
    .execute();
}
