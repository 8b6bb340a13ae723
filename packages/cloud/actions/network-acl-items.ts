// Owns EC2's shape of network ACLs.

import type { NetworkAcl, NetworkAclEntry } from '@aws-sdk/client-ec2';
import type { AccountId } from '@ironbark/core/ids.ts';
import { aclAssociationOf, aclOf, LAST_RULE } from '../app/network-acls.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
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
  tags: readonly Tag[];
}

export async function listAclItems(db: Queries, accountId: AccountId): Promise<AclItem[]> {
  const acls = await listAcls(db, accountId);
  const entries = Map.groupBy(await listEntriesOfAccount(db, accountId), (one) => one.aclId);
  const subnets = Map.groupBy(await listSubnets(db, accountId), (subnet) => aclOf(acls, subnet).id);
  const tags = new TagIndex(await listTags(db, accountId));
  return acls.map((row) => ({
    row,
    entries: entries.get(row.id) ?? [],
    subnets: subnets.get(row.id) ?? [],
    tags: tags.of(row.id),
  }));
}

const ICMP = 1;

function renderEntry(row: NetworkAclEntryRow): NetworkAclEntry {
  const { fromPort, toPort } = row;
  const hasRange = fromPort !== null && toPort !== null;
  const range = hasRange ? { PortRange: { From: fromPort, To: toPort } } : {};
  const icmp = hasRange ? { IcmpTypeCode: { Type: fromPort, Code: toPort } } : {};
  return {
    CidrBlock: row.cidr,
    Egress: row.isEgress === 1,
    Protocol: String(row.protocol),
    RuleAction: row.isAllowed === 1 ? 'allow' : 'deny',
    RuleNumber: row.ruleNumber,
    ...(row.protocol === ICMP ? icmp : range),
  };
}

/** With the last one each way, which nobody made and nobody can delete. */
export function renderEntries({ entries }: Pick<AclItem, 'entries'>): NetworkAclEntry[] {
  return ([1, 0] as const).flatMap((isEgress) => [
    ...entries.filter((entry) => entry.isEgress === isEgress).map(renderEntry),
    {
      CidrBlock: '0.0.0.0/0',
      Egress: isEgress === 1,
      Protocol: '-1',
      RuleAction: 'deny',
      RuleNumber: LAST_RULE,
    },
  ]);
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
