// Owns DescribeSubnets.

import type { FilterTable } from '../app/filters.ts';
import { matchIds, parseIds, SUBNET } from '../app/resource-ids.ts';
import { TagIndex } from '../app/tags.ts';
import { zoneIdOf } from '../app/zone-ids.ts';
import { listInterfaceAddresses } from '../store/interface-addresses.ts';
import { listSubnetIpv6Cidrs } from '../store/ipv6.ts';
import { listInterfaces } from '../store/network-interfaces.ts';
import { listSubnets } from '../store/networks.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { countFree, renderSubnet, type SubnetItem, subnetArn } from './render-subnet.ts';
import { selectPage } from './select-page.ts';

function filtersOf(region: string): FilterTable<SubnetItem> {
  return {
    names: {
      'subnet-id': ({ row }) => row.id,
      'vpc-id': ({ row }) => row.vpcId,
      'availability-zone': ({ row }) => row.zone,
      availabilityZone: ({ row }) => row.zone,
      'available-ip-address-count': countFree,
      cidr: ({ row }) => row.cidr,
      cidrBlock: ({ row }) => row.cidr,
      'cidr-block': ({ row }) => row.cidr,
      'default-for-az': ({ row }) => row.isDefault === 1,
      defaultForAz: ({ row }) => row.isDefault === 1,
      availabilityZoneId: ({ row }) => zoneIdOf(row.zone),
      'availability-zone-id': ({ row }) => zoneIdOf(row.zone),
      'customer-owned-ipv4-pool': () => undefined,
      'enable-dns64': () => false,
      'enable-lni-at-device-index': () => undefined,
      'ipv6-cidr-block-association.association-id': ({ ipv6 }) => ipv6?.id,
      'ipv6-cidr-block-association.ipv6-cidr-block': ({ ipv6 }) => ipv6?.cidr,
      'ipv6-cidr-block-association.state': ({ ipv6 }) => ipv6 && 'associated',
      'ipv6-native': () => false,
      'map-customer-owned-ip-on-launch': () => false,
      'map-public-ip-on-launch': ({ row }) => row.mapPublicIp === 1,
      'outpost-arn': () => undefined,
      'private-dns-name-options-on-launch.hostname-type': () => 'ip-name',
      'private-dns-name-options-on-launch.enable-resource-name-dns-a-record': () => false,
      'private-dns-name-options-on-launch.enable-resource-name-dns-aaaa-record': () => false,
      'subnet-arn': ({ row }) => subnetArn(row, region),
      'owner-id': ({ row }) => row.accountId,
      state: () => 'available',
    },
    tags: ({ tags }) => [...tags],
  };
}

export const describeSubnets: Ec2Handler<'DescribeSubnets'> = async (app, context, input) => {
  const ids = parseIds(SUBNET, input.SubnetIds, 'SubnetId');
  const { accountId } = context;
  const rows = await listSubnets(app.store.query, accountId);
  const interfaces = await listInterfaces(app.store.query, accountId);
  const more = await listInterfaceAddresses(app.store.query, accountId);
  const taken = Map.groupBy([...interfaces, ...more], (one) => one.subnetId);
  const blocks = await listSubnetIpv6Cidrs(app.store.query, accountId);
  const ipv6 = new Map(blocks.map((one) => [one.subnetId, one]));
  const tags = new TagIndex(await listTags(app.store.query, accountId));
  const named = ids.length === 0 ? rows : matchIds(SUBNET, ids, rows);
  const shown = named.map((row): SubnetItem => {
    const used = (taken.get(row.id) ?? []).length;
    return { row, ipv6: ipv6.get(row.id), tags: tags.of(row.id), used };
  });
  const listing = {
    action: 'DescribeSubnets',
    idsParameter: 'subnetIds',
    table: filtersOf(app.region),
    sortKey: ({ row }: SubnetItem) => row.id,
  };
  const { items, nextToken } = selectPage(shown, input, listing, ids);
  return { Subnets: items.map((item) => renderSubnet(item, app.region)), NextToken: nextToken };
};
