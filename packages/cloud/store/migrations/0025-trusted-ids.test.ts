// Owns the test of trust policies of before: their names become ids where there is somebody of the name.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import type { Kysely } from 'kysely';
import { cloudTables } from './0001-cloud.ts';
import { accountNames } from './0002-account-names.ts';
import { iam } from './0020-iam.ts';
import { trustedIds } from './0025-trusted-ids.ts';

// biome-ignore lint/suspicious/noExplicitAny: the tables as they were
type Tables = any;

function trust(...AWS: string[]): string {
  return JSON.stringify({ Statement: { Effect: 'Allow', Principal: { AWS }, Action: '*' } });
}

test('names in trust policies become ids, and those of nobody stay', async () => {
  const migrations = { '1': cloudTables, '2': accountNames, '20': iam };
  await using database = await openSqlite<Tables>({ path: ':memory:', migrations });
  const db = database.query as Kysely<Tables>;
  const arn = 'arn:aws:iam::1:user/a/ann';
  const owned = { account_id: '1', path: '/', created_at: 1 };
  await db
    .insertInto('user')
    .values({ ...owned, id: 'AIDAANN', name: 'ann', arn })
    .execute();
  const role = { ...owned, max_session_seconds: 1 };
  const gone = 'arn:aws:iam::1:user/gone';
  const session = 'arn:aws:sts::000000000001:assumed-role/other/s';
  const policies = [
    { ...role, id: 'AROAONE', name: 'one', trust_policy: trust(arn, gone, session) },
    {
      ...{ ...role, account_id: '000000000001', id: 'AROATWO', name: 'other' },
      trust_policy: '{ "Statement": [] }',
    },
  ];
  for (const values of policies) await db.insertInto('role').values(values).execute();
  await trustedIds.up(db as Parameters<typeof trustedIds.up>[0]);
  const rows = await db.selectFrom('role').select(['trust_policy']).orderBy('id').execute();
  assert.deepEqual(
    rows.map(({ trust_policy }) => trust_policy),
    [trust('AIDAANN', gone, 'AROATWO:s'), '{ "Statement": [] }'],
  );
});
