// Owns the queries on what is taken of each node: counted once, and again only after an instance of it has changed.

import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
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

export function listNodeUse(db: Queries): Promise<NodeUseRow[]> {
  return db.selectFrom('nodeUse').selectAll().execute();
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

/** Has the node of this instance counted again. */
export async function markUseStale(db: Queries, id: InstanceId): Promise<void> {
  await db
    .updateTable('nodeUse')
    .set({ isStale: 1 })
    .where('nodeId', '=', (e) => e.selectFrom('instance').select('nodeId').where('id', '=', id))
    .where('isStale', '=', 0)
    .execute();
}
