import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DigestSet } from '@ironbark/protocol/s3/checksums.ts';
import type { BlobStore, StoredBlob } from './blob-store.ts';
import { openDiskBlobStore } from './disk-blob-store.ts';
import { HashThreads } from './hash-threads.ts';

let folder: string;
let store: BlobStore;
const hashing = new HashThreads();
const MAX_BYTES = 100_000_000;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ironbark-blobs-'));
  store = await openDiskBlobStore(folder, hashing);
});
after(async () => {
  await hashing[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

function newId(): string {
  return randomBytes(16).toString('hex');
}

function pathOf(id: string): string {
  return join(folder, id.slice(0, 2), id);
}

async function* inPieces(bytes: Buffer, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

async function write(bytes: Buffer, pieceSize = 70_000): Promise<StoredBlob> {
  using digests = hashing.digest(['md5', 'sha256'], undefined);
  const chunks = inPieces(bytes, pieceSize);
  const input = { id: newId(), chunks, digests, lengthBytes: undefined, maxBytes: MAX_BYTES };
  const blob = await store.write(input);
  const again = new DigestSet(['md5', 'sha256']);
  again.update(bytes);
  const found = await digests.finish();
  for (const name of ['md5', 'sha256'] as const) assert.ok(found.get(name).equals(again.get(name)));
  return blob;
}

async function read(blob: StoredBlob, start: number, end: number): Promise<Buffer> {
  await using open = await store.open(blob);
  const pieces: Uint8Array[] = [];
  for await (const piece of open.read(start, end)) pieces.push(piece);
  return Buffer.concat(pieces);
}

for (const size of [0, 1, 1_048_575, 1_048_576, 1_048_577, 3_500_000]) {
  test(`${size} bytes are written and read as they are, whole and in ranges`, async () => {
    const bytes = randomBytes(size);
    const blob = await write(bytes);
    assert.equal(blob.sizeBytes, size);
    assert.ok((await readFile(pathOf(blob.id))).equals(bytes));
    if (size === 0) return;
    assert.ok((await read(blob, 0, size - 1)).equals(bytes));
    for (const [start, end] of [
      [0, 0],
      [size - 1, size - 1],
      [Math.floor(size / 2), size - 1],
      [Math.floor(size / 3), Math.floor(size / 2)],
    ] as const) {
      assert.ok((await read(blob, start, end)).equals(bytes.subarray(start, end + 1)));
    }
  });
}

test('one changed bit anywhere is found, and no byte of its block is given out', async () => {
  const bytes = randomBytes(2_200_000);
  const blob = await write(bytes);
  for (const at of [0, 1_048_575, 1_048_576, 2_199_999]) {
    const damaged = Buffer.from(bytes);
    damaged[at]! ^= 1;
    await writeFile(pathOf(blob.id), damaged);
    await assert.rejects(read(blob, at, at), { name: 'DamagedBlobError' });
    await assert.rejects(read(blob, 0, 2_199_999), { name: 'DamagedBlobError' });
  }
  await writeFile(pathOf(blob.id), bytes);
  await truncate(pathOf(blob.id), 2_199_999);
  await assert.rejects(store.open(blob), { name: 'DamagedBlobError' });
});

test('a source that fails, or is too long, leaves no file', async () => {
  const failing = async function* () {
    yield randomBytes(1_500_000);
    throw new Error('planted');
  };
  const input = { lengthBytes: undefined };
  const one = { ...input, id: newId(), chunks: failing(), maxBytes: MAX_BYTES };
  await assert.rejects(store.write(one), /planted/);
  const chunks = inPieces(randomBytes(3_000_000), 100_000);
  const two = { ...input, id: newId(), chunks, maxBytes: 2_000_000 };
  await assert.rejects(store.write(two), { kind: 'too-large' });
  for (const { id } of [one, two]) await assert.rejects(readFile(pathOf(id)), { code: 'ENOENT' });
});

test('more than the disk has is refused before the first byte', async () => {
  let isRead = false;
  const chunks = (async function* () {
    isRead = true;
    yield randomBytes(1);
  })();
  const input = { id: newId(), chunks, maxBytes: 1e18 };
  await assert.rejects(store.write({ ...input, lengthBytes: 1e17 }), { kind: 'out-of-space' });
  assert.equal(isRead, false);
});

test('a name that is no id of ours reaches no file', async () => {
  const input = { chunks: inPieces(Buffer.alloc(1), 1), maxBytes: 1 };
  for (const id of ['../../etc/passwd', '', 'A'.repeat(32), `${'a'.repeat(31)}/`]) {
    await assert.rejects(store.write({ ...input, id, lengthBytes: 1 }), /not the id of a blob/);
    await assert.rejects(store.remove(id), /not the id of a blob/);
  }
});

test('an open blob is read to its end though it is removed', async () => {
  const bytes = randomBytes(2_500_000);
  const blob = await write(bytes);
  await using open = await store.open(blob);
  await store.remove(blob.id);
  await store.remove(blob.id);
  const pieces: Uint8Array[] = [];
  for await (const piece of open.read(0, bytes.length - 1)) pieces.push(piece);
  assert.ok(Buffer.concat(pieces).equals(bytes));
  // Blobs of other tests may be in its group.
  assert.ok(!(await store.list(blob.id.slice(0, 2))).includes(blob.id));
});
