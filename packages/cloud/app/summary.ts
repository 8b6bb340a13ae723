// Owns the few numbers that an administrator sees first, and who logs in to which image.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Queries } from '../store/store.ts';

const COUNTED = {
  images: 'image',
  instances: 'instance',
  volumes: 'volume',
  snapshots: 'snapshot',
} as const;

export type ResourceCounts = Record<keyof typeof COUNTED, number>;

export async function countResources(db: Queries): Promise<ResourceCounts> {
  const entries = Object.entries(COUNTED).map(
    async ([noun, table]) => [noun, await countRows(db, table)] as const,
  );
  return Object.fromEntries(await Promise.all(entries)) as ResourceCounts;
}

/** The tables have their counting in common; the type names one of them for all. */
async function countRows(db: Queries, table: string): Promise<number> {
  const { count } = await db
    .selectFrom(table as 'image')
    .select((eb) => eb.fn.countAll<number>().as('count'))
    .executeTakeFirstOrThrow();
  return count;
}

/** Image id to the user that a key pair logs in as. */
export async function listLoginUsers(
  db: Queries,
  accountId: AccountId,
): Promise<Record<string, string>> {
  const rows = await db
    .selectFrom('image')
    .select(['id', 'loginUser'])
    .where('accountId', '=', accountId)
    .execute();
  return Object.fromEntries(rows.map((row) => [row.id, row.loginUser]));
}
