// Owns DescribeSubnets.

import type { Subnet } from '@aws-sdk/client-ec2';
import { parseBlock } from '@ironbark/core/ipv4.ts';
import { countAssignable } from '../app/addresses.ts';
import type { FilterTable } from '../app/filters.ts';
import { matchIds, parseIds, SUBNET } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listInterfaces } from '../store/network-interfaces.ts';
import { listSubnets } from '../store/networks.ts';
import type { SubnetRow } from '../store/schema.ts';
import { listTags } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { renderTags } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface SubnetItem {
  row: SubnetRow;
  tags: Tag[];
  freeAddresses: number;
}

const FILTERS: FilterTable<SubnetItem> = {
  names: {
    'subnet-id': ({ row }) => row.id,
    'vpc-id': ({ row }) => row.vpcId,
    'availability-zone': ({ row }) => row.zone,
    availabilityZone: ({ row }) => row.zone,
    'available-ip-address-count': ({ freeAddresses }) => freeAddresses,
    cidr: ({ row }) => row.cidr,
    cidrBlock: ({ row }) => row.cidr,
    'cidr-block': ({ row }) => row.cidr,
    'default-for-az': ({ row }) => row.isDefault === 1,
    defaultForAz: ({ row }) => row.isDefault === 1,
    'map-public-ip-on-launch': () => false,
    'owner-id': ({ row }) => row.accountId,
    state: () => 'available',
  },
  tags: ({ tags }) => tags,
};

export const describeSubnets: Ec2Handler<'DescribeSubnets'> = async (app, context, input) => {
  const ids = parseIds(SUBNET, input.SubnetIds, 'SubnetId');
  const { accountId } = context;
  const rows = await listSubnets(app.store.query, accountId);
  const interfaces = await listInterfaces(app.store.query, accountId);
  const tags = new TagIndex(await listTags(app.store.query, accountId));
  const named = ids.length === 0 ? rows : matchIds(SUBNET, ids, rows);
  const shown = named.map((row): SubnetItem => {
    const used = interfaces.filter((one) => one.subnetId === row.id).length;
    const freeAddresses = countAssignable(parseBlock(row.cidr)!) - used;
    return { row, tags: tags.of(row.id), freeAddresses };
  });
  const listing = {
    action: 'DescribeSubnets',
    idsParameter: 'subnetIds',
    table: FILTERS,
    sortKey: ({ row }: SubnetItem) => row.id,
  };
  const { items, nextToken } = selectPage(shown, input, listing, ids);
  return { Subnets: items.map((item) => render(item, app.region)), NextToken: nextToken };
};

function render({ row, tags, freeAddresses }: SubnetItem, region: string): Subnet {
  return {
    SubnetId: row.id,
    SubnetArn: `arn:aws:ec2:${region}:${row.accountId}:subnet/${row.id}`,
    VpcId: row.vpcId,
    OwnerId: row.accountId,
    CidrBlock: row.cidr,
    AvailabilityZone: row.zone,
    AvailableIpAddressCount: freeAddresses,
    DefaultForAz: row.isDefault === 1,
    MapPublicIpOnLaunch: false,
    AssignIpv6AddressOnCreation: false,
    Ipv6CidrBlockAssociationSet: [],
    State: 'available',
    Tags: renderTags(tags),
  };
}
