import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { putConfiguration } from '../store/bucket-configurations.ts';
import { deleteBucket, insertBucket } from '../store/buckets.ts';
import { objectsMigrations } from '../store/migrations/migrations.ts';
import type { ObjectsSchema } from '../store/schema.ts';
import { KnownBuckets } from './known-buckets.ts';

test('a bucket is not asked for again, until something was changed', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-buckets-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'state');
  await using db = await openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
  const known = new KnownBuckets(db);
  assert.equal(await known.find('b'), undefined);
  const row = { id: '1', name: 'b', account_id: '2', created_at: 3, versioning: null };
  await db.transaction((tx) => insertBucket(tx, row));
  const first = await known.find('b');
  assert.deepEqual(first, { ...row, settings: new Map() });
  assert.equal(await known.find('b'), first);
  await db.transaction((tx) =>
    putConfiguration(tx, { bucketId: '1', name: 'acl', document: '{}' }),
  );
  assert.deepEqual((await known.find('b'))?.settings, new Map([['acl', '{}']]));
  // A change under way is not there yet, and is once it was told of.
  const deleting = db.transaction((tx) => deleteBucket(tx, '1'));
  await known.find('b');
  await deleting;
  assert.equal(await known.find('b'), undefined);
});
