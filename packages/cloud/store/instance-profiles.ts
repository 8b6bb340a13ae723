// Owns the queries on instance profiles: whose role they carry, and which instance has which.

import type { AccountId, InstanceId, ProfileAssociationId } from '@ironbark/core/ids.ts';
import type { InstanceProfileTable, ProfileAssociationTable } from './iam-schema.ts';
import { inParts } from './in-parts.ts';
import type { Queries } from './store.ts';

export function listProfilesOfRole(db: Queries, roleId: string): Promise<InstanceProfileTable[]> {
  return db
    .selectFrom('instanceProfile')
    .selectAll()
    .where('roleId', '=', roleId)
    .orderBy('name')
    .execute();
}

export function listAssociations(
  db: Queries,
  accountId: AccountId,
): Promise<ProfileAssociationTable[]> {
  return db
    .selectFrom('profileAssociation')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('id')
    .execute();
}

export async function insertAssociation(db: Queries, row: ProfileAssociationTable): Promise<void> {
  await db.insertInto('profileAssociation').values(row).execute();
}

export function findAssociation(
  db: Queries,
  by: { id: ProfileAssociationId } | { instanceId: InstanceId },
): Promise<ProfileAssociationTable | undefined> {
  const all = db.selectFrom('profileAssociation').selectAll();
  const found =
    'id' in by ? all.where('id', '=', by.id) : all.where('instanceId', '=', by.instanceId);
  return found.executeTakeFirst();
}

export async function deleteAssociation(db: Queries, instanceId: InstanceId): Promise<void> {
  await db.deleteFrom('profileAssociation').where('instanceId', '=', instanceId).execute();
}

export function listAssociationsWith(
  db: Queries,
  profileId: string,
): Promise<ProfileAssociationTable[]> {
  return db
    .selectFrom('profileAssociation')
    .selectAll()
    .where('profileId', '=', profileId)
    .execute();
}

export interface InstanceProfileLink {
  instanceId: InstanceId;
  profile: InstanceProfileTable;
}

/** Which of these instances has which profile. */
export async function listProfilesOfInstances(
  db: Queries,
  ids: readonly InstanceId[],
): Promise<InstanceProfileLink[]> {
  const rows = await inParts(ids, (some) =>
    db
      .selectFrom('profileAssociation')
      .innerJoin('instanceProfile', 'instanceProfile.id', 'profileAssociation.profileId')
      .selectAll('instanceProfile')
      .select('profileAssociation.instanceId as instanceId')
      .where('profileAssociation.instanceId', 'in', some)
      .execute(),
  );
  return rows.map(({ instanceId, ...profile }) => ({ instanceId, profile }));
}

export interface CredentialsPage {
  untilMs: number;
  /** Undefined: from the first. */
  afterId: ProfileAssociationId | undefined;
  limit: number;
}

/** Those whose credentials do not last until then, a page of them. */
export function listWithoutCredentials(
  db: Queries,
  { untilMs, afterId, limit }: CredentialsPage,
): Promise<ProfileAssociationTable[]> {
  return db
    .selectFrom('profileAssociation')
    .innerJoin('instanceProfile', 'instanceProfile.id', 'profileAssociation.profileId')
    .selectAll('profileAssociation')
    .where('instanceProfile.roleId', 'is not', null)
    .$if(afterId !== undefined, (all) => all.where('profileAssociation.id', '>', afterId!))
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom('session')
            .select('session.id')
            .whereRef('session.instanceId', '=', 'profileAssociation.instanceId')
            .where('session.expiresAt', '>', untilMs),
        ),
      ),
    )
    .orderBy('profileAssociation.id')
    .limit(limit)
    .execute();
}
