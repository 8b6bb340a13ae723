import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { BusyBlobs } from '../app/context.ts';
import { RequestCounters } from '../app/request-counters.ts';
import { openBlobLog } from '../drivers/blob-log.ts';
import { openDiskBlobStore } from '../drivers/disk-blob-store.ts';
import { HashThreads } from '../drivers/hash-threads.ts';
import { insertUploadingBlob, markStored } from '../store/blobs.ts';
import { objectsMigrations } from '../store/migrations/migrations.ts';
import type { ObjectsSchema } from '../store/schema.ts';
import { scrub } from './scrub.ts';

const id = 'ab'.repeat(16);
const sizeBytes = 4 * MIB;

/** A store with one blob; `onPause` is told of every pause, none of which takes any time. */
async function makeStore(t: TestContext, onPause: (ms: number) => void) {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-scrub-'));
  t.after(() => rm(folder, { recursive: true }));
  const path = join(folder, 'objects.sqlite');
  const db = await openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
  t.after(() => db[Symbol.asyncDispose]());
  const hashing = new HashThreads();
  t.after(() => hashing[Symbol.asyncDispose]());
  const blobs = await openDiskBlobStore(join(folder, 'blobs'), hashing);
  const log = await openBlobLog({ folder: join(folder, 'log'), lastKnown: 0 });
  const chunks = (async function* () {
    yield randomBytes(sizeBytes);
  })();
  const blob = await blobs.write({
    ...{ id, chunks },
    lengthBytes: sizeBytes,
    maxBytes: sizeBytes,
  });
  await db.transaction(async (tx) => {
    await insertUploadingBlob(tx, { id, createdAtMs: 0, gatewayId: null });
    await markStored(tx, blob);
  });
  const clock = {
    nowMs: () => 0,
    monotonicMs: () => 0,
    sleep: async (ms: number, signal?: AbortSignal) => {
      onPause(ms);
      signal?.throwIfAborted();
    },
  };
  const counters = new RequestCounters();
  const rest = { clock, counters, busy: new BusyBlobs(), logger: silentLogger };
  const context = { db, blobs, log, ...rest };
  return { counters, reconciler: scrub(context), path: join(folder, 'blobs', 'ab', id) };
}

test('a large blob is read no faster than any other', async (t) => {
  const pauses: number[] = [];
  const { counters, reconciler } = await makeStore(t, (ms) => pauses.push(ms));
  await reconciler.reconcile('ab', new AbortController().signal);
  // A block of a MiB at 16 MiB a second.
  assert.deepEqual(pauses, [62.5, 62.5, 62.5, 62.5]);
  assert.equal(counters.read().checkedBytes, sizeBytes);
});

test('a scrub that is stopped inside a blob reads no more of it and counts no damage', async (t) => {
  const stop = new AbortController();
  const { counters, reconciler } = await makeStore(t, () => stop.abort(new Error('stopping')));
  await assert.rejects(reconciler.reconcile('ab', stop.signal), /stopping/);
  const { checkedBytes, damagedBlobs } = counters.read();
  assert.deepEqual({ checkedBytes, damagedBlobs }, { checkedBytes: MIB, damagedBlobs: 0 });
});

test('a changed bit is counted, and so is a file that is missing', async (t) => {
  const { counters, reconciler, path } = await makeStore(t, () => {});
  const { signal } = new AbortController();
  const damaged = await readFile(path);
  damaged[3 * MIB]! ^= 1;
  await writeFile(path, damaged);
  await reconciler.reconcile('ab', signal);
  assert.equal(counters.read().damagedBlobs, 1);
  await rm(path);
  await reconciler.reconcile('ab', signal);
  assert.equal(counters.read().damagedBlobs, 2);
});
