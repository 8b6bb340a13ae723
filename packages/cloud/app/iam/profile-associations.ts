// Owns which instance has which profile, and the credentials that it gets from it: issued with the intent, renewed in time.

import type { AccountId, InstanceId, ProfileAssociationId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { foldKey } from '@ironbark/protocol/policy/conditions.ts';
import { findById, findNamed } from '../../store/iam-names.ts';
import type {
  InstanceProfileTable,
  ProfileAssociationTable,
  RoleTable,
} from '../../store/iam-schema.ts';
import {
  deleteAssociation,
  findAssociation,
  insertAssociation,
  listAssociationsWith,
  listWithoutCredentials,
} from '../../store/instance-profiles.ts';
import { raiseGeneration } from '../../store/instances.ts';
import { deleteSessionsOfInstance } from '../../store/sessions.ts';
import type { Queries } from '../../store/store.ts';
import { requireAllowed } from '../access.ts';
import type { App } from '../app.ts';
import { describeCallConditions, type RequestFacts } from '../call-conditions.ts';
import type { Change } from '../change.ts';
import { invalidCombination, invalidValue, missingParameter, refuse } from '../refusals.ts';
import { entityArn } from './names.ts';
import { mayServiceTakeRole } from './role-trust.ts';
import { issueRoleSession } from './sessions.ts';

export interface ProfileWish {
  Arn?: string | undefined;
  Name?: string | undefined;
}

/** Throws unless the account has it. */
export async function getWishedProfile(
  db: Queries,
  accountId: AccountId,
  { Arn, Name }: ProfileWish,
): Promise<InstanceProfileTable> {
  if (Arn !== undefined && Name !== undefined) {
    throw invalidCombination('Give an instance profile by its Arn or by its Name, not both.');
  }
  const name = Name ?? Arn?.slice(Arn.lastIndexOf('/') + 1);
  if (name === undefined) throw missingParameter('IamInstanceProfile.Name');
  const profile = await findNamed(db, 'instanceProfile', { accountId, name });
  const isIt = profile && (Arn === undefined || entityArn('instance-profile', profile) === Arn);
  if (isIt === true) return profile!;
  const parameter = Arn === undefined ? 'iamInstanceProfile.name' : 'iamInstanceProfile.arn';
  throw invalidValue(parameter, (Arn ?? name).slice(0, 200), 'Invalid IAM Instance Profile name');
}

export interface PassedWish extends ProfileWish {
  /** What the profile carried when the caller was asked about it; absent for a root, who may pass every role. */
  passedRoleId?: string | null;
}

/** The profile as it is in the transaction, unless it carries another role by now than the caller may pass. */
export async function getPassedProfile(
  tx: Queries,
  accountId: AccountId,
  { passedRoleId, ...wish }: PassedWish,
): Promise<InstanceProfileTable> {
  const profile = await getWishedProfile(tx, accountId, wish);
  if (passedRoleId === undefined || passedRoleId === profile.roleId) return profile;
  const message = `The role of the instance profile ${profile.name} has just been changed. Try again.`;
  throw refuse('incorrect-state', 'profile-association', message);
}

interface Asking {
  principal: Principal;
  accountId: AccountId;
  region: string;
  request?: RequestFacts;
}

/** Who launches must not get more rights by it: the wish comes back with the role that may be passed. */
export async function requirePassRole(
  app: App,
  context: Asking,
  wish: ProfileWish,
): Promise<PassedWish> {
  if (context.principal.isRoot) return wish;
  const { roleId } = await getWishedProfile(app.store.query, context.accountId, wish);
  const role = roleId === null ? undefined : await findById(app.store.query, 'role', roleId);
  if (role !== undefined) await requireRolePassed(app, context, role);
  return { ...wish, passedRoleId: role?.id ?? null };
}

/** "To pass a role to a service you need iam:PassRole": IAM User Guide. */
export async function requireRolePassed(
  app: App,
  { principal, region, request }: Asking,
  role: RoleTable,
): Promise<void> {
  if (principal.isRoot) return;
  const facts = { service: 'iam', input: {}, region, nowMs: app.clock.nowMs(), request };
  const service = [foldKey('iam:PassedToService'), ['ec2.amazonaws.com']] as const;
  const conditions = new Map([...describeCallConditions(facts), service]);
  const resource = { arn: entityArn('role', role) };
  await requireAllowed(app, { principal, permission: 'iam:PassRole', resource, conditions });
}

/** The instance's node is told of it with everything else. */
export async function associateProfile(
  app: App,
  change: Change,
  { id: instanceId, accountId }: { id: InstanceId; accountId: AccountId },
  profile: InstanceProfileTable,
): Promise<ProfileAssociationTable> {
  const { tx, nowMs } = change;
  if ((await findAssociation(tx, { instanceId })) !== undefined) {
    const message = `There is an existing association for instance ${instanceId}`;
    throw refuse('incorrect-state', 'profile-association', message);
  }
  const id = newId(app.random, 'iip-assoc');
  const row = { id, accountId, instanceId, profileId: profile.id, createdAt: nowMs };
  await insertAssociation(tx, row);
  await issueCredentials(app, change, row);
  return row;
}

/** What the instance had been given is good no longer. */
export async function dissociateProfile(tx: Queries, instanceId: InstanceId): Promise<void> {
  await deleteAssociation(tx, instanceId);
  await deleteSessionsOfInstance(tx, instanceId);
}

/** "The credentials are rotated automatically": EC2 makes new ones before the old ones end. */
const CREDENTIALS_SECONDS = 6 * 60 * 60;
const RENEW_BEFORE_MS = 60 * 60_000;
/** In one transaction. */
const MAX_RENEWED = 500;

async function issueCredentials(
  app: Pick<App, 'random'>,
  { tx, nowMs }: Change,
  { instanceId, profileId }: ProfileAssociationTable,
): Promise<boolean> {
  const profile = await findById(tx, 'instanceProfile', profileId);
  const roleId = profile?.roleId ?? null;
  const role = roleId === null ? undefined : await findById(tx, 'role', roleId);
  if (role === undefined || !mayServiceTakeRole(role, 'ec2.amazonaws.com')) return false;
  const wish = { sessionName: instanceId, durationSeconds: CREDENTIALS_SECONDS, instanceId };
  await issueRoleSession(app, { tx, nowMs }, role, wish);
  return true;
}

/**
 * Of a page of them; answers after which to go on, undefined when that was the last. Roles that do not trust EC2 are
 * due for ever: without going on they would keep the others from their turn.
 */
export async function renewCredentials(
  app: Pick<App, 'random'>,
  change: Change,
  afterId?: ProfileAssociationId,
): Promise<ProfileAssociationId | undefined> {
  const { tx, nowMs } = change;
  const page = { untilMs: nowMs + RENEW_BEFORE_MS, afterId, limit: MAX_RENEWED };
  const due = await listWithoutCredentials(tx, page);
  for (const association of due) {
    if (await issueCredentials(app, change, association)) await tellNode(change, association);
  }
  return due.length < MAX_RENEWED ? undefined : due.at(-1)?.id;
}

/** The profile has another role, or none. */
export async function refreshProfile(app: App, change: Change, profileId: string): Promise<void> {
  for (const association of await listAssociationsWith(change.tx, profileId)) {
    await deleteSessionsOfInstance(change.tx, association.instanceId);
    await issueCredentials(app, change, association);
    await tellNode(change, association);
  }
}

export async function tellNode(
  { tx, touched }: Change,
  { instanceId }: Pick<ProfileAssociationTable, 'instanceId'>,
): Promise<void> {
  await raiseGeneration(tx, instanceId);
  touched.instances.add(instanceId);
}
