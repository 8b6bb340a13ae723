import assert from 'node:assert/strict';
import { cp, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { MAX_LOGGED_BYTES } from '../drivers/logged-blob.ts';
import type { Objects } from '../main.ts';
import { pretendFree } from '../testing/pretended-disk.ts';
import { startAlone } from '../testing/start-alone.ts';

const bucket = 'kept';
const logFileBytes = 64 * 1_024;

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-compaction-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

function bodyOf(key: string): Buffer {
  return Buffer.alloc(4_096, `${key} `);
}

async function put(objects: Objects, keys: readonly string[]): Promise<void> {
  await Promise.all(
    keys.map((key) => objects.client.putObject({ bucket, key, body: bodyOf(key) })),
  );
}

function keysOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, n) => `${prefix}${n}`);
}

async function settle(objects: Objects): Promise<void> {
  const options = { clock: systemClock, timeoutMs: 20_000, what: 'a quiet store' };
  await waitFor(() => objects.isQuiet(), options);
}

async function sizeOfLog(dataDir: string): Promise<number> {
  const names = await readdir(join(dataDir, 'log'));
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(dataDir, 'log', name))).size),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function requireKept(objects: Objects, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    const { body } = await objects.client.getObject({ bucket, key });
    assert.ok(Buffer.concat(await body.toArray()).equals(bodyOf(key)), key);
  }
}

test('the space of what was deleted and overwritten is given back, and the rest is read as before', async (t) => {
  const dataDir = await makeFolder(t);
  const kept = keysOf('kept', 20);
  {
    await using objects = await startAlone(dataDir, { logFileBytes });
    await objects.client.ensureBucket(bucket);
    for (const key of kept) await put(objects, [key, ...keysOf('gone', 10)]);
    for (const key of keysOf('gone', 10)) await objects.client.deleteObject({ bucket, key });
    await settle(objects);
    await requireKept(objects, kept);
  }
  {
    // The next start looks at all of it.
    await using objects = await startAlone(dataDir, { logFileBytes });
    await settle(objects);
    await requireKept(objects, kept);
  }
  const size = await sizeOfLog(dataDir);
  assert.ok(size <= 3 * kept.length * 4_128, `${size} bytes for ${kept.length} objects`);
});

test('on a full disk the space of what was deleted is given back too', async (t) => {
  const dataDir = await makeFolder(t);
  const kept = keysOf('kept', 20);
  {
    await using objects = await startAlone(dataDir, { logFileBytes });
    await objects.client.ensureBucket(bucket);
    for (const key of kept) await put(objects, [key, ...keysOf(`gone-${key}-`, 10)]);
  }
  const before = await sizeOfLog(dataDir);
  pretendFree(t, () => 60);
  {
    await using objects = await startAlone(dataDir, { logFileBytes });
    await assert.rejects(put(objects, ['refused']), { kind: 'out-of-space' });
    for (const key of kept.flatMap((each) => keysOf(`gone-${each}-`, 10))) {
      await objects.client.deleteObject({ bucket, key });
    }
  }
  {
    // The next start looks at all of it.
    await using objects = await startAlone(dataDir, { logFileBytes });
    await settle(objects);
    await requireKept(objects, kept);
  }
  const size = await sizeOfLog(dataDir);
  assert.ok(size < before / 4, `${size} bytes of ${before}`);
});

test('of copies of which one fails, those that were written keep no file', async (t) => {
  const dataDir = await makeFolder(t);
  // As many as are moved together, and more bytes than the log writes at once.
  const kept = keysOf('kept', 32);
  const gone = keysOf('gone', 40);
  {
    await using objects = await startAlone(dataDir);
    const body = Buffer.alloc(MAX_LOGGED_BYTES);
    await objects.client.ensureBucket(bucket);
    for (const keys of [kept, gone]) {
      await Promise.all(keys.map((key) => objects.client.putObject({ bucket, key, body })));
    }
    for (const key of gone) await objects.client.deleteObject({ bucket, key });
  }
  let looks = 0;
  pretendFree(t, () => {
    looks += 1;
    return looks === 2 ? 0 : 1_000;
  });
  // The second attempt fills its file, which has the first one's looked at.
  await using objects = await startAlone(dataDir, { logFileBytes: 4 * MIB });
  await settle(objects);
  assert.equal(looks, 4);
  assert.deepEqual(await readdir(join(dataDir, 'log')), ['00000003.log']);
});

test('what is being read stays, though it is deleted and its file is to go', async (t) => {
  const dataDir = await makeFolder(t);
  await using objects = await startAlone(dataDir, { logFileBytes });
  await objects.client.ensureBucket(bucket);
  await put(objects, ['read']);
  const { body } = await objects.client.getObject({ bucket, key: 'read' });
  await objects.client.deleteObject({ bucket, key: 'read' });
  for (let round = 0; round < 4; round++) await put(objects, keysOf('other', 10));
  await settle(objects);
  assert.ok(Buffer.concat(await body.toArray()).equals(bodyOf('read')));
});

test('no flipped bit of the state has bytes removed that are wanted', async (t) => {
  const dataDir = await makeFolder(t);
  {
    await using objects = await startAlone(dataDir, { logFileBytes });
    await objects.client.ensureBucket(bucket);
    await put(objects, ['k', ...keysOf('gone', 12)]);
    for (const key of keysOf('gone', 12)) await objects.client.deleteObject({ bucket, key });
  }
  const path = join(dataDir, 'objects.sqlite');
  const sound = await readFile(path);
  const [id] = queryIds(path);
  const log = join(dataDir, 'log');
  await cp(log, join(dataDir, 'sound-log'), { recursive: true });
  let places = 0;
  for (let at = sound.indexOf(id!); at !== -1; at = sound.indexOf(id!, at + 1)) {
    places += 1;
    const flipped = Buffer.from(sound);
    flipped[at]! ^= 1;
    await writeFile(path, flipped);
    {
      await using objects = await startAlone(dataDir, { logFileBytes });
      await settle(objects);
    }
    const files = await Promise.all((await readdir(log)).map((name) => readFile(join(log, name))));
    assert.ok(
      files.some((bytes) => bytes.includes(bodyOf('k'))),
      `byte ${at}`,
    );
    await rm(log, { recursive: true });
    await cp(join(dataDir, 'sound-log'), log, { recursive: true });
    for (const name of ['-wal', '-shm']) await rm(`${path}${name}`, { force: true });
  }
  // The row, its index, and the segment with its own.
  assert.ok(places >= 3, `${places} places`);
});

test('a damaged record keeps its file where it is, with a line in the log of events', async (t) => {
  const dataDir = await makeFolder(t);
  {
    await using objects = await startAlone(dataDir, { logFileBytes });
    await objects.client.ensureBucket(bucket);
    await put(objects, [...keysOf('gone', 12), 'k']);
    for (const key of keysOf('gone', 12)) await objects.client.deleteObject({ bucket, key });
  }
  const path = join(dataDir, 'log', '00000001.log');
  const sound = await readFile(path);
  const damaged = Buffer.from(sound);
  damaged[sound.indexOf('k k k')]! ^= 1;
  await writeFile(path, damaged);
  const lines: string[] = [];
  const logger = createLogger({ write: (line) => lines.push(line), nowMs: () => 0 });
  await using objects = await startAlone(dataDir, { logFileBytes, logger });
  await settle(objects);
  assert.ok(lines.some((line) => line.includes('a file of the log is damaged')));
  await writeFile(path, sound);
  await requireKept(objects, ['k']);
});

function queryIds(path: string): string[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return database
    .prepare('SELECT id FROM blob')
    .all()
    .map((row) => String(row['id']));
}
