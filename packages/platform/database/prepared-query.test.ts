import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Kysely } from 'kysely';
import { prepareQuery } from './prepared-query.ts';
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

const selectAtLeast = prepareQuery((db: Kysely<Schema>, { count }: { count: number }) =>
  db.selectFrom('thing').select('id').where('count', '>=', count).orderBy('id'),
);

async function atLeast(db: Kysely<Schema>, count: number): Promise<string[]> {
  return (await selectAtLeast(db, { count })).map(({ id }) => id);
}

test('a prepared query sees its own transaction, and from outside what was committed', async () => {
  await using db = await openSqlite<Schema>({ path: ':memory:', migrations });
  await db.query.insertInto('thing').values({ id: 'a', count: 1 }).execute();
  let outside: Promise<string[]> | undefined;
  const changing = db.transaction(async (tx) => {
    await tx.insertInto('thing').values({ id: 'b', count: 2 }).execute();
    outside = atLeast(db.query, 1);
    assert.deepEqual(await atLeast(tx, 1), ['a', 'b']);
    throw new Error('planted');
  });
  await assert.rejects(changing, /planted/);
  assert.deepEqual(await outside, ['a']);
  assert.deepEqual(await atLeast(db.query, 2), []);
});

test('a prepared query of a transaction that is over is refused', async () => {
  await using db = await openSqlite<Schema>({ path: ':memory:', migrations });
  let over: Kysely<Schema> | undefined;
  await db.transaction(async (tx) => {
    over = tx;
    assert.deepEqual(await atLeast(tx, 1), []);
  });
  await assert.rejects(atLeast(over!, 1), /over/);
});

test('two databases of one program do not answer for each other', async () => {
  await using one = await openSqlite<Schema>({ path: ':memory:', migrations });
  await using two = await openSqlite<Schema>({ path: ':memory:', migrations });
  await one.query.insertInto('thing').values({ id: 'a', count: 1 }).execute();
  assert.deepEqual(await atLeast(one.query, 1), ['a']);
  assert.deepEqual(await atLeast(two.query, 1), []);
});
