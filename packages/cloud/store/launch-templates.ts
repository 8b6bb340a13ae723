// Owns the queries on launch templates and their versions.

import type { AccountId, LaunchTemplateId } from '@ironbark/core/ids.ts';
import type { Updateable } from 'kysely';
import type {
  LaunchTemplateRow,
  LaunchTemplateTable,
  LaunchTemplateVersionRow,
} from './launch-template-schema.ts';
import type { Queries } from './store.ts';

export function listTemplates(db: Queries, accountId: AccountId): Promise<LaunchTemplateRow[]> {
  return db.selectFrom('launchTemplate').selectAll().where('accountId', '=', accountId).execute();
}

export async function countTemplates(db: Queries, accountId: AccountId): Promise<number> {
  const { count } = await db
    .selectFrom('launchTemplate')
    .select((e) => e.fn.countAll<number>().as('count'))
    .where('accountId', '=', accountId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

export function findTemplate(
  db: Queries,
  accountId: AccountId,
  by: { id: LaunchTemplateId } | { name: string },
): Promise<LaunchTemplateRow | undefined> {
  const own = db.selectFrom('launchTemplate').selectAll().where('accountId', '=', accountId);
  const found = 'id' in by ? own.where('id', '=', by.id) : own.where('name', '=', by.name);
  return found.executeTakeFirst();
}

export async function insertTemplate(db: Queries, row: LaunchTemplateRow): Promise<void> {
  await db.insertInto('launchTemplate').values(row).execute();
}

export async function updateTemplate(
  db: Queries,
  id: LaunchTemplateId,
  values: Updateable<LaunchTemplateTable>,
): Promise<void> {
  await db.updateTable('launchTemplate').set(values).where('id', '=', id).execute();
}

/** With all its versions. */
export async function deleteTemplate(db: Queries, id: LaunchTemplateId): Promise<void> {
  await db.deleteFrom('launchTemplateVersion').where('templateId', '=', id).execute();
  await db.deleteFrom('launchTemplate').where('id', '=', id).execute();
}

export function listVersions(
  db: Queries,
  id: LaunchTemplateId,
): Promise<LaunchTemplateVersionRow[]> {
  return db
    .selectFrom('launchTemplateVersion')
    .selectAll()
    .where('templateId', '=', id)
    .orderBy('version')
    .execute();
}

export function findVersion(
  db: Queries,
  id: LaunchTemplateId,
  version: number,
): Promise<LaunchTemplateVersionRow | undefined> {
  return db
    .selectFrom('launchTemplateVersion')
    .selectAll()
    .where('templateId', '=', id)
    .where('version', '=', version)
    .executeTakeFirst();
}

/** The highest that there is; a template always has one. */
export function getLatestVersion(
  db: Queries,
  id: LaunchTemplateId,
): Promise<LaunchTemplateVersionRow> {
  return db
    .selectFrom('launchTemplateVersion')
    .selectAll()
    .where('templateId', '=', id)
    .orderBy('version', 'desc')
    .limit(1)
    .executeTakeFirstOrThrow();
}

export async function insertVersion(db: Queries, row: LaunchTemplateVersionRow): Promise<void> {
  await db.insertInto('launchTemplateVersion').values(row).execute();
}

export async function deleteVersion(
  db: Queries,
  id: LaunchTemplateId,
  version: number,
): Promise<void> {
  await db
    .deleteFrom('launchTemplateVersion')
    .where('templateId', '=', id)
    .where('version', '=', version)
    .execute();
}
