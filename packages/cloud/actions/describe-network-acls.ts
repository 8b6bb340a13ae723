// Owns DescribeNetworkAcls.

import type { NetworkAclEntry } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { aclAssociationOf } from '../app/network-acls.ts';
import { matchIds, NETWORK_ACL, parseIds } from '../app/resource-ids.ts';
import type { Ec2Handler } from './handler.ts';
import { type AclItem, listAclItems, renderAcl, renderEntries } from './network-acl-items.ts';
import { selectPage } from './select-page.ts';

type Value = string | number | boolean;

const ofEntries = (read: (entry: NetworkAclEntry) => Value | undefined) => (item: AclItem) =>
  renderEntries(item).flatMap((entry) => read(entry) ?? []);

const FILTERS: FilterTable<AclItem> = {
  names: {
    'association.association-id': ({ subnets }) => subnets.map(aclAssociationOf),
    'association.network-acl-id': ({ row, subnets }) => subnets.map(() => row.id),
    'association.subnet-id': ({ subnets }) => subnets.map((subnet) => subnet.id),
    default: ({ row }) => row.isDefault === 1,
    'entry.cidr': ofEntries((entry) => entry.CidrBlock),
    'entry.egress': ofEntries((entry) => entry.Egress),
    'entry.icmp.code': ofEntries((entry) => entry.IcmpTypeCode?.Code),
    'entry.icmp.type': ofEntries((entry) => entry.IcmpTypeCode?.Type),
    'entry.ipv6-cidr': ofEntries((entry) => entry.Ipv6CidrBlock),
    'entry.port-range.from': ofEntries((entry) => entry.PortRange?.From),
    'entry.port-range.to': ofEntries((entry) => entry.PortRange?.To),
    'entry.protocol': ofEntries((entry) => entry.Protocol),
    'entry.rule-action': ofEntries((entry) => entry.RuleAction),
    'entry.rule-number': ofEntries((entry) => entry.RuleNumber),
    'network-acl-id': ({ row }) => row.id,
    'owner-id': ({ row }) => row.accountId,
    'vpc-id': ({ row }) => row.vpcId,
  },
  tags: ({ tags }) => [...tags],
};

export const describeNetworkAcls: Ec2Handler<'DescribeNetworkAcls'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(NETWORK_ACL, input.NetworkAclIds, 'NetworkAclId');
  const all = await listAclItems(app.store.query, context.accountId);
  if (ids.length > 0) {
    matchIds(
      NETWORK_ACL,
      ids,
      all.map(({ row }) => row),
    );
  }
  const named = ids.length === 0 ? all : all.filter(({ row }) => ids.includes(row.id));
  const listing = {
    action: 'DescribeNetworkAcls',
    idsParameter: 'networkAclIds',
    table: FILTERS,
    sortKey: ({ row }: AclItem) => row.id,
  };
  const { items, nextToken } = selectPage(named, input, listing, ids);
  return { NetworkAcls: items.map(renderAcl), NextToken: nextToken };
};
