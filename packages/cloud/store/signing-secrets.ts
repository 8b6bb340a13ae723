// Owns the queries on what this cloud signs with for itself.

import type { Queries } from './store.ts';

export async function findSigningSecret(db: Queries, name: string): Promise<string | undefined> {
  const row = await db
    .selectFrom('signingSecret')
    .select('secret')
    .where('name', '=', name)
    .executeTakeFirst();
  return row?.secret;
}

/** The first one stays. */
export async function addSigningSecret(db: Queries, name: string, secret: string): Promise<void> {
  await db
    .insertInto('signingSecret')
    .values({ name, secret })
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}
