// Owns the queries on public addresses.

import type { AccountId, AllocationId, InterfaceId, VpcId } from '@ironbark/core/ids.ts';
import { inParts } from './in-parts.ts';
import type { AddressRow } from './network-schema.ts';
import type { Queries } from './store.ts';

/** Automatic ones too. */
export function listAddresses(db: Queries, accountId: AccountId): Promise<AddressRow[]> {
  return db.selectFrom('address').selectAll().where('accountId', '=', accountId).execute();
}

export async function listPublicIps(db: Queries): Promise<Set<string>> {
  const rows = await db.selectFrom('address').select('publicIp').execute();
  return new Set(rows.map((row) => row.publicIp));
}

export function listAddressesOn(db: Queries, ids: readonly InterfaceId[]): Promise<AddressRow[]> {
  return inParts(ids, (some) =>
    db.selectFrom('address').selectAll().where('interfaceId', 'in', some).orderBy('id').execute(),
  );
}

export function listAddressesInVpc(db: Queries, vpcId: VpcId): Promise<AddressRow[]> {
  return db
    .selectFrom('address')
    .innerJoin('networkInterface', 'networkInterface.id', 'address.interfaceId')
    .selectAll('address')
    .where('networkInterface.vpcId', '=', vpcId)
    .orderBy('address.id')
    .execute();
}

export async function insertAddress(db: Queries, row: AddressRow): Promise<void> {
  await db.insertInto('address').values(row).execute();
}

export async function updateAddress(
  db: Queries,
  id: AllocationId,
  values: Pick<AddressRow, 'associationId' | 'interfaceId' | 'privateIp'>,
): Promise<void> {
  await db.updateTable('address').set(values).where('id', '=', id).execute();
}

export async function deleteAddress(db: Queries, id: AllocationId): Promise<void> {
  await db.deleteFrom('address').where('id', '=', id).execute();
}
