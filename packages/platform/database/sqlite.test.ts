import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Kysely, sql } from 'kysely';
import { openSqlite } from './sqlite.ts';

interface Schema {
  thing: { id: string; count: number };
}

const migrations = {
  '0001-thing': {
    up: async (db: Kysely<Schema>) => {
      await db.schema
        .createTable('thing')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('count', 'integer', (c) => c.notNull())
        .execute();
    },
  },
};

test('a transaction that throws leaves nothing behind', async () => {
  await using db = await openSqlite<Schema>({ path: ':memory:', migrations });
  const failing = db.transaction(async (tx) => {
    await tx.insertInto('thing').values({ id: 'a', count: 1 }).execute();
    throw new Error('planted');
  });
  await assert.rejects(failing, /planted/);
  assert.deepEqual(await db.query.selectFrom('thing').selectAll().execute(), []);
});

test('transactions run one after another, so that read-modify-write loses nothing', async () => {
  await using db = await openSqlite<Schema>({ path: ':memory:', migrations });
  await db.query.insertInto('thing').values({ id: 'a', count: 0 }).execute();
  const increment = () =>
    db.transaction(async (tx) => {
      const row = await tx.selectFrom('thing').select('count').executeTakeFirstOrThrow();
      await new Promise((resolve) => setImmediate(resolve));
      await tx
        .updateTable('thing')
        .set({ count: row.count + 1 })
        .execute();
    });
  await Promise.all(Array.from({ length: 20 }, increment));
  assert.equal(
    (await db.query.selectFrom('thing').select('count').executeTakeFirstOrThrow()).count,
    20,
  );
});

test('insert ... returning gives its rows', async () => {
  await using db = await openSqlite<Schema>({ path: ':memory:', migrations });
  const row = await db.query
    .insertInto('thing')
    .values({ id: 'a', count: 7 })
    .returningAll()
    .executeTakeFirst();
  assert.deepEqual({ ...row }, { id: 'a', count: 7 });
});

test('a full disk is an operating error that changes nothing', async () => {
  await using db = await openSqlite<Schema>({ path: ':memory:', migrations });
  // The engine's own limit on pages gives the same error as a disk.
  await sql`PRAGMA max_page_count = 20`.execute(db.query);
  const fill = db.transaction(async (tx) => {
    for (let i = 0; i < 10_000; i++) {
      const id = `${i}`.padEnd(500);
      await tx.insertInto('thing').values({ id, count: i }).execute();
    }
  });
  await assert.rejects(fill, { name: 'ServiceError', kind: 'out-of-space' });
  assert.deepEqual(await db.query.selectFrom('thing').selectAll().execute(), []);
});

test('a database is open to nobody else, also one that was made before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-sqlite-'));
  const path = join(folder, 'a.db');
  try {
    await writeFile(path, '', { mode: 0o644 });
    await using _database = await openSqlite({ path, migrations: {} });
    for (const name of await readdir(folder)) {
      assert.equal((await stat(join(folder, name))).mode & 0o777, 0o600, name);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
