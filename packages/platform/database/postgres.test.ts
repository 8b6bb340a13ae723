import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { type Kysely, sql } from 'kysely';
import {
  type PostgresServer,
  postgresIsMissing,
  startPostgres,
} from '../../../test/support/postgres-server.ts';
import { systemClock, waitFor } from '../clock.ts';
import { silentLogger } from '../logger.ts';
import { systemRandom } from '../random.ts';
import type { Database } from './database.ts';
import { MAX_TRANSACTIONS, openPostgres } from './postgres.ts';
import { PostgresLock } from './postgres-lock.ts';
import { parsePostgresUrl } from './postgres-target.ts';
import { prepareQuery } from './prepared-query.ts';

interface Schema {
  thing: { id: string; count: number };
}

const migrations = {
  '0001-thing': {
    up: async (db: Kysely<Schema>) => {
      await db.schema
        .createTable('thing')
        .addColumn('id', 'text', (c) => c.primaryKey())
        .addColumn('count', 'bigint', (c) => c.notNull())
        .execute();
    },
  },
};

const skip = await postgresIsMissing();
let server: PostgresServer;
let databases = 0;

before(async () => {
  if (skip === false) server = await startPostgres();
});

after(async () => {
  if (skip === false) await server[Symbol.asyncDispose]();
});

async function newDatabase(): Promise<string> {
  databases += 1;
  return await server.createDatabase(`d${databases}`);
}

function open(url: string): Promise<Database<Schema>> {
  return openPostgres<Schema>({
    ...{ target: parsePostgresUrl(url), migrations, logger: silentLogger },
    ...{ clock: systemClock, random: systemRandom },
  });
}

async function countOf(db: Database<Schema>): Promise<number> {
  return (await db.query.selectFrom('thing').select('count').executeTakeFirstOrThrow()).count;
}

test('several that open it at once make its tables once', { skip }, async () => {
  const url = await newDatabase();
  const all = await Promise.all([open(url), open(url), open(url)]);
  await all[0]!.query
    .insertInto('thing')
    .values({ id: 'a', count: 2 ** 40 })
    .execute();
  for (const db of all) {
    assert.equal(await countOf(db), 2 ** 40);
    await db[Symbol.asyncDispose]();
  }
});

test('a transaction that throws leaves nothing behind', { skip }, async () => {
  await using db = await open(await newDatabase());
  const failing = db.transaction(async (tx) => {
    await tx.insertInto('thing').values({ id: 'a', count: 1 }).execute();
    throw new Error('planted');
  });
  await assert.rejects(failing, /planted/);
  assert.deepEqual(await db.query.selectFrom('thing').selectAll().execute(), []);
});

test('whoever reads and then writes loses nothing to another process', { skip }, async () => {
  const url = await newDatabase();
  await using one = await open(url);
  await using other = await open(url);
  await one.query.insertInto('thing').values({ id: 'a', count: 0 }).execute();
  const increment = (db: Database<Schema>) =>
    db.transaction(async (tx) => {
      const { count } = await tx.selectFrom('thing').select('count').executeTakeFirstOrThrow();
      await tx
        .updateTable('thing')
        .set({ count: count + 1 })
        .execute();
    });
  await Promise.all(Array.from({ length: 8 }, (_, n) => increment(n % 2 === 0 ? one : other)));
  assert.equal(await countOf(one), 8);
});

test('of two that look for a row and insert it, the later one finds that of the other', {
  skip,
}, async () => {
  const url = await newDatabase();
  await using one = await open(url);
  await using other = await open(url);
  const ensure = (db: Database<Schema>, count: number) =>
    db.transaction(async (tx) => {
      const found = await tx.selectFrom('thing').select('count').executeTakeFirst();
      if (found !== undefined) return found.count;
      await tx.insertInto('thing').values({ id: 'a', count }).execute();
      return count;
    });
  const [first, second] = await Promise.all([ensure(one, 1), ensure(other, 2)]);
  assert.equal(first, second);
});

test('a transaction whose failed statement was overlooked does not count as kept', {
  skip,
}, async () => {
  await using db = await open(await newDatabase());
  const overlooking = db.transaction(async (tx) => {
    await tx.insertInto('thing').values({ id: 'a', count: 1 }).execute();
    await sql`SELECT 1 / 0`.execute(tx).catch(() => {});
  });
  await assert.rejects(overlooking, /division by zero/);
  assert.deepEqual(await db.query.selectFrom('thing').selectAll().execute(), []);
});

