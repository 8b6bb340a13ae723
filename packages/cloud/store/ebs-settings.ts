// Owns the queries on what accounts have set for their volumes, snapshots and images.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { Selectable } from 'kysely';
import type { EbsSettingTable } from './ebs-setting-table.ts';
import type { Queries } from './store.ts';

export type EbsSettings = Selectable<EbsSettingTable>;

const DEFAULTS: Omit<EbsSettings, 'accountId'> = {
  encryptByDefault: 0,
  kmsKey: null,
  imageSharing: 'unblocked',
  snapshotSharing: 'unblocked',
};

/** An account that has set nothing has the defaults. */
export async function getEbsSettings(db: Queries, accountId: AccountId): Promise<EbsSettings> {
  const row = await db
    .selectFrom('ebsSetting')
    .selectAll()
    .where('accountId', '=', accountId)
    .executeTakeFirst();
  return row ?? { ...DEFAULTS, accountId };
}

export async function changeEbsSettings(
  tx: Queries,
  accountId: AccountId,
  changes: Partial<Omit<EbsSettings, 'accountId'>>,
): Promise<EbsSettings> {
  const settings = { ...(await getEbsSettings(tx, accountId)), ...changes };
  await tx
    .insertInto('ebsSetting')
    .values(settings)
    .onConflict((conflict) => conflict.column('accountId').doUpdateSet(changes))
    .execute();
  return settings;
}

/** Whose snapshots nobody else has, unless they are shared by name. */
export async function listHidingAccounts(db: Queries): Promise<Set<AccountId>> {
  const rows = await db
    .selectFrom('ebsSetting')
    .select('accountId')
    .where('snapshotSharing', '=', 'block-all-sharing')
    .execute();
  return new Set(rows.map(({ accountId }) => accountId));
}
