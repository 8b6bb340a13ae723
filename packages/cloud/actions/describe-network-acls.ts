// Owns DescribeNetworkAcls: each VPC has the default one, whose id follows from its own, and there are no others.

import type { NetworkAcl, NetworkAclEntry } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { matchIds, NETWORK_ACL, parseIds } from '../app/resource-ids.ts';
import { listSubnets, listVpcs } from '../store/networks.ts';
import type { SubnetRow, VpcRow } from '../store/schema.ts';
import type { Ec2Handler } from './handler.ts';
import { selectPage } from './select-page.ts';

interface AclItem {
  id: `acl-${string}`;
  vpc: VpcRow;
  subnets: SubnetRow[];
}

const ofEntries = (read: (entry: NetworkAclEntry) => string | number | boolean | undefined) => () =>
  ENTRIES.map(read);

const FILTERS: FilterTable<AclItem> = {
  names: {
    'association.association-id': ({ subnets }) => subnets.map(associationId),
    'association.network-acl-id': ({ id, subnets }) => subnets.map(() => id),
    'association.subnet-id': ({ subnets }) => subnets.map((subnet) => subnet.id),
    default: () => true,
    'entry.cidr': ofEntries((entry) => entry.CidrBlock),
    'entry.egress': ofEntries((entry) => entry.Egress),
    'entry.icmp.code': () => undefined,
    'entry.icmp.type': () => undefined,
    'entry.ipv6-cidr': () => undefined,
    'entry.port-range.from': () => undefined,
    'entry.port-range.to': () => undefined,
    'entry.protocol': ofEntries((entry) => entry.Protocol),
    'entry.rule-action': ofEntries((entry) => entry.RuleAction),
    'entry.rule-number': ofEntries((entry) => entry.RuleNumber),
    'network-acl-id': ({ id }) => id,
    'owner-id': ({ vpc }) => vpc.accountId,
    'vpc-id': ({ vpc }) => vpc.id,
  },
  tags: () => [],
};

/** The last rule, which refuses what no other has decided. */
const LAST_RULE = 32_767;

const ENTRIES: NetworkAclEntry[] = [true, false].flatMap((Egress) =>
  ([100, LAST_RULE] as const).map((RuleNumber) => ({
    CidrBlock: '0.0.0.0/0',
    Egress,
    Protocol: '-1',
    RuleAction: RuleNumber === LAST_RULE ? ('deny' as const) : ('allow' as const),
    RuleNumber,
  })),
);

export const describeNetworkAcls: Ec2Handler<'DescribeNetworkAcls'> = async (
  app,
  context,
  input,
) => {
  const ids = parseIds(NETWORK_ACL, input.NetworkAclIds, 'NetworkAclId');
  const { accountId } = context;
  const subnets = await listSubnets(app.store.query, accountId);
  const all = (await listVpcs(app.store.query, accountId)).map((vpc): AclItem => {
    const id = `acl-${vpc.id.slice('vpc-'.length)}` as const;
    return { id, vpc, subnets: subnets.filter((subnet) => subnet.vpcId === vpc.id) };
  });
  const listing = {
    action: 'DescribeNetworkAcls',
    idsParameter: 'networkAclIds',
    table: FILTERS,
    sortKey: ({ id }: AclItem) => id,
  };
  const named = ids.length === 0 ? all : matchIds(NETWORK_ACL, ids, all);
  const { items, nextToken } = selectPage(named, input, listing, ids);
  return { NetworkAcls: items.map(render), NextToken: nextToken };
};

function associationId({ id }: SubnetRow): string {
  return `aclassoc-${id.slice('subnet-'.length)}`;
}

function render({ id, vpc, subnets }: AclItem): NetworkAcl {
  return {
    NetworkAclId: id,
    VpcId: vpc.id,
    OwnerId: vpc.accountId,
    IsDefault: true,
    Entries: ENTRIES,
    Associations: subnets.map((subnet) => ({
      NetworkAclAssociationId: associationId(subnet),
      NetworkAclId: id,
      SubnetId: subnet.id,
    })),
    Tags: [],
  };
}
