// Owns the queries on temporary credentials.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { SessionTable } from './iam-schema.ts';
import type { Queries } from './store.ts';

export async function insertSession(db: Queries, row: SessionTable): Promise<void> {
  await db.insertInto('session').values(row).execute();
}

export function findSession(db: Queries, id: string): Promise<SessionTable | undefined> {
  return db.selectFrom('session').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function deleteSessionsBefore(db: Queries, expiresAt: number): Promise<void> {
  await db.deleteFrom('session').where('expiresAt', '<', expiresAt).execute();
}

export async function deleteSessionsOf(db: Queries, holderId: string): Promise<void> {
  await db.deleteFrom('session').where('holderId', '=', holderId).execute();
}

/** The one that lasts longest. */
export function findSessionOfInstance(
  db: Queries,
  instanceId: InstanceId,
): Promise<SessionTable | undefined> {
  return db
    .selectFrom('session')
    .selectAll()
    .where('instanceId', '=', instanceId)
    .orderBy('expiresAt', 'desc')
    .limit(1)
    .executeTakeFirst();
}

export async function deleteSessionsOfInstance(db: Queries, id: InstanceId): Promise<void> {
  await db.deleteFrom('session').where('instanceId', '=', id).execute();
}
