// Owns EC2's shape of network ACLs.

import type { NetworkAcl, NetworkAclEntry } from '@aws-sdk/client-ec2';
import type { AccountId } from '@ironbark/core/ids.ts';
import { isIpv6Text } from '@ironbark/core/ipv6.ts';
import { aclAssociationOf, aclOf, LAST_RULE } from '../app/network-acls.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import { listVpcIpv6Cidrs } from '../store/ipv6.ts';
import { listAcls, listEntriesOfAccount } from '../store/network-acls.ts';
import type { NetworkAclEntryRow, NetworkAclRow } from '../store/network-schema.ts';
import { listSubnets } from '../store/networks.ts';
import type { SubnetRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listTags } from '../store/tags.ts';

import { renderTags } from './render-instance.ts';

export interface AclItem {
  row: NetworkAclRow;
  entries: readonly NetworkAclEntryRow[];
  /** Those that follow it. */
  subnets: readonly SubnetRow[];
  /** Its VPC has blocks of it. */
  hasIpv6: boolean;
  tags: readonly Tag[];
}

export async function listAclItems(db: Queries, accountId: AccountId): Promise<AclItem[]> {
  const acls = await listAcls(db, accountId);
  const entries = Map.groupBy(await listEntriesOfAccount(db, accountId), (one) => one.aclId);
  const subnets = Map.groupBy(await listSubnets(db, accountId), (subnet) => aclOf(acls, subnet).id);
  const withIpv6 = new Set((await listVpcIpv6Cidrs(db, accountId)).map(({ vpcId }) => vpcId));
  const tags = new TagIndex(await listTags(db, accountId));
  return acls.map((row) => ({
    row,
    entries: entries.get(row.id) ?? [],
    subnets: subnets.get(row.id) ?? [],
    hasIpv6: withIpv6.has(row.vpcId),
    tags: tags.of(row.id),
  }));
}

const ICMP: readonly number[] = [1, 58];
/** What comes after the entries for IPv6, where the VPC has that. */
const LAST_IPV6_RULE = LAST_RULE + 1;

function renderEntry(row: NetworkAclEntryRow): NetworkAclEntry {
  const { fromPort, toPort } = row;
  const hasRange = fromPort !== null && toPort !== null;
  const range = hasRange ? { PortRange: { From: fromPort, To: toPort } } : {};
  const icmp = hasRange ? { IcmpTypeCode: { Type: fromPort, Code: toPort } } : {};
  return {
    ...(isIpv6Text(row.cidr) ? { Ipv6CidrBlock: row.cidr } : { CidrBlock: row.cidr }),
    Egress: row.isEgress === 1,
    Protocol: String(row.protocol),
    RuleAction: row.isAllowed === 1 ? 'allow' : 'deny',
    RuleNumber: row.ruleNumber,
    ...(ICMP.includes(row.protocol) ? icmp : range),
  };
}

/** With the last one each way, which nobody made and nobody can delete. */
export function renderEntries({
  entries,
  hasIpv6,
}: Pick<AclItem, 'entries' | 'hasIpv6'>): NetworkAclEntry[] {
  return ([1, 0] as const).flatMap((isEgress) => {
    const last = { Egress: isEgress === 1, Protocol: '-1', RuleAction: 'deny' } as const;
    const last6 = { Ipv6CidrBlock: '::/0', ...last, RuleNumber: LAST_IPV6_RULE };
    return [
      ...entries.filter((entry) => entry.isEgress === isEgress).map(renderEntry),
      { CidrBlock: '0.0.0.0/0', ...last, RuleNumber: LAST_RULE },
      ...(hasIpv6 ? [last6] : []),
    ];
  });
}

export function renderAcl(item: AclItem): NetworkAcl {
  const { row, subnets } = item;
  return {
    NetworkAclId: row.id,
    VpcId: row.vpcId,
    OwnerId: row.accountId,
    IsDefault: row.isDefault === 1,
    Entries: renderEntries(item),
    Associations: subnets.map((subnet) => ({
      NetworkAclAssociationId: aclAssociationOf(subnet),
      NetworkAclId: row.id,
      SubnetId: subnet.id,
    })),
    Tags: renderTags(item.tags),
  };
}
