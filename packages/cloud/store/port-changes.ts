// Owns which ports of a VPC have changed since the zone was told of them.

import type { InterfaceId, VpcId } from '@ironbark/core/ids.ts';
import type { Queries } from './store.ts';

/** Three columns each; databases limit the parameters of a statement. */
const ROWS_AT_ONCE = 256;

/** As of the VPC's generation now. */
export async function insertPortChanges(
  db: Queries,
  vpcId: VpcId,
  interfaceIds: readonly InterfaceId[],
): Promise<void> {
  const vpc = await db
    .selectFrom('vpc')
    .select('generation')
    .where('id', '=', vpcId)
    .executeTakeFirst();
  if (vpc === undefined) return;
  const { generation } = vpc;
  const rows = [...new Set(interfaceIds)].map((interfaceId) => ({
    vpcId,
    interfaceId,
    generation,
  }));
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    await db
      .insertInto('vpcPortChange')
      .values(rows.slice(at, at + ROWS_AT_ONCE))
      .onConflict((conflict) =>
        conflict.columns(['vpcId', 'interfaceId']).doUpdateSet({ generation }),
      )
      .execute();
  }
}

export async function listPortChanges(
  db: Queries,
  vpcId: VpcId,
  since: number,
): Promise<InterfaceId[]> {
  const rows = await db
    .selectFrom('vpcPortChange')
    .select('interfaceId')
    .where('vpcId', '=', vpcId)
    .where('generation', '>', since)
    .orderBy('interfaceId')
    .execute();
  return rows.map(({ interfaceId }) => interfaceId);
}

/** Those up to a generation that the zone has. */
export async function deletePortChanges(
  db: Queries,
  vpcId: VpcId,
  generation: number,
): Promise<void> {
  await db
    .deleteFrom('vpcPortChange')
    .where('vpcId', '=', vpcId)
    .where('generation', '<=', generation)
    .execute();
}
