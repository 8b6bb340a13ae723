// Owns the rows of join tokens: each is gone once it has let a node in, or was guessed at too often.

import type { Kysely, Selectable } from 'kysely';
import type { ClusterSchema, JoinTokenTable } from './schema.ts';

export type JoinTokenRow = Selectable<JoinTokenTable>;
type Queries = Kysely<ClusterSchema>;

export async function addJoinToken(db: Queries, row: JoinTokenRow): Promise<void> {
  await db.insertInto('join_token').values(row).execute();
}

export function findJoinToken(db: Queries, id: string): Promise<JoinTokenRow | undefined> {
  return db.selectFrom('join_token').selectAll().where('id', '=', id).executeTakeFirst();
}

export async function countJoinTokens(db: Queries): Promise<number> {
  const { count } = await db
    .selectFrom('join_token')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

export async function setWrongGuesses(db: Queries, id: string, count: number): Promise<void> {
  await db.updateTable('join_token').set({ wrong_guesses: count }).where('id', '=', id).execute();
}

export async function deleteJoinToken(db: Queries, id: string): Promise<void> {
  await db.deleteFrom('join_token').where('id', '=', id).execute();
}

export async function purgeJoinTokens(db: Queries, beforeMs: number): Promise<void> {
  await db.deleteFrom('join_token').where('expires_at', '<', beforeMs).execute();
}