test('text is in the order of its bytes, and prepared queries give rows', { skip }, async () => {
  await using db = await open(await newDatabase());
  const ids = ['a', 'B', 'é', 'z', '\u{10000}', '\uffff', 'a/b', 'a.b'];
  await db.query
    .insertInto('thing')
    .values(ids.map((id, count) => ({ id, count })))
    .execute();
  const listAfter = prepareQuery((each: Kysely<Schema>, { id }: { id: string }) =>
    each.selectFrom('thing').select('id').where('id', '>', id).orderBy('id'),
  );
  const byBytes = ids.toSorted((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)));
  for (const id of ['', 'a']) {
    const found = await listAfter(db.query, { id });
    assert.deepEqual(
      found.map((row) => row.id),
      byBytes.filter((each) => each > id),
    );
  }
  const withNul = listAfter(db.query, { id: 'a\0' });
  await assert.rejects(withNul, (error) => isServiceError(error, 'invalid-parameter'));
});

test('few transactions are under way at once, and single statements meet none of them', {
  skip,
}, async () => {
  await using db = await open(await newDatabase());
  const isolation = async (each: Kysely<Schema>) => {
    const { rows } = await sql<{ level: string }>`
      SELECT current_setting('transaction_isolation') AS level`.execute(each);
    return rows[0]?.level;
  };
  let underWay = 0;
  let most = 0;
  const levels = await Promise.all(
    Array.from({ length: 2 * MAX_TRANSACTIONS }, () =>
      db.transaction(async (tx) => {
        underWay += 1;
        most = Math.max(most, underWay);
        const level = await isolation(tx);
        underWay -= 1;
        return level;
      }),
    ),
  );
  assert.deepEqual([...new Set(levels)], ['serializable']);
  assert.ok(most <= MAX_TRANSACTIONS, `${most} at once`);
  assert.equal(await db.statement(isolation), 'read committed');
});

test('a connection that is cut inside a transaction is an outage to whoever is in it, and to nobody else', {
  skip,
}, async () => {
  await using db = await open(await newDatabase());
  const cut = db.transaction(async (tx) => {
    await tx.insertInto('thing').values({ id: 'a', count: 1 }).execute();
    const { rows } = await sql<{ pid: number }>`SELECT pg_backend_pid() AS pid`.execute(tx);
    await sql`SELECT pg_terminate_backend(${rows[0]!.pid}, 10000)`.execute(db.query);
    // By its answer the end of the other connection has been heard of.
    await sql`SELECT 1`.execute(db.query);
    await tx.selectFrom('thing').selectAll().execute();
  });
  await assert.rejects(cut, (error) => isServiceError(error, 'unavailable'));
  assert.deepEqual(await db.query.selectFrom('thing').selectAll().execute(), []);
});

test('while the server is away it is said so, and all goes on afterwards', { skip }, async () => {
  await using own = await startPostgres();
  await using db = await open(own.url);
  await db.query.insertInto('thing').values({ id: 'a', count: 5 }).execute();
  await own.crash(async () => {
    for (const ask of [
      () => countOf(db),
      () => db.transaction((tx) => countOf({ ...db, query: tx })),
    ]) {
      await assert.rejects(ask(), (error) => isServiceError(error, 'unavailable'));
    }
  });
  const isThere = async () => (await countOf(db)) === 5;
  await waitFor(
    () =>
      isThere().catch((error) => {
        assert.ok(isServiceError(error, 'unavailable'), String(error));
        return false;
      }),
    { clock: systemClock, timeoutMs: 20_000, what: 'the rows' },
  );
});

test('a lock has one holder, and the next one when its connection is cut', { skip }, async () => {
  const url = await newDatabase();
  const target = parsePostgresUrl(url);
  await using db = await open(url);
  let times = 0;
  const onHeld = () => {
    times += 1;
  };
  const options = { target, key: 7, clock: systemClock, onHeld };
  const locks = [new PostgresLock(options), new PostgresLock(options)];
  const held = () => locks.filter(({ isHeld }) => isHeld).length === 1;
  const wait = { clock: systemClock, timeoutMs: 20_000, intervalMs: 10, what: 'a holder' };
  await waitFor(held, wait);
  await sql`SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'`.execute(
    db.query,
  );
  await waitFor(() => times >= 2 && held(), wait);
  for (const lock of locks) await lock[Symbol.asyncDispose]();
  assert.deepEqual(held(), false);
});

test('an address that is half of one is refused', () => {
  assert.throws(() => parsePostgresUrl('mysql://u@h/d'), /begins with postgres/);
  assert.throws(() => parsePostgresUrl('postgres://h/d'), /user and a database/);
  const { password, ...rest } = parsePostgresUrl('postgres://u@h:99/d', 'secret');
  assert.deepEqual([password, rest.host, Number(rest.port)], ['secret', 'h', 99]);
});
