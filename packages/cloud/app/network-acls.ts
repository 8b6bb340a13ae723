// Owns the rules of network ACLs: their entries, which subnet follows which, and what keeps one from being deleted.

import type {
  AccountId,
  NetworkAclAssociationId,
  NetworkAclId,
  SubnetId,
  VpcId,
} from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import {
  deleteAcl,
  deleteAclEntry,
  insertAcl,
  insertAclEntry,
  listAclEntries,
  listAcls,
  listAclsOf,
  setSubnetAcl,
} from '../store/network-acls.ts';
import type { NetworkAclEntryRow, NetworkAclRow } from '../store/network-schema.ts';
import { listSubnets } from '../store/networks.ts';
import type { SubnetRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { invalidValue, notFound, refuse } from './refusals.ts';
import { matchIds, NETWORK_ACL, NETWORK_ACL_ASSOCIATION } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

/** "Amazon VPC quotas": network ACLs per VPC, and what rules per network ACL can be raised to, each way. */
const MAX_ACLS = 200;
const MAX_ENTRIES = 40;
/** The last rule, which refuses what no other has decided. */
export const LAST_RULE = 32_767;

/** With a VPC, whose id its own follows from. It lets everything through until somebody changes that. */
export async function insertDefaultAcl(
  tx: Queries,
  accountId: AccountId,
  vpcId: VpcId,
): Promise<void> {
  const id = `acl-${vpcId.slice('vpc-'.length)}` as const;
  await insertAcl(tx, { id, accountId, vpcId, isDefault: 1 });
  const all = {
    aclId: id,
    ruleNumber: 100,
    isAllowed: 1,
    protocol: -1,
    cidr: '0.0.0.0/0',
  } as const;
  for (const isEgress of [0, 1] as const) {
    await insertAclEntry(tx, { ...all, isEgress, fromPort: null, toPort: null });
  }
}

export async function getAcl(
  tx: Queries,
  { accountId }: Caller,
  id: NetworkAclId,
): Promise<NetworkAclRow> {
  return matchIds(NETWORK_ACL, [id], await listAcls(tx, accountId))[0]!;
}

/** Nothing gets through it until it has entries. */
export async function createAcl(
  app: App,
  { accountId }: Caller,
  { tx }: Change,
  { vpcId, tags }: { vpcId: VpcId; tags: readonly Tag[] },
): Promise<NetworkAclId> {
  await getVpc(tx, accountId, vpcId);
  if ((await listAclsOf(tx, vpcId)).length >= MAX_ACLS) {
    throw refuse('limit-exceeded', 'network-acl', `A VPC can have ${MAX_ACLS} network ACLs.`);
  }
  const id = newId(app.random, 'acl');
  await insertAcl(tx, { id, accountId, vpcId, isDefault: 0 });
  await setTags(tx, accountId, id, tags);
  return id;
}

export async function removeAcl(caller: Caller, { tx }: Change, id: NetworkAclId): Promise<void> {
  const acl = await getAcl(tx, caller, id);
  if (acl.isDefault === 1) {
    throw invalidValue('networkAclId', id, `cannot delete default network ACL ${id}`);
  }
  const subnets = await listSubnets(tx, caller.accountId);
  if (subnets.some((subnet) => subnet.aclId === id)) {
    throw refuse(
      'dependency-violation',
      'network-acl',
      `The networkAcl '${id}' has dependencies and cannot be deleted.`,
    );
  }
  await deleteAcl(tx, id);
  await deleteTags(tx, id);
}

type EntryKey = Pick<NetworkAclEntryRow, 'aclId' | 'isEgress' | 'ruleNumber'>;

async function hasEntry(tx: Queries, { aclId, isEgress, ruleNumber }: EntryKey): Promise<boolean> {
  const entries = await listAclEntries(tx, aclId);
  return entries.some((one) => one.isEgress === isEgress && one.ruleNumber === ruleNumber);
}

export async function addEntry(
  caller: Caller,
  change: Change,
  entry: NetworkAclEntryRow,
): Promise<void> {
  const { tx } = change;
  const acl = await getAcl(tx, caller, entry.aclId);
  if (await hasEntry(tx, entry)) {
    throw refuse(
      'duplicate',
      'network-acl-entry',
      `The network acl entry identified by ${entry.ruleNumber} already exists.`,
    );
  }
  const others = await listAclEntries(tx, acl.id);
  if (others.filter((one) => one.isEgress === entry.isEgress).length >= MAX_ENTRIES) {
    throw refuse(
      'limit-exceeded',
      'network-acl-entry',
      `A network ACL can have ${MAX_ENTRIES} entries each way.`,
    );
  }
  await insertAclEntry(tx, entry);
  await touchVpc(change, acl.vpcId);
}

export async function replaceEntry(
  caller: Caller,
  change: Change,
  entry: NetworkAclEntryRow,
): Promise<void> {
  await removeEntry(caller, change, entry);
  await insertAclEntry(change.tx, entry);
}

export async function removeEntry(caller: Caller, change: Change, key: EntryKey): Promise<void> {
  const acl = await getAcl(change.tx, caller, key.aclId);
  if (!(await hasEntry(change.tx, key))) {
    const way = key.isEgress === 1 ? 'egress' : 'ingress';
    throw refuse(
      'not-found',
      'network-acl-entry',
      `The ${way} network acl entry identified by ${key.ruleNumber} does not exist in ${key.aclId}`,
    );
  }
  await deleteAclEntry(change.tx, key);
  await touchVpc(change, acl.vpcId);
}

/** The one that a subnet follows. */
export function aclOf(acls: readonly NetworkAclRow[], subnet: SubnetRow): NetworkAclRow {
  const own = acls.find(({ id }) => id === subnet.aclId);
  return own ?? acls.find((acl) => acl.vpcId === subnet.vpcId && acl.isDefault === 1)!;
}

/** Until it is replaced for the first time it follows from the subnet's id. */
export function aclAssociationOf(
  subnet: Pick<SubnetRow, 'id' | 'aclAssociationId'>,
): NetworkAclAssociationId {
  return subnet.aclAssociationId ?? `aclassoc-${subnet.id.slice('subnet-'.length)}`;
}

export async function replaceAclAssociation(
  app: App,
  caller: Caller,
  change: Change,
  wanted: { id: NetworkAclAssociationId; aclId: NetworkAclId },
): Promise<NetworkAclAssociationId> {
  const { tx } = change;
  const subnets = await listSubnets(tx, caller.accountId);
  const subnet = subnets.find((one) => aclAssociationOf(one) === wanted.id);
  if (subnet === undefined) {
    throw notFound('network-acl-association', NETWORK_ACL_ASSOCIATION.label, [wanted.id]);
  }
  const acl = await getAcl(tx, caller, wanted.aclId);
  if (acl.vpcId !== subnet.vpcId) {
    throw invalidValue(
      'networkAclId',
      acl.id,
      `network ACL ${acl.id} and subnet ${subnet.id} belong to different networks`,
    );
  }
  return follow(app, change, { ...subnet, aclId: acl.id });
}

async function follow(
  app: App,
  change: Change,
  { id, vpcId, aclId }: { id: SubnetId; vpcId: VpcId; aclId: NetworkAclId },
): Promise<NetworkAclAssociationId> {
  const aclAssociationId = newId(app.random, 'aclassoc');
  await setSubnetAcl(change.tx, id, { aclId, aclAssociationId });
  await touchVpc(change, vpcId);
  return aclAssociationId;
}
