// Owns network interfaces as they are shown by themselves, with all that hangs on each.

import type { NetworkInterface, NetworkInterfaceAssociation } from '@aws-sdk/client-ec2';
import type { AccountId, InterfaceId } from '@ironbark/core/ids.ts';
import { notFound } from '../app/refusals.ts';
import { INTERFACE } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listAddresses } from '../store/addresses.ts';
import { listInterfaceAddresses } from '../store/interface-addresses.ts';
import { listIpv6Addresses } from '../store/ipv6.ts';
import { listInterfaceGroups, listInterfaces } from '../store/network-interfaces.ts';
import type { Queries } from '../store/store.ts';
import { listTagsOfType } from '../store/tags.ts';
import { renderTags } from './render-instance.ts';
import { type InterfaceRecord, renderInterface } from './render-interface.ts';

export interface InterfaceItem extends InterfaceRecord {
  tags: readonly Tag[];
}

export async function listInterfaceItems(
  db: Queries,
  accountId: AccountId,
): Promise<InterfaceItem[]> {
  const groups = Map.groupBy(await listInterfaceGroups(db, accountId), (one) => one.interfaceId);
  const more = Map.groupBy(await listInterfaceAddresses(db, accountId), (one) => one.interfaceId);
  const ipv6 = Map.groupBy(await listIpv6Addresses(db, accountId), (one) => one.interfaceId);
  const addresses = Map.groupBy(await listAddresses(db, accountId), (one) => one.interfaceId);
  const tags = new TagIndex(await listTagsOfType(db, accountId, 'network-interface'));
  return (await listInterfaces(db, accountId)).map((row) => ({
    row,
    groups: groups.get(row.id) ?? [],
    morePrivateIps: (more.get(row.id) ?? []).map((one) => one.privateIp),
    ipv6Addresses: (ipv6.get(row.id) ?? []).map((one) => one.address),
    addresses: addresses.get(row.id) ?? [],
    tags: tags.of(row.id),
  }));
}

export async function getInterfaceItem(
  db: Queries,
  accountId: AccountId,
  id: InterfaceId,
): Promise<InterfaceItem> {
  const item = (await listInterfaceItems(db, accountId)).find(({ row }) => row.id === id);
  if (item !== undefined) return item;
  throw notFound('network-interface', INTERFACE.label, [id]);
}

function associationOf(
  { addresses }: InterfaceItem,
  privateIp: string,
): { Association?: NetworkInterfaceAssociation } {
  const row = addresses.find((one) => one.privateIp === privateIp);
  if (row === undefined) return {};
  const shown = { PublicIp: row.publicIp, PublicDnsName: '' };
  if (row.isAutomatic === 1) return { Association: { ...shown, IpOwnerId: 'amazon' } };
  const ids = { AllocationId: row.id, AssociationId: row.associationId ?? '' };
  return { Association: { ...shown, ...ids, IpOwnerId: row.accountId } };
}

export function renderWhole(item: InterfaceItem, region: string): NetworkInterface {
  const { row } = item;
  const { Attachment, ...shown } = renderInterface(item, region);
  const { instanceId: InstanceId, accountId: InstanceOwnerId } = row;
  const attachment =
    InstanceId === '' ? {} : { Attachment: { ...Attachment, InstanceId, InstanceOwnerId } };
  return {
    ...shown,
    ...associationOf(item, row.privateIp),
    PrivateIpAddresses: shown.PrivateIpAddresses.map((one) => ({
      ...one,
      ...associationOf(item, one.PrivateIpAddress),
    })),
    InterfaceType: row.isManaged === 1 ? 'natGateway' : 'interface',
    AvailabilityZone: row.zone,
    RequesterManaged: row.isManaged === 1,
    // EC2 shows the first one beside the list.
    ...(item.ipv6Addresses[0] && { Ipv6Address: item.ipv6Addresses[0] }),
    ...attachment,
    TagSet: renderTags(item.tags),
  };
}
