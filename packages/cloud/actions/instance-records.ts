// Owns an instance as the Describe actions see it: its row with everything that hangs on it.

import type { AccountId, InstanceId, ReservationId } from '@ironbark/core/ids.ts';
import { type InstanceView, viewInstance } from '../app/instance-view.ts';
import { INSTANCE, matchIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listAddressesOn } from '../store/addresses.ts';
import { listAttachmentsOfAny } from '../store/attachments.ts';
import type { InstanceProfileTable } from '../store/iam-schema.ts';
import { listProfilesOfInstances } from '../store/instance-profiles.ts';
import { findInstances, listInstancesOf } from '../store/instances.ts';
import { listAddressesOfAny } from '../store/interface-addresses.ts';
import { listIpv6AddressesOfAny } from '../store/ipv6.ts';
import type { ListedInstance } from '../store/listed-instances.ts';
import { listInterfaceGroupsOfAny, listInterfacesOfAny } from '../store/network-interfaces.ts';
import { listPlacementGroups } from '../store/placement-groups.ts';
import type { AttachmentRow, InstanceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listTagsOfAny } from '../store/tags.ts';
import type { InterfaceRecord } from './render-interface.ts';

export interface InstanceRecord<Row extends ListedInstance = ListedInstance> {
  row: Row;
  view: InstanceView;
  interfaces: InterfaceRecord[];
  attachments: AttachmentRow[];
  tags: Tag[];
  /** Of its interfaces. */
  interfaceTags: Tag[];
  /** Of the placement group that it is in. */
  groupName: string | undefined;
  profile: InstanceProfileTable | undefined;
}

/** Everything that hangs on these rows, in their order. */
export async function toRecords<Row extends ListedInstance>(
  db: Queries,
  accountId: AccountId,
  rows: readonly Row[],
): Promise<InstanceRecord<Row>[]> {
  const ids = rows.map((row) => row.id);
  const interfaces = await listInterfaceRecords(db, ids);
  const attachments = Map.groupBy(await listAttachmentsOfAny(db, ids), (a) => a.instanceId);
  const interfacesOf = (id: InstanceId) => interfaces.get(id) ?? [];
  const interfaceIds = ids.flatMap((id) => interfacesOf(id).map(({ row }) => row.id));
  const tags = new TagIndex(await listTagsOfAny(db, [...ids, ...interfaceIds]));
  const names = new Map(
    (await listPlacementGroups(db, accountId)).map((group) => [group.id, group.name]),
  );
  const links = await listProfilesOfInstances(db, ids);
  const profiles = new Map(links.map(({ instanceId, profile }) => [instanceId, profile]));
  return rows.map((row) => ({
    row,
    view: viewInstance(row),
    interfaces: interfacesOf(row.id),
    attachments: attachments.get(row.id) ?? [],
    tags: tags.of(row.id),
    interfaceTags: interfacesOf(row.id).flatMap((one) => tags.of(one.row.id)),
    profile: profiles.get(row.id),
    groupName: row.placementGroupId === null ? undefined : names.get(row.placementGroupId),
  }));
}

/** By instance. */
async function listInterfaceRecords(
  db: Queries,
  instanceIds: readonly InstanceId[],
): Promise<Map<string, InterfaceRecord[]>> {
  const rows = await listInterfacesOfAny(db, instanceIds);
  const ids = rows.map((row) => row.id);
  const groups = Map.groupBy(await listInterfaceGroupsOfAny(db, instanceIds), (g) => g.interfaceId);
  const more = Map.groupBy(await listAddressesOfAny(db, ids), (one) => one.interfaceId);
  const ipv6 = Map.groupBy(await listIpv6AddressesOfAny(db, ids), (one) => one.interfaceId);
  const addresses = Map.groupBy(await listAddressesOn(db, ids), (one) => one.interfaceId);
  const records = rows.map((row) => ({
    row,
    groups: groups.get(row.id) ?? [],
    morePrivateIps: (more.get(row.id) ?? []).map((one) => one.privateIp),
    ipv6Addresses: (ipv6.get(row.id) ?? []).map((one) => one.address),
    addresses: addresses.get(row.id) ?? [],
  }));
  return Map.groupBy(records, ({ row }) => row.instanceId);
}

/** The records of these instances, in their order. Throws for those that do not exist. */
export async function getInstanceRecords(
  db: Queries,
  accountId: AccountId,
  ids: readonly InstanceId[],
): Promise<InstanceRecord<InstanceRow>[]> {
  const rows = matchIds(INSTANCE, ids, await findInstances(db, accountId, ids));
  return toRecords(db, accountId, rows);
}

export async function listReservation(
  db: Queries,
  accountId: AccountId,
  id: ReservationId,
): Promise<InstanceRecord[]> {
  const rows = (await listInstancesOf(db, id)).filter((row) => row.accountId === accountId);
  return toRecords(db, accountId, rows);
}
