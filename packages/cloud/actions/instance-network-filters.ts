// Owns the filters of DescribeInstances on what an instance has of the network.
// Source: API reference of DescribeInstances.

import { privateDnsName } from '../app/addresses.ts';
import type { FilterTable } from '../app/filters.ts';
import type { AddressRow } from '../store/network-schema.ts';
import type { InstanceRecord } from './instance-records.ts';
import { ipOwnerOf } from './render-interface.ts';

type Filters = FilterTable<InstanceRecord>['names'];

export function networkFilters(region: string): Filters {
  const groups = (record: InstanceRecord) => record.interfaces.flatMap((one) => one.groups);
  const groupIds = (record: InstanceRecord) => groups(record).map((group) => group.groupId);
  const groupNames = (record: InstanceRecord) => groups(record).map((group) => group.name);
  const names = (record: InstanceRecord) =>
    primaryAddresses(record).map((address) => privateDnsName(address, region));
  return {
    ...Object.fromEntries(NOTHING.map((name) => [name, () => undefined])),
    ...INTERFACES,
    ...ASSOCIATIONS,
    ...DNS_OPTIONS,
    'subnet-id': ({ row, interfaces: [first] }) => (first === undefined ? undefined : row.subnetId),
    'vpc-id': ({ row, interfaces: [first] }) => (first === undefined ? undefined : row.vpcId),
    'private-ip-address': primaryAddresses,
    'private-dns-name': names,
    'ipv6-address': ipv6Addresses,
    'network-interface.ipv6-address': ipv6Addresses,
    'network-interface.ipv6-addresses.ipv6-address': ipv6Addresses,
    'network-interface.ipv6-addresses.is-primary-ipv6': (record) =>
      ipv6Addresses(record).map(() => false),
    'ip-address': (record) => publicAddresses(record).map((one) => one.publicIp),
    'source-dest-check': ({ interfaces: [first] }) => first && first.row.sourceDestCheck === 1,
    'network-interface.private-dns-name': names,
    'network-interface.addresses.private-dns-name': (record) =>
      allAddresses(record).map((address) => privateDnsName(address, region)),
    'network-interface.group-id': groupIds,
    'network-interface.group-name': groupNames,
    'instance.group-id': groupIds,
    'instance.group-name': groupNames,
    'group-id': groupIds,
    'group-name': groupNames,
  };
}

/** What no interface here has; none matches. */
const NOTHING = [
  'network-interface.addresses.association.carrier-ip',
  'network-interface.addresses.association.customer-owned-ip',
  'network-interface.addresses.association.public-dns-name',
  'network-interface.association.carrier-ip',
  'network-interface.association.customer-owned-ip',
  'network-interface.association.public-dns-name',
  'network-interface.deny-all-igw-traffic',
  'network-interface.ipv4-prefixes.ipv4-prefix',
  'network-interface.ipv6-prefixes.ipv6-prefix',
  'network-interface.operator.principal',
  'network-interface.outpost-arn',
  'network-interface.public-dns-name',
  'network-interface.requester-id',
];

/** Names of guests are made of their addresses. */
const DNS_OPTIONS: Filters = {
  'private-dns-name-options.hostname-type': () => 'ip-name',
  'private-dns-name-options.enable-resource-name-dns-a-record': () => false,
  'private-dns-name-options.enable-resource-name-dns-aaaa-record': () => false,
};

function interfaces(record: InstanceRecord) {
  return record.interfaces.map((one) => one.row);
}

function primaryAddresses(record: InstanceRecord): string[] {
  return interfaces(record).map((one) => one.privateIp);
}

function allAddresses(record: InstanceRecord): string[] {
  return record.interfaces.flatMap((one) => [one.row.privateIp, ...one.morePrivateIps]);
}

function ipv6Addresses(record: InstanceRecord): string[] {
  return record.interfaces.flatMap((one) => one.ipv6Addresses);
}

/** Of the primary private addresses. */
function publicAddresses(record: InstanceRecord): AddressRow[] {
  return record.interfaces.flatMap(({ row, addresses }) =>
    addresses.filter((one) => one.privateIp === row.privateIp),
  );
}

const INTERFACES: Filters = {
  'network-interface.network-interface-id': (record) => interfaces(record).map((i) => i.id),
  'network-interface.subnet-id': (record) => interfaces(record).map((i) => i.subnetId),
  'network-interface.vpc-id': (record) => interfaces(record).map((i) => i.vpcId),
  'network-interface.mac-address': (record) => interfaces(record).map((i) => i.macAddress),
  'network-interface.description': (record) => interfaces(record).map((i) => i.description),
  'network-interface.owner-id': (record) => interfaces(record).map((i) => i.accountId),
  'network-interface.availability-zone': (record) => interfaces(record).map((i) => i.zone),
  'network-interface.status': (record) => interfaces(record).map(() => 'in-use'),
  'network-interface.requester-managed': (record) => interfaces(record).map(() => false),
  'network-interface.private-ip-address': primaryAddresses,
  'network-interface.source-dest-check': (record) =>
    interfaces(record).map((i) => i.sourceDestCheck === 1),
  'network-interface.addresses.primary': (record) =>
    record.interfaces.flatMap((one) => [true, ...one.morePrivateIps.map(() => false)]),
  'network-interface.addresses.private-ip-address': allAddresses,
  'network-interface.ipv6-native': (record) => interfaces(record).map(() => false),
  'network-interface.operator.managed': (record) => interfaces(record).map(() => false),
  'network-interface.tag-key': ({ interfaceTags }) => interfaceTags.map(({ key }) => key),
  'network-interface.tag-value': ({ interfaceTags }) => interfaceTags.map(({ value }) => value),
  'network-interface.attachment.attach-time': (record) =>
    interfaces(record).map((i) => new Date(i.attachedAt ?? i.createdAt).toISOString()),
  'network-interface.attachment.network-card-index': (record) => interfaces(record).map(() => 0),
  'network-interface.attachment.attachment-id': (record) =>
    interfaces(record).map((i) => i.attachmentId),
  'network-interface.attachment.delete-on-termination': (record) =>
    interfaces(record).map((i) => i.deleteOnTermination === 1),
  'network-interface.attachment.device-index': (record) =>
    interfaces(record).map((i) => i.deviceIndex),
  'network-interface.attachment.instance-id': (record) =>
    interfaces(record).map((i) => i.instanceId),
  'network-interface.attachment.instance-owner-id': (record) =>
    interfaces(record).map((i) => i.accountId),
  'network-interface.attachment.status': (record) => interfaces(record).map((i) => i.attachState),
};

const ASSOCIATIONS: Filters = {
  ...associationFilters('network-interface.association', publicAddresses),
  ...associationFilters('network-interface.addresses.association', (record) =>
    record.interfaces.flatMap((one) => one.addresses),
  ),
};

function associationFilters(
  prefix: string,
  addressesOf: (record: InstanceRecord) => readonly AddressRow[],
): Filters {
  const elastic = (record: InstanceRecord) =>
    addressesOf(record).filter((one) => one.isAutomatic === 0);
  return {
    [`${prefix}.public-ip`]: (record) => addressesOf(record).map((one) => one.publicIp),
    [`${prefix}.ip-owner-id`]: (record) => addressesOf(record).map(ipOwnerOf),
    [`${prefix}.allocation-id`]: (record) => elastic(record).map((one) => one.id),
    [`${prefix}.association-id`]: (record) =>
      elastic(record).flatMap((one) => one.associationId ?? []),
  };
}
