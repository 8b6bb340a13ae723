// Owns the queries on private addresses of interfaces besides their first.

import type { AccountId, InterfaceId, VpcId } from '@ironbark/core/ids.ts';
import { inParts } from './in-parts.ts';
import type { InterfaceAddressTable } from './network-schema.ts';
import type { Queries } from './store.ts';

export function listInterfaceAddresses(
  db: Queries,
  accountId: AccountId,
): Promise<InterfaceAddressTable[]> {
  return db
    .selectFrom('interfaceAddress')
    .innerJoin('networkInterface', 'networkInterface.id', 'interfaceAddress.interfaceId')
    .selectAll('interfaceAddress')
    .where('networkInterface.accountId', '=', accountId)
    .orderBy('interfaceAddress.privateIp')
    .execute();
}

export function listInterfaceAddressesOfVpc(
  db: Queries,
  vpcId: VpcId,
): Promise<InterfaceAddressTable[]> {
  return db
    .selectFrom('interfaceAddress')
    .innerJoin('networkInterface', 'networkInterface.id', 'interfaceAddress.interfaceId')
    .selectAll('interfaceAddress')
    .where('networkInterface.vpcId', '=', vpcId)
    .orderBy('interfaceAddress.privateIp')
    .execute();
}

export function listAddressesOfInterface(
  db: Queries,
  id: InterfaceId,
): Promise<InterfaceAddressTable[]> {
  return db.selectFrom('interfaceAddress').selectAll().where('interfaceId', '=', id).execute();
}

export function listAddressesOfAny(
  db: Queries,
  ids: readonly InterfaceId[],
): Promise<InterfaceAddressTable[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('interfaceAddress')
      .selectAll()
      .where('interfaceId', 'in', some)
      .orderBy('privateIp')
      .execute(),
  );
}

export async function insertInterfaceAddress(
  db: Queries,
  row: InterfaceAddressTable,
): Promise<void> {
  await db.insertInto('interfaceAddress').values(row).execute();
}

export async function deleteInterfaceAddress(
  db: Queries,
  { interfaceId, privateIp }: Pick<InterfaceAddressTable, 'interfaceId' | 'privateIp'>,
): Promise<void> {
  await db
    .deleteFrom('interfaceAddress')
    .where('interfaceId', '=', interfaceId)
    .where('privateIp', '=', privateIp)
    .execute();
}
