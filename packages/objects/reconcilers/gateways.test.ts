import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { type RandomSource, seededRandom, systemRandom } from '@ironbark/platform/random.ts';
import type { ReconcileResult } from '@ironbark/platform/reconciler.ts';
import { BusyBlobs } from '../app/context.ts';
import { SharedGateway } from '../app/gateway.ts';
import type { BlobStore } from '../drivers/blob-store.ts';
import { doomUploading, findBlobs, insertUploadingBlob } from '../store/blobs.ts';
import { listGateways, putBeat } from '../store/gateways.ts';
import { objectsMigrations } from '../store/migrations/migrations.ts';
import type { ObjectsDatabase, ObjectsSchema } from '../store/schema.ts';
import { gatewayWatch, WATCH_MS } from './gateways.ts';
import { unwantedBlobs } from './unwanted-blobs.ts';

/** One process can be all of them; what PostgreSQL adds is tested with it. */
function openState(): Promise<ObjectsDatabase> {
  return openSqlite<ObjectsSchema>({ path: ':memory:', migrations: objectsMigrations });
}

function newGateway(db: ObjectsDatabase, random: RandomSource = systemRandom): SharedGateway {
  return new SharedGateway({ db, random, isLeader: () => true });
}

async function watchOf(db: ObjectsDatabase, gateway: SharedGateway) {
  let nowMs = 0;
  const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
  let taken = 0;
  const onTaken = () => {
    taken += 1;
  };
  const watch = gatewayWatch({ db, clock, logger: silentLogger }, { gateway, onTaken });
  const look = async (afterMs: number) => {
    nowMs += afterMs;
    await gateway.beat();
    await watch.reconcile('all', new AbortController().signal);
    return (await listGateways(db.query)).map(({ id }) => id).sort();
  };
  return { look, taken: () => taken };
}

test('a gateway that has not beaten for a minute is dead, and what it left is taken over', async () => {
  await using db = await openState();
  const leader = newGateway(db);
  const other = newGateway(db);
  await other.beat();
  const blob = { id: '1'.repeat(32), createdAtMs: 0, gatewayId: other.id };
  await db.transaction((tx) => insertUploadingBlob(tx, blob));
  const { look, taken } = await watchOf(db, leader);
  const both = [leader.id, other.id].sort();
  for (let atMs = 0; atMs <= 60_000; atMs += WATCH_MS) assert.deepEqual(await look(WATCH_MS), both);
  assert.equal(taken(), 0);
  assert.deepEqual(await look(WATCH_MS), [leader.id]);
  assert.equal(taken(), 1);
  assert.equal((await findBlobs(db.query, [blob.id]))[0]?.gateway_id, leader.id);
  // It was only cut off: it is there again, and what was taken stays taken.
  await other.beat();
  assert.deepEqual(await look(WATCH_MS), both);
});

test('after a time in which nobody could look, all have the whole minute again', async () => {
  await using db = await openState();
  const leader = newGateway(db);
  const other = newGateway(db);
  await other.beat();
  const { look } = await watchOf(db, leader);
  const both = [leader.id, other.id].sort();
  await look(WATCH_MS);
  assert.deepEqual(await look(600_000), both);
  assert.deepEqual(await look(WATCH_MS), both);
});

function areReadsOver(gateway: SharedGateway): boolean {
  gateway.awaitReads('blob');
  return gateway.readsLastMs('blob') === 0;
}

test('no order of beats and looks has a blob removed that a read may have found', async (t) => {
  const seed = Date.now() % 1_000_000;
  t.diagnostic(`seed ${seed}`);
  const random = seededRandom(seed);
  await using db = await openState();
  for (let round = 0; round < 40; round++) {
    await db.query.deleteFrom('gateway').execute();
    const gateways = [newGateway(db), newGateway(db), newGateway(db)];
    for (const gateway of gateways) await gateway.beat();
    // Some begin while a beat is on its way.
    const beats = gateways.filter(() => random.fraction() < 0.5).map((gateway) => gateway.beat());
    const older = gateways.map((gateway) => gateway.beginRead());
    await Promise.all(beats);
    const [cleaner] = gateways;
    let isOver = false;
    for (let step = 0; step < 60 && !isOver; step++) {
      const chance = random.fraction();
      const gateway = gateways[Math.floor(random.fraction() * gateways.length)]!;
      if (chance < 0.6) await gateway.beat();
      else if (chance < 0.7) gateway.beginRead()[Symbol.dispose]();
      else if (chance < 0.75) older.pop()?.[Symbol.dispose]();
      else isOver = areReadsOver(cleaner!);
    }
    if (isOver) assert.equal(older.length, 0, 'a read that began before is under way');
    for (const read of older) read[Symbol.dispose]();
    for (let beat = 0; beat < 6; beat++) {
      areReadsOver(cleaner!);
      for (const gateway of gateways) await gateway.beat();
    }
    assert.ok(areReadsOver(cleaner!), 'in the end it can be removed');
  }
});

test('a beat that arrives behind the next one takes nothing back', async () => {
  await using db = await openState();
  const row = { id: 'a', beat: 3, oldest_read: 2 };
  await putBeat(db.query, row);
  await putBeat(db.query, { id: 'a', beat: 2, oldest_read: 1 });
  assert.deepEqual(
    (await listGateways(db.query)).map((each) => ({ ...each })),
    [row],
  );
  // One that was not written down for sure is written again.
  await putBeat(db.query, { ...row, oldest_read: 3 });
  assert.equal((await listGateways(db.query))[0]?.oldest_read, 3);
});

test('while a read lasts nobody asks the database about what waits for it, and in the end all goes', async () => {
  await using db = await openState();
  let asked = 0;
  const counted: ObjectsDatabase = {
    ...db,
    get query() {
      asked += 1;
      return db.query;
    },
  };
  const gateway = newGateway(counted);
  const ids = Array.from({ length: 40 }, (_, n) => n.toString(16).padStart(32, '0'));
  await db.transaction(async (tx) => {
    for (const id of ids) {
      await insertUploadingBlob(tx, { id, createdAtMs: 0, gatewayId: gateway.id });
      await doomUploading(tx, id);
    }
  });
  const removed: string[] = [];
  const blobs = { remove: async (id: string) => void removed.push(id) } as unknown as BlobStore;
  const cleaner = unwantedBlobs({ db: counted, gateway, blobs, busy: new BusyBlobs() });
  const lookAtAll = async () => {
    const { signal } = new AbortController();
    return await Promise.all(ids.map((id) => cleaner.reconcile(id, signal)));
  };
  const read = gateway.beginRead();
  await gateway.beat();
  await lookAtAll();
  asked = 0;
  const beats = 40;
  let last: ReconcileResult[] = [];
  for (let beat = 0; beat < beats; beat++) {
    await gateway.beat();
    last = await lookAtAll();
  }
  // Each writes itself down, and lists who is there.
  assert.equal(asked, 2 * beats);
  assert.deepEqual(last[0], { kind: 'again', afterMs: 15_000 });
  assert.deepEqual(removed, []);
  read[Symbol.dispose]();
  await gateway.beat();
  assert.ok((await lookAtAll()).every(({ kind }) => kind === 'settled'));
  assert.deepEqual(removed.sort(), ids);
  // What somebody else removed is forgotten, too.
  await lookAtAll();
  assert.equal(gateway.readsLastMs(ids[0]!), undefined);
});
