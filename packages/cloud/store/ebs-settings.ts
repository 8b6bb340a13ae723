// Owns the queries on what accounts have set for their volumes.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';
import type { EbsSettingTable } from './ebs-setting-table.ts';
import type { Queries } from './store.ts';

export type EbsSettings = Selectable<EbsSettingTable>;

/** An account that has set nothing has the defaults. */
export async function getEbsSettings(db: Queries, accountId: AccountId): Promise<EbsSettings> {
  const row = await db
    .selectFrom('ebsSetting')
    .selectAll()
    .where('accountId', '=', accountId)
    .executeTakeFirst();
  return row ?? { accountId, encryptByDefault: 0, kmsKey: null };
}

export async function changeEbsSettings(
  tx: Queries,
  accountId: AccountId,
  changes: Partial<Pick<EbsSettings, 'encryptByDefault' | 'kmsKey'>>,
): Promise<EbsSettings> {
  const settings = { ...(await getEbsSettings(tx, accountId)), ...changes };
  await tx
    .insertInto('ebsSetting')
    .values(settings)
    .onConflict((conflict) => conflict.column('accountId').doUpdateSet(changes))
    .execute();
  return settings;
}
