// Owns changes of what security groups let through.

import type { IpPermission } from '@aws-sdk/client-ec2';
import type { SecurityGroupRuleId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { SecurityGroupRow, SecurityGroupRuleRow } from '../store/schema.ts';
import {
  deleteGroupRule,
  insertGroupRule,
  listGroupsOfVpc,
  listRulesOf,
  updateGroupRule,
} from '../store/security-groups.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import {
  describeRule,
  type FlatPermission,
  keyOf,
  type Permission,
  parsePermissions,
} from './group-permissions.ts';
import { missingParameter, refuse } from './refusals.ts';
import { GROUP_RULE, matchIds } from './resource-ids.ts';
import { type GroupName, getGroup } from './security-groups.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

/** "Amazon VPC quotas": inbound or outbound rules for each security group. */
const MAX_RULES = 60;

export type RuleInput = GroupName & FlatPermission;

export interface Authorization {
  input: RuleInput;
  isEgress: 0 | 1;
  tags: readonly Tag[];
}

export async function authorizeRules(
  app: App,
  { accountId }: Caller,
  change: Change,
  { input, isEgress, tags }: Authorization,
): Promise<SecurityGroupRuleRow[]> {
  const { tx } = change;
  const group = await getGroup(tx, accountId, input);
  const wanted = parsePermissions(input, await listGroupsOfVpc(tx, group.vpcId));
  if (wanted.length === 0) throw missingParameter('ipPermissions');
  const rules = (await listRulesOf(tx, group.id)).filter((rule) => rule.isEgress === isEgress);
  refuseKnown(rules, wanted);
  refuseTooMany(rules.length + wanted.length);
  const made = wanted.map(
    (permission): SecurityGroupRuleRow => ({
      id: newId(app.random, 'sgr'),
      accountId,
      groupId: group.id,
      isEgress,
      ...permission,
    }),
  );
  for (const rule of made) {
    await insertGroupRule(tx, rule);
    await setTags(tx, accountId, rule.id, tags);
  }
  await touchVpc(change, group.vpcId);
  return made;
}

function refuseKnown(rules: readonly SecurityGroupRuleRow[], wanted: readonly Permission[]): void {
  const known = new Set(rules.map(keyOf));
  const again = wanted.find((permission) => known.has(keyOf(permission)));
  if (again === undefined) return;
  throw refuse(
    'duplicate',
    'permission',
    `the specified rule ${describeRule(again)} already exists`,
  );
}

function refuseTooMany(count: number): void {
  if (count <= MAX_RULES) return;
  throw refuse(
    'limit-exceeded',
    'security-group-rule',
    `The maximum number of rules per security group has been reached: ${MAX_RULES} each way.`,
  );
}

export interface Revocation {
  input: RuleInput;
  ruleIds: readonly SecurityGroupRuleId[];
  isEgress: 0 | 1;
}

export async function revokeRules(
  { accountId }: Caller,
  change: Change,
  { input, ruleIds, isEgress }: Revocation,
): Promise<SecurityGroupRuleRow[]> {
  const { tx } = change;
  const group = await getGroup(tx, accountId, input);
  const rules = (await listRulesOf(tx, group.id)).filter((rule) => rule.isEgress === isEgress);
  if ((input.IpPermissions ?? []).some(isOfNoRuleHere)) throw noSuchRule();
  const wanted = parsePermissions(input, await listGroupsOfVpc(tx, group.vpcId));
  if (ruleIds.length === 0 && wanted.length === 0) {
    throw missingParameter('ipPermissions or securityGroupRuleIds');
  }
  const named = matchIds(GROUP_RULE, ruleIds, rules);
  const revoked = new Set([...named, ...wanted.map((one) => findRule(rules, one))]);
  for (const rule of revoked) {
    await deleteGroupRule(tx, rule.id);
    await deleteTags(tx, rule.id);
  }
  await touchVpc(change, group.vpcId);
  return [...revoked];
}

function findRule(
  rules: readonly SecurityGroupRuleRow[],
  wanted: Permission,
): SecurityGroupRuleRow {
  const rule = rules.find((one) => keyOf(one) === keyOf(wanted));
  if (rule !== undefined) return rule;
  throw noSuchRule();
}

function noSuchRule(): Error {
  const message = 'The specified rule does not exist in this security group.';
  return refuse('not-found', 'permission', message);
}

/** What is not offered is in no group. */
function isOfNoRuleHere({ PrefixListIds = [] }: IpPermission): boolean {
  return PrefixListIds.length > 0;
}

export interface RuleChange {
  id: SecurityGroupRuleId;
  permission: Permission;
}

export async function modifyRules(
  change: Change,
  group: SecurityGroupRow,
  changes: readonly RuleChange[],
): Promise<void> {
  const { tx } = change;
  const rules = await listRulesOf(tx, group.id);
  const known = matchIds(
    GROUP_RULE,
    changes.map(({ id }) => id),
    rules,
  );
  for (const [at, { id, permission }] of changes.entries()) {
    const { isEgress } = known[at]!;
    const others = rules.filter((rule) => rule.id !== id && rule.isEgress === isEgress);
    refuseKnown(others, [permission]);
    await updateGroupRule(tx, id, permission);
  }
  await touchVpc(change, group.vpcId);
}

export interface DescriptionChange {
  input: RuleInput;
  isEgress: 0 | 1;
  byId: readonly { id: SecurityGroupRuleId; description: string | null }[];
}

/** Only people read descriptions: no node has to hear of it. */
export async function describeRules(
  { accountId }: Caller,
  { tx }: Change,
  { input, isEgress, byId }: DescriptionChange,
): Promise<void> {
  const group = await getGroup(tx, accountId, input);
  const rules = (await listRulesOf(tx, group.id)).filter((rule) => rule.isEgress === isEgress);
  const wanted = parsePermissions(input, await listGroupsOfVpc(tx, group.vpcId));
  if (byId.length === 0 && wanted.length === 0) {
    throw missingParameter('ipPermissions or securityGroupRuleDescriptions');
  }
  matchIds(
    GROUP_RULE,
    byId.map(({ id }) => id),
    rules,
  );
  for (const { id, description } of byId) await updateGroupRule(tx, id, { description });
  for (const one of wanted) {
    await updateGroupRule(tx, findRule(rules, one).id, { description: one.description });
  }
}
