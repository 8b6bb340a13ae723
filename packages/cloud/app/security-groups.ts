// Owns the rules of security groups: their names, their VPC, and what keeps one from being deleted.

import type { AccountId, SecurityGroupId, VpcId } from '@ironbark/core/ids.ts';
import { newId, type RandomSource } from '@ironbark/platform/random.ts';
import { listIpv6CidrsOf } from '../store/ipv6.ts';
import type { SecurityGroupRow } from '../store/schema.ts';
import {
  deleteGroup,
  deleteGroupRule,
  hasInterfaces,
  insertGroup,
  insertGroupRule,
  isReferenced,
  listGroups,
  listGroupsOfVpc,
  listRulesOf,
} from '../store/security-groups.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getDefaultVpc, getVpc } from './find-vpc.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import {
  invalidCombination,
  invalidValue,
  missingParameter,
  notFound,
  refuse,
} from './refusals.ts';
import { GROUP, matchIds, parseId } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

export const DEFAULT_GROUP = 'default';

/** "Up to 255 characters in length", of these: API reference of CreateSecurityGroup. */
const TEXT = /^[a-zA-Z0-9 ._\-:/()#,@[\]+=&;{}!$*]{1,255}$/;

export function checkGroupText(name: string, text: string | undefined): string {
  if (text === undefined || text === '') throw missingParameter(name);
  if (TEXT.test(text)) return text;
  throw invalidValue(
    name,
    text.slice(0, 300),
    'It has up to 255 characters: a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*',
  );
}

export interface GroupWish {
  name: string;
  description: string;
  vpcId: VpcId | undefined;
  tags: readonly Tag[];
}

export async function createGroup(
  app: App,
  { accountId }: Caller,
  change: Change,
  { name, description, vpcId, tags }: GroupWish,
): Promise<SecurityGroupRow> {
  const { tx } = change;
  const vpc =
    vpcId === undefined ? await getDefaultVpc(tx, accountId) : await getVpc(tx, accountId, vpcId);
  if (name === DEFAULT_GROUP) {
    throw refuse(
      'invalid-parameter',
      'request',
      `Cannot use reserved security group name: ${DEFAULT_GROUP}`,
    );
  }
  const groups = await listGroups(tx, accountId);
  if (groups.some((group) => group.vpcId === vpc.id && group.name === name)) {
    throw refuse(
      'duplicate',
      'security-group',
      `The security group '${name}' already exists for VPC '${vpc.id}'`,
    );
  }
  await requireWithin(tx, accountId, QUOTAS.securityGroups);
  const row = { id: newId(app.random, 'sg'), accountId, vpcId: vpc.id, name, description };
  await insertGroup(tx, row);
  await insertEgressToAll(tx, row, app.random);
  const hasIpv6 = (await listIpv6CidrsOf(tx, vpc.id)).length > 0;
  if (hasIpv6) await insertIpv6EgressToAll(tx, row, app.random);
  await setTags(tx, accountId, row.id, tags);
  await touchVpc(change, vpc.id);
  return row;
}

/** "By default, a security group includes an outbound rule that allows all outbound traffic." */
async function insertEgressToAll(
  tx: Queries,
  group: SecurityGroupRow,
  random: RandomSource,
): Promise<void> {
  const to = { cidrIpv4: '0.0.0.0/0', cidrIpv6: null };
  await insertGroupRule(tx, { ...everythingOut(group, random), ...to });
}

/** In a VPC with IPv6 "a rule that allows all outbound IPv6 traffic" besides. */
export async function insertIpv6EgressToAll(
  tx: Queries,
  group: SecurityGroupRow,
  random: RandomSource,
): Promise<void> {
  const to = { cidrIpv4: null, cidrIpv6: '::/0' };
  await insertGroupRule(tx, { ...everythingOut(group, random), ...to });
}

function everythingOut({ id: groupId, accountId }: SecurityGroupRow, random: RandomSource) {
  const all = { isEgress: 1, protocol: '-1', fromPort: -1, toPort: -1 } as const;
  const id = newId(random, 'sgr');
  return { id, accountId, groupId, ...all, sourceGroupId: null, description: null };
}

/** With its two rules: everything from its own members, and everything out. */
export async function insertDefaultGroup(
  tx: Queries,
  accountId: AccountId,
  vpcId: VpcId,
  random: RandomSource,
): Promise<void> {
  const id: SecurityGroupId = newId(random, 'sg');
  const description = 'default VPC security group';
  const row = { id, accountId, vpcId, name: DEFAULT_GROUP, description };
  await insertGroup(tx, row);
  await insertGroupRule(tx, {
    id: newId(random, 'sgr'),
    accountId,
    groupId: id,
    isEgress: 0,
    protocol: '-1',
    fromPort: -1,
    toPort: -1,
    cidrIpv4: null,
    cidrIpv6: null,
    sourceGroupId: id,
    description: null,
  });
  await insertEgressToAll(tx, row, random);
}

export interface GroupName {
  GroupId?: string | undefined;
  GroupName?: string | undefined;
}

/** By id, or by name in the default VPC. */
export async function getGroup(
  tx: Queries,
  accountId: AccountId,
  { GroupId, GroupName: name }: GroupName,
): Promise<SecurityGroupRow> {
  if (GroupId !== undefined && name !== undefined) {
    throw invalidCombination('The parameter groupName cannot be used with the parameter groupId');
  }
  const groups = await listGroups(tx, accountId);
  if (GroupId !== undefined) {
    return matchIds(GROUP, [parseId(GROUP, GroupId, 'GroupId')], groups)[0]!;
  }
  if (name === undefined || name === '') throw missingParameter('groupName or groupId');
  const vpc = await getDefaultVpc(tx, accountId);
  const group = groups.find((one) => one.vpcId === vpc.id && one.name === name);
  if (group !== undefined) return group;
  throw notFound('security-group', 'security group', [name.slice(0, 255)]);
}

export async function removeGroup(
  { accountId }: Caller,
  change: Change,
  which: GroupName,
): Promise<SecurityGroupRow> {
  const { tx } = change;
  const group = await getGroup(tx, accountId, which);
  if (group.name === DEFAULT_GROUP) {
    throw refuse(
      'operation-not-permitted',
      'security-group',
      `the specified group: "${group.id}" name: "${DEFAULT_GROUP}" cannot be deleted by a user`,
    );
  }
  if ((await hasInterfaces(tx, group.id)) || (await isReferenced(tx, group.id))) {
    throw refuse(
      'dependency-violation',
      'security-group',
      `resource ${group.id} has a dependent object`,
    );
  }
  await eraseGroup(tx, group.id);
  await touchVpc(change, group.vpcId);
  return group;
}

async function eraseGroup(tx: Queries, id: SecurityGroupId): Promise<void> {
  for (const rule of await listRulesOf(tx, id)) {
    await deleteGroupRule(tx, rule.id);
    await deleteTags(tx, rule.id);
  }
  await deleteGroup(tx, id);
  await deleteTags(tx, id);
}

/** For a VPC that goes: whoever is in one has been looked for before. */
export async function eraseGroupsOf(tx: Queries, vpcId: VpcId): Promise<void> {
  for (const { id } of await listGroupsOfVpc(tx, vpcId)) await eraseGroup(tx, id);
}
