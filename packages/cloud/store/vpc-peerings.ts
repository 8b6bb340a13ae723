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

/** As many as one statement can name in every dialect, with room; the next call takes the next ones. */
const DELETED_AT_ONCE = 500;

/** Of those that ended before, or that were asked for before and never answered, the first ones; answers which. */
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
    .orderBy('id')
    .limit(DELETED_AT_ONCE)
    .execute();
  return deletePeerings(db, gone);
}

/** Of what the account asked for and has ended, all but the newest, of which so many are left; answers which. */
export async function deleteEndedBeyond(
  db: Queries,
  accountId: AccountId,
  left: number,
): Promise<VpcPeeringConnectionId[]> {
  const gone = await db
    .selectFrom('vpcPeering')
    .select('id')
    .where('accountId', '=', accountId)
    .where('endedAt', 'is not', null)
    .orderBy('endedAt', 'desc')
    .orderBy('id')
    .limit(DELETED_AT_ONCE)
    .offset(left)
    .execute();
  return deletePeerings(db, gone);
}

async function deletePeerings(
  db: Queries,
  gone: readonly Pick<VpcPeeringRow, 'id'>[],
): Promise<VpcPeeringConnectionId[]> {
  const ids = gone.map(({ id }) => id);
  if (ids.length > 0) await db.deleteFrom('vpcPeering').where('id', 'in', ids).execute();
  return ids;
}
