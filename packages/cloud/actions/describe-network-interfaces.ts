// Owns DescribeNetworkInterfaces.

import type { FilterTable, FilterValue } from '../app/filters.ts';
import { notFound } from '../app/refusals.ts';
import { INTERFACE, parseIds } from '../app/resource-ids.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import type { AddressRow } from '../store/network-schema.ts';
import type { Ec2Handler } from './handler.ts';
import { type InterfaceItem, listInterfaceItems, renderWhole } from './interface-items.ts';
import { selectPage } from './select-page.ts';

type Read = (item: InterfaceItem) => FilterValue;

/** Of one that an instance has. */
const ofAttached =
  (read: Read): Read =>
  (item) =>
    item.row.instanceId === '' ? undefined : read(item);

const ofAddresses =
  (read: (row: AddressRow) => string | undefined): Read =>
  ({ addresses }) =>
    addresses.map(read);

const elastic = (row: AddressRow, value: string | null) =>
  row.isAutomatic === 1 ? undefined : (value ?? undefined);
const ownerOf = (row: AddressRow) => (row.isAutomatic === 1 ? 'amazon' : row.accountId);
const statusOf: Read = ({ row }) =>
  row.instanceId === '' && row.isManaged === 0 ? 'available' : 'in-use';

const FILTERS: FilterTable<InterfaceItem> = {
  names: {
    'addresses.association.owner-id': ofAddresses(ownerOf),
    'addresses.association.public-ip': ofAddresses((row) => row.publicIp),
    'addresses.primary': ({ morePrivateIps }) => [true, ...morePrivateIps.map(() => false)],
    'addresses.private-ip-address': ({ row, morePrivateIps }) => [row.privateIp, ...morePrivateIps],
    'association.allocation-id': ofAddresses((row) => elastic(row, row.id)),
    'association.association-id': ofAddresses((row) => elastic(row, row.associationId)),
    'association.ip-owner-id': ofAddresses(ownerOf),
    'association.public-dns-name': () => undefined,
    'association.public-ip': ofAddresses((row) => row.publicIp),
    'attachment.attach-time': ofAttached(({ row }) =>
      new Date(row.attachedAt ?? row.createdAt).toISOString(),
    ),
    'attachment.attachment-id': ofAttached(({ row }) => row.attachmentId),
    'attachment.delete-on-termination': ofAttached(({ row }) => row.deleteOnTermination === 1),
    'attachment.device-index': ofAttached(({ row }) => row.deviceIndex),
    'attachment.instance-id': ofAttached(({ row }) => row.instanceId),
    'attachment.instance-owner-id': ofAttached(({ row }) => row.accountId),
    'attachment.status': ofAttached(({ row }) => row.attachState),
    'availability-zone': ({ row }) => row.zone,
    'availability-zone-id': ({ row }) => zoneIdOf(row.zone),
    description: ({ row }) => row.description,
    'group-id': ({ groups }) => groups.map((group) => group.groupId),
    'group-name': ({ groups }) => groups.map((group) => group.name),
    'interface-type': ({ row }) =>
      row.isManaged === 1 ? ['nat_gateway', 'natGateway'] : 'interface',
    'ipv6-addresses.ipv6-address': ({ ipv6Addresses }) => [...ipv6Addresses],
    'mac-address': ({ row }) => row.macAddress,
    'network-interface-id': ({ row }) => row.id,
    'operator.managed': () => false,
    'operator.principal': () => undefined,
    'owner-id': ({ row }) => row.accountId,
    'private-ip-address': ({ row }) => row.privateIp,
    'requester-id': () => undefined,
    'requester-managed': ({ row }) => row.isManaged === 1,
    'source-dest-check': ({ row }) => row.sourceDestCheck === 1,
    status: statusOf,
    'subnet-id': ({ row }) => row.subnetId,
    'vpc-id': ({ row }) => row.vpcId,
  },
  tags: ({ tags }) => tags,
};

export const describeNetworkInterfaces: Ec2Handler<'DescribeNetworkInterfaces'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(INTERFACE, input.NetworkInterfaceIds, 'NetworkInterfaceId');
  const all = await listInterfaceItems(app.store.query, context.accountId);
  const absent = ids.filter((id) => !all.some(({ row }) => row.id === id));
  if (absent.length > 0) throw notFound('network-interface', INTERFACE.label, absent);
  const region = app.region;
  const names = {
    ...FILTERS.names,
    'private-dns-name': (item: InterfaceItem) => renderWhole(item, region).PrivateDnsName,
  };
  const { items, nextToken } = selectPage(
    ids.length === 0 ? all : all.filter(({ row }) => ids.includes(row.id)),
    input,
    {
      action: 'DescribeNetworkInterfaces',
      idsParameter: 'networkInterfaceIds',
      table: { ...FILTERS, names },
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return {
    NetworkInterfaces: items.map((item) => renderWhole(item, region)),
    NextToken: nextToken,
  };
};
