// Owns the queries on when each access key was last used.

import type { KeyUseTable } from './iam-schema.ts';
import type { Queries } from './store.ts';

export async function putKeyUse(db: Queries, row: KeyUseTable): Promise<void> {
  await db.deleteFrom('keyUse').where('keyId', '=', row.keyId).execute();
  await db.insertInto('keyUse').values(row).execute();
}

export function findKeyUse(db: Queries, keyId: string): Promise<KeyUseTable | undefined> {
  return db.selectFrom('keyUse').selectAll().where('keyId', '=', keyId).executeTakeFirst();
}
