import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { pretendFree } from '../testing/pretended-disk.ts';
import { type BlobLog, openBlobLog } from './blob-log.ts';
import { type LoggedBlob, MAX_LOGGED_BYTES } from './logged-blob.ts';

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-log-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

function newId(): string {
  return randomBytes(16).toString('hex');
}

async function read(log: BlobLog, blob: LoggedBlob): Promise<Buffer> {
  await using open = await log.open(blob);
  const pieces: Uint8Array[] = [];
  for await (const piece of open.read(0, blob.sizeBytes - 1)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('many blobs at once are each read as they were written, by the next process too', async (t) => {
  const folder = await makeFolder(t);
  const sizes = [0, 1, 4_096, 100_000, MAX_LOGGED_BYTES];
  const contents = Array.from({ length: 100 }, (_, n) => randomBytes(sizes[n % sizes.length]!));
  let blobs: LoggedBlob[];
  {
    await using log = await openBlobLog({ folder, lastKnown: 0, fileBytes: 1_000_000 });
    blobs = await Promise.all(contents.map((bytes) => log.append(newId(), bytes)));
    for (const [at, blob] of blobs.entries()) {
      assert.ok((await read(log, blob)).equals(contents[at]!), `${at}`);
    }
  }
  await using log = await openBlobLog({ folder, lastKnown: 0 });
  for (const [at, blob] of blobs.entries()) {
    assert.ok((await read(log, blob)).equals(contents[at]!), `${at}`);
  }
  assert.ok((await readdir(folder)).length > 1);
});

test('no process adds to a file of the one before, and no number comes twice', async (t) => {
  const folder = await makeFolder(t);
  const files: number[] = [];
  for (const lastKnown of [0, 0, 7, 0]) {
    await using log = await openBlobLog({ folder, lastKnown });
    files.push((await log.append(newId(), randomBytes(10))).place.file);
  }
  assert.deepEqual(files, [1, 2, 8, 9]);
});

test('one changed bit of a record is found wherever it is, and no byte of it is given out', async (t) => {
  const folder = await makeFolder(t);
  await using log = await openBlobLog({ folder, lastKnown: 0 });
  const [before, blob, after] = await Promise.all(
    [1_000, 3_000, 1_000].map((size) => log.append(newId(), randomBytes(size))),
  );
  const path = join(folder, '00000001.log');
  const sound = await readFile(path);
  const header = blob!.place.offset - 32;
  for (
    let at = header;
    at < blob!.place.offset + blob!.sizeBytes;
    at += at < header + 40 ? 1 : 97
  ) {
    const damaged = Buffer.from(sound);
    damaged[at]! ^= 1 << (at % 8);
    await writeFile(path, damaged);
    await assert.rejects(log.open(blob!), { name: 'DamagedBlobError' }, `byte ${at}`);
    for (const other of [before!, after!]) await log.open(other);
  }
});

test('a record that was read already, and is damaged since, is not given out of memory', async (t) => {
  const folder = await makeFolder(t);
  await using log = await openBlobLog({ folder, lastKnown: 0 });
  const bytes = randomBytes(4_096);
  const blob = await log.append(newId(), bytes);
  for (let n = 0; n < 3; n++) assert.ok((await log.read(blob)).equals(bytes));
  const path = join(folder, (await readdir(folder))[0]!);
  const whole = await readFile(path);
  whole[blob.place.offset + 4_000]! ^= 1;
  await writeFile(path, whole);
  for (let n = 0; n < 3; n++) await assert.rejects(log.read(blob), /is damaged/);
});

test('a scan finds every record up to the place where none is whole', async (t) => {
  const folder = await makeFolder(t);
  let blobs: LoggedBlob[];
  {
    await using log = await openBlobLog({ folder, lastKnown: 0 });
    const sizes = Array.from({ length: 60 }, (_, n) => (n * 7_919) % MAX_LOGGED_BYTES);
    blobs = await Promise.all(sizes.map((size) => log.append(newId(), Buffer.alloc(size, 'x'))));
  }
  const path = join(folder, '00000001.log');
  const torn = blobs.at(-1)!.place.offset + 5;
  await writeFile(path, (await readFile(path)).subarray(0, torn));
  await using log = await openBlobLog({ folder, lastKnown: 0 });
  const found: string[] = [];
  for await (const { id, isWhole } of log.scan(1)) {
    assert.ok(isWhole);
    found.push(id);
  }
  assert.deepEqual(
    found,
    blobs.slice(0, -1).map(({ id }) => id),
  );
});

test('a file is in use while it is added to, and until everybody who was given a place lets go', async (t) => {
  const folder = await makeFolder(t);
  await using log = await openBlobLog({ folder, lastKnown: 0, fileBytes: 100 });
  const [one, two] = await Promise.all([1, 2].map(() => log.append(newId(), randomBytes(90))));
  assert.equal(one!.place.file, two!.place.file);
  assert.ok(log.isInUse(1));
  one![Symbol.dispose]();
  one![Symbol.dispose]();
  assert.ok(log.isInUse(1));
  assert.deepEqual(await log.listFull(), []);
  two![Symbol.dispose]();
  assert.ok(!log.isInUse(1));
  assert.deepEqual(await log.listFull(), [{ file: 1, sizeBytes: 2 * (90 + 32) }]);
  await log.remove(1);
  await log.remove(1);
  await assert.rejects(log.open(one!), { code: 'ENOENT' });
});

test('what is too large for the log is refused', async (t) => {
  await using log = await openBlobLog({ folder: await makeFolder(t), lastKnown: 0 });
  await assert.rejects(log.append(newId(), Buffer.alloc(MAX_LOGGED_BYTES + 1)), /too large/);
});

test('where only the reserve is left, what makes room is kept and what clients bring is refused', async (t) => {
  await using log = await openBlobLog({ folder: await makeFolder(t), lastKnown: 0 });
  let freeMib = 60;
  pretendFree(t, () => freeMib);
  // All of them wait at the same time.
  const outcomes = await Promise.allSettled(
    Array.from({ length: 12 }, (_, n) =>
      log.append(newId(), randomBytes(MAX_LOGGED_BYTES), { usesReserve: n % 3 === 1 }),
    ),
  );
  for (const [n, outcome] of outcomes.entries()) {
    if (n % 3 === 1) assert.equal(outcome.status, 'fulfilled', `${n}`);
    else assert.ok(outcome.status === 'rejected' && outcome.reason.kind === 'out-of-space', `${n}`);
  }
  // The state store has to note what was done.
  freeMib = 15;
  const last = log.append(newId(), randomBytes(10), { usesReserve: true });
  await assert.rejects(last, { kind: 'out-of-space' });
});

test('clients that are refused do not break off the small file that copies go to', async (t) => {
  await using log = await openBlobLog({
    folder: await makeFolder(t),
    lastKnown: 0,
    fileBytes: 400,
  });
  pretendFree(t, () => 60);
  const files: number[] = [];
  for (let round = 0; round < 3; round++) {
    using copy = await log.append(newId(), randomBytes(40), { usesReserve: true });
    files.push(copy.place.file);
    await assert.rejects(log.append(newId(), randomBytes(40)), { kind: 'out-of-space' });
  }
  // Two of them are more than a quarter of what a file grows to.
  assert.deepEqual(files, [1, 1, 2]);
});
