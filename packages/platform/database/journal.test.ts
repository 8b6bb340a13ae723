import assert from 'node:assert/strict';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { Kysely } from 'kysely';
import type { Database } from './database.ts';
import type { Journal, JournalSource } from './journal.ts';
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

/** Stands for the files of the log: entries in memory. */
class MemoryJournal implements Journal, JournalSource {
  readonly entries: Uint8Array[] = [];
  /** What the next writes wait for, or fail with. */
  before: () => Promise<void> = async () => {};

  place(): string {
    return String(this.entries.length);
  }

  async write(entry: Uint8Array): Promise<void> {
    await this.before();
    this.entries.push(entry);
  }

  drop(): void {}

  async end(): Promise<string> {
    return this.place();
  }

  async *read(place: string): AsyncGenerator<Uint8Array> {
    yield* this.entries.slice(Number(place));
  }
}

/** A file, its log of writes, and what they were at some moment. */
class Store {
  readonly journal = new MemoryJournal();
  readonly #folder: string;
  #openings = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  open(): Promise<Database<Schema>> {
    this.#openings += 1;
    return openSqlite<Schema>({
      path: join(this.#folder, 'db'),
      migrations,
      maxTransactionsPerCommit: 32,
      journal: { source: this.journal, epoch: String(this.#openings) },
    });
  }

  async save(): Promise<void> {
    for (const name of ['db', 'db-wal'])
      await copyFile(this.#path(name), this.#path(`${name}.old`));
  }

  /** As if nothing had reached the disk since. */
  async lose(): Promise<void> {
    for (const name of ['db', 'db-wal'])
      await copyFile(this.#path(`${name}.old`), this.#path(name));
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }
}

async function makeStore(t: TestContext): Promise<Store> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-journal-'));
  t.after(() => rm(folder, { recursive: true }));
  return new Store(folder);
}

function journaled(db: Database<Schema>, { journal }: Store, id: string, count = 1) {
  return db.journaledBy!(journal)((tx) =>
    tx
      .insertInto('thing')
      .values({ id, count })
      .onConflict((conflict) => conflict.column('id').doUpdateSet({ count }))
      .execute(),
  );
}

function synced(db: Database<Schema>, id: string) {
  return db.transaction((tx) => tx.deleteFrom('thing').where('id', '=', id).execute());
}

async function contents(db: Database<Schema>): Promise<string> {
  const rows = await db.query.selectFrom('thing').selectAll().orderBy('id').execute();
  return rows.map(({ id, count }) => `${id}${count}`).join(' ');
}

test('what the file has lost of journaled transactions is there again after the next start', async (t) => {
  const store = await makeStore(t);
  {
    await using db = await store.open();
    await store.save();
    await Promise.all(['a', 'b', 'c'].map((id) => journaled(db, store, id)));
    await journaled(db, store, 'a', 2);
  }
  await store.lose();
  for (let start = 0; start < 2; start++) {
    await using db = await store.open();
    assert.equal(await contents(db), 'a2 b1 c1');
  }
});

test('what was synced between journaled transactions stays in its place among them', async (t) => {
  const store = await makeStore(t);
  {
    await using db = await store.open();
    await journaled(db, store, 'a');
    await synced(db, 'a');
    await store.save();
    await journaled(db, store, 'b');
  }
  await store.lose();
  await using db = await store.open();
  assert.equal(await contents(db), 'b1');
});

test('a state that is older than a synced change takes nothing that was journaled after it', async (t) => {
  const store = await makeStore(t);
  {
    await using db = await store.open();
    await journaled(db, store, 'a');
    await store.save();
    await synced(db, 'a');
    await journaled(db, store, 'b');
  }
  await store.lose();
  {
    await using db = await store.open();
    assert.equal(await contents(db), 'a1');
    await store.save();
    await journaled(db, store, 'c');
  }
  await store.lose();
  await using db = await store.open();
  assert.equal(await contents(db), 'a1 c1');
});

test('what the journal could not take is told to all of its group and is not there', async (t) => {
  const store = await makeStore(t);
  {
    await using db = await store.open();
    await store.save();
    store.journal.before = async () => {
      throw new Error('planted');
    };
    const outcomes = await Promise.allSettled([
      journaled(db, store, 'a'),
      journaled(db, store, 'b'),
    ]);
    assert.deepEqual(
      outcomes.map(({ status }) => status),
      ['rejected', 'rejected'],
    );
    assert.equal(await contents(db), '');
    store.journal.before = async () => {};
    await journaled(db, store, 'c');
  }
  await store.lose();
  await using db = await store.open();
  assert.equal(await contents(db), 'c1');
});

test('an entry whose transaction was told to have failed makes way for the next one', async (t) => {
  const store = await makeStore(t);
  {
    await using db = await store.open();
    await store.save();
    const { write } = store.journal;
    store.journal.write = async (entry) => {
      await write.call(store.journal, entry);
      throw new Error('planted');
    };
    await assert.rejects(journaled(db, store, 'a'), /planted/);
    store.journal.write = write;
    await journaled(db, store, 'b');
  }
  await store.lose();
  await using db = await store.open();
  assert.equal(await contents(db), 'b1');
});

test('nobody sees what the journal does not have yet, and what is synced waits for it', async (t) => {
  const store = await makeStore(t);
  await using db = await store.open();
  await journaled(db, store, 'z');
  const { promise, resolve } = Promise.withResolvers<void>();
  store.journal.before = () => promise;
  let isTold = false;
  const changing = journaled(db, store, 'a').then(() => {
    isTold = true;
  });
  const deleting = synced(db, 'a');
  const reading = contents(db);
  for (let round = 0; round < 5; round++) await new Promise((next) => setImmediate(next));
  assert.equal(isTold, false);
  resolve();
  assert.equal(await reading, 'a1 z1');
  await Promise.all([changing, deleting]);
  assert.equal(await contents(db), 'z1');
});
