// Owns the test of moving attachments to a table that knows them by volume and instance.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import type { Kysely } from 'kysely';
import { cloudTables } from './0001-cloud.ts';
import { volumeTypes } from './0003-volume-types.ts';
import { attachModes } from './0009-attach-modes.ts';
import { multiAttach } from './0012-multi-attach.ts';

interface Tables {
  attachment: Record<string, unknown>;
}

test('an attachment of before stays as it was, and another instance can have the volume too', async () => {
  const before = { '1': cloudTables, '3': volumeTypes, '9': attachModes };
  await using database = await openSqlite<Tables>({ path: ':memory:', migrations: before });
  const row = {
    volume_id: 'vol-1',
    account_id: '1',
    instance_id: 'i-1',
    device_name: '/dev/sdf',
    delete_on_termination: 1,
    desired: 'attached',
    force: 0,
    offered_export: '{}',
    withdrawn_generation: null,
    observed: 'attached',
    created_at: 5,
    attach_mode: 'guest',
  };
  await database.query.insertInto('attachment').values(row).execute();
  await multiAttach.up(database.query as Kysely<unknown> as Parameters<typeof multiAttach.up>[0]);
  const list = () => database.query.selectFrom('attachment').selectAll().execute();
  const own = { ...row, shared: 0, export_to: null, observed_export: null };
  assert.deepEqual({ ...(await list())[0] }, own);
  const insert = (changes: object) =>
    database.query
      .insertInto('attachment')
      .values({ ...row, ...changes })
      .execute();
  await insert({ instance_id: 'i-2' });
  await assert.rejects(insert({ instance_id: 'i-2', device_name: '/dev/sdg' }), /UNIQUE/);
  await assert.rejects(insert({ volume_id: 'vol-2' }), /UNIQUE/);
  assert.equal((await list()).length, 2);
});
