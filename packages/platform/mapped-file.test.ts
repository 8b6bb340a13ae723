import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { MappedFile } from './mapped-file.ts';
import { allocatePinned, IOVEC_BYTES, PieceList } from './pinned-memory.ts';
import { writePieces } from './vector-file.ts';

const SIZE_BYTES = 64 * 1_024;

async function openTemporary(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'ironbark-mapped-'));
  const file = await open(join(folder, 'disk'), 'wx+');
  const copy = await open(join(folder, 'copy'), 'wx+');
  t.after(async () => {
    await file.close();
    await copy.close();
    rmSync(folder, { recursive: true });
  });
  return { file, copy };
}

/** As the kernel sees what lies there. */
async function bytesAt(address: number, length: number, copy: Awaited<ReturnType<typeof open>>) {
  const pieces = new PieceList(allocatePinned(IOVEC_BYTES));
  pieces.set(0, address, length);
  await writePieces(copy.fd, pieces, { first: 0, count: 1, offset: 0 });
  const bytes = Buffer.alloc(length);
  await copy.read(bytes, 0, length, 0);
  return bytes;
}

test('what is in memory has an address, also what was written after it was mapped', async (t) => {
  const { file, copy } = await openTemporary(t);
  await file.write(Buffer.alloc(SIZE_BYTES));
  const mapped = MappedFile.open(file.fd, SIZE_BYTES, SIZE_BYTES)!;
  const bytes = randomBytes(SIZE_BYTES);
  await file.write(bytes, 0, SIZE_BYTES, 0);
  for (const [offset, length] of [
    [0, SIZE_BYTES],
    [512, 512],
    [3_584, 8_704],
  ] as const) {
    const address = mapped.addressAtHand(offset, length);
    assert.notEqual(address, 0);
    assert.deepEqual(await bytesAt(address, length, copy), bytes.subarray(offset, offset + length));
  }
  mapped.close();
});

test('what is not in memory, behind the end or of a file that is closed has none', async (t) => {
  const { file } = await openTemporary(t);
  await file.truncate(SIZE_BYTES);
  await file.write(Buffer.alloc(4_096, 1), 0, 4_096, 0);
  const mapped = MappedFile.open(file.fd, SIZE_BYTES, SIZE_BYTES)!;
  assert.notEqual(mapped.addressAtHand(0, 4_096), 0);
  assert.equal(mapped.addressAtHand(0, 4_096 + 512), 0, 'nobody has touched the second page');
  assert.equal(mapped.addressAtHand(SIZE_BYTES - 512, 1_024), 0);
  mapped.close();
  assert.equal(mapped.addressAtHand(0, 4_096), 0);
});

test('an address that is not there any more makes a call fail, and ends no process', async (t) => {
  const { file, copy } = await openTemporary(t);
  await file.write(Buffer.alloc(SIZE_BYTES, 1));
  const mapped = MappedFile.open(file.fd, SIZE_BYTES, SIZE_BYTES)!;
  const address = mapped.addressAtHand(0, 4_096);
  await file.truncate(0);
  await assert.rejects(bytesAt(address, 4_096, copy));
  assert.equal(mapped.addressAtHand(0, 4_096), 0);
  mapped.close();
});

test('only so much is mapped at a time, and room that is given back is there again', async (t) => {
  const { file } = await openTemporary(t);
  const eachBytes = 3 * 1024 ** 3;
  await file.truncate(eachBytes);
  const all = Array.from({ length: 3 }, () => MappedFile.open(file.fd, eachBytes, 512));
  assert.deepEqual(
    all.map((each) => each !== undefined),
    [true, true, false],
  );
  all[0]!.close();
  const again = MappedFile.open(file.fd, eachBytes, 512);
  assert.notEqual(again, undefined);
  for (const each of [all[1], again]) each?.close();
});
