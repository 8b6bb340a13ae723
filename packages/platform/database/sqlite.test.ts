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

async function openGrouping(maxTransactionsPerCommit = 32) {
  return await openSqlite<Schema>({ path: ':memory:', migrations, maxTransactionsPerCommit });
}

function insert(db: Awaited<ReturnType<typeof openGrouping>>, id: string) {
  return db.transaction((tx) => tx.insertInto('thing').values({ id, count: 1 }).execute());
}

async function listIds(db: Awaited<ReturnType<typeof openGrouping>>): Promise<string[]> {
  const rows = await db.query.selectFrom('thing').select('id').orderBy('id').execute();
  return rows.map(({ id }) => id);
}

for (const most of [1, 3, 32]) {
  test(`of transactions that share commits, ${most} at most, each is whole or not there`, async () => {
    await using db = await openGrouping(most);
    const all = Array.from({ length: 20 }, async (_, n) => {
      const id = String(n).padStart(2, '0');
      await db.transaction(async (tx) => {
        await tx.insertInto('thing').values({ id, count: n }).execute();
        if (n % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
        if (n % 3 === 0) throw new Error('planted');
      });
      // Whoever was told of the end finds what was done.
      assert.ok((await listIds(db)).includes(id));
      return id;
    });
    const outcomes = await Promise.allSettled(all);
    const kept = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    assert.equal(kept.length, 13);
    assert.deepEqual(await listIds(db), kept);
  });
}

test('nobody outside sees what a transaction did before its commit', async () => {
  await using db = await openGrouping();
  const { promise, resolve } = Promise.withResolvers<void>();
  const changing = db.transaction(async (tx) => {
    await tx.insertInto('thing').values({ id: 'a', count: 1 }).execute();
    await promise;
    throw new Error('planted');
  });
  const reading = listIds(db);
  const other = insert(db, 'b');
  resolve();
  await assert.rejects(changing, /planted/);
  assert.deepEqual(await reading, ['b']);
  await other;
});

test('a commit that fails is told to all who share it, and the next one has nothing of them', async () => {
  await using db = await openGrouping();
  await sql`CREATE TABLE child (id TEXT REFERENCES thing(id) DEFERRABLE INITIALLY DEFERRED)`.execute(
    db.query,
  );
  const orphan = db.transaction((tx) => sql`INSERT INTO child VALUES ('nobody')`.execute(tx));
  const outcomes = await Promise.allSettled([orphan, insert(db, 'a'), insert(db, 'b')]);
  assert.deepEqual(
    outcomes.map(({ status }) => status),
    ['rejected', 'rejected', 'rejected'],
  );
  await insert(db, 'c');
  assert.deepEqual(await listIds(db), ['c']);
});

/** Throws because of what it finds. */
function refuseIfPresent(db: Awaited<ReturnType<typeof openGrouping>>, id: string) {
  return db.transaction(async (tx) => {
    const found = await tx.selectFrom('thing').selectAll().where('id', '=', id).execute();
    if (found.length > 0) throw new Error('taken');
  });
}

/** Ends when the test says so. */
function linger(db: Awaited<ReturnType<typeof openGrouping>>) {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { ended: db.transaction(() => promise), end: resolve };
}

/** Whether it has ended, once nothing more happens by itself. */
async function isOver(work: Promise<unknown>): Promise<boolean> {
  let over = false;
  const note = () => {
    over = true;
  };
  work.then(note, note);
  for (let round = 0; round < 10; round++) await new Promise((resolve) => setImmediate(resolve));
  return over;
}

test('who is refused because of what a neighbour did is told when that is committed', async () => {
  await using db = await openGrouping();
  const neighbour = insert(db, 'a');
  const refused = refuseIfPresent(db, 'a');
  const last = linger(db);
  assert.equal(await isOver(refused), false);
  last.end();
  await assert.rejects(refused, /taken/);
  await Promise.all([neighbour, last.ended]);
  assert.deepEqual(await listIds(db), ['a']);
});

test('a group whose last member is undone is committed', async () => {
  await using db = await openGrouping();
  const neighbour = insert(db, 'a');
  await assert.rejects(refuseIfPresent(db, 'a'), /taken/);
  await neighbour;
  assert.deepEqual(await listIds(db), ['a']);
});

test('who is refused because of what did not come to be is told why that failed', async () => {
  await using db = await openGrouping();
  await sql`CREATE TABLE child (id TEXT REFERENCES thing(id) DEFERRABLE INITIALLY DEFERRED)`.execute(
    db.query,
  );
  const orphan = db.transaction((tx) => sql`INSERT INTO child VALUES ('nobody')`.execute(tx));
  const outcomes = [orphan, insert(db, 'a'), refuseIfPresent(db, 'a')];
  await Promise.all(outcomes.map((each) => assert.rejects(each, /FOREIGN KEY/)));
  assert.deepEqual(await listIds(db), []);
});

test('who is undone with nothing before it in its group does not wait for those after it', async () => {
  await using db = await openGrouping();
  const first = db.transaction(async () => {
    throw new Error('planted');
  });
  const last = linger(db);
  const undone = assert.rejects(first, /planted/);
  assert.equal(await isOver(undone), true);
  last.end();
  await Promise.all([undone, last.ended]);
});

test('when the disk is full, those who share a commit have all of it or none', async () => {
  await using db = await openGrouping();
  await sql`PRAGMA max_page_count = 20`.execute(db.query);
  const fill = db.transaction(async (tx) => {
    for (let i = 0; i < 10_000; i++) {
      await tx
        .insertInto('thing')
        .values({ id: `${i}`.padEnd(500), count: i })
        .execute();
    }
  });
  const outcomes = await Promise.allSettled([insert(db, 'a'), fill, insert(db, 'b')]);
  const kept = ['a', 'filled', 'b'].filter((_, at) => outcomes[at]!.status === 'fulfilled');
  assert.ok(!kept.includes('filled'));
  assert.deepEqual(await listIds(db), kept);
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

test('temporary tables need no place on a disk: a service sees nothing but its folder', async () => {
  await using db = await openSqlite<Schema>({ path: ':memory:', migrations });
  const { rows } = await sql<{ temp_store: number }>`PRAGMA temp_store`.execute(db.query);
  assert.equal(rows[0]?.temp_store, 2);
});
