// Owns the queries on peerings between VPCs.

import type { AccountId, VpcId, VpcPeeringConnectionId } from '@ironbark/core/ids.ts';
import type { VpcPeeringRow } from './network-schema.ts';
import type { Queries } from './store.ts';

export async function insertPeering(db: Queries, row: VpcPeeringRow): Promise<void> {
  await db.insertInto('vpcPeering').values(row).execute();
}

/** That the account asked for, or was asked for. */
export function listPeerings(db: Queries, accountId: AccountId): Promise<VpcPeeringRow[]> {
  return db
    .selectFrom('vpcPeering')
    .selectAll()
    .where((eb) =>
      eb.or([eb('accountId', '=', accountId), eb('accepterAccountId', '=', accountId)]),
    )
    .execute();
}

/** Of either side, those that ended too. */
export function listPeeringsOf(db: Queries, vpcId: VpcId): Promise<VpcPeeringRow[]> {
  return db
    .selectFrom('vpcPeering')
    .selectAll()
    .where((eb) => eb.or([eb('vpcId', '=', vpcId), eb('accepterVpcId', '=', vpcId)]))
    .orderBy('id')
    .execute();
}

export async function updatePeering(
  db: Queries,
  id: VpcPeeringConnectionId,
  values: Partial<Pick<VpcPeeringRow, 'status' | 'endedAt' | 'endedBy'>>,
): Promise<void> {
  await db.updateTable('vpcPeering').set(values).where('id', '=', id).execute();
}

/** Those that ended before, or that were asked for before and never answered; answers which. */
export async function deletePeeringsBefore(
  db: Queries,
  { endedAt, askedAt }: { endedAt: number; askedAt: number },
): Promise<VpcPeeringConnectionId[]> {
  const gone = await db
    .selectFrom('vpcPeering')
    .select('id')
    .where((eb) =>
      eb.or([
        eb('endedAt', '<', endedAt),
        eb.and([eb('status', '=', 'pending-acceptance'), eb('createdAt', '<', askedAt)]),
      ]),
    )
    .execute();
  const ids = gone.map(({ id }) => id);
  if (ids.length > 0) await db.deleteFrom('vpcPeering').where('id', 'in', ids).execute();
  return ids;
}
