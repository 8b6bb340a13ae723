import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import {
  digestOf,
  isAllZeros,
  packChunk,
  readBody,
  THREADED_COMPRESSOR,
  unpackChunk,
} from './chunk-codec.ts';

test('chunks come back as they were, packed where that is worth it', async () => {
  for (const [bytes, encoding] of [
    [Buffer.alloc(100_000, 'text '), 'zstd'],
    [randomBytes(100_000), 'raw'],
  ] as const) {
    const packed = await packChunk(THREADED_COMPRESSOR, bytes);
    assert.equal(packed.encoding, encoding);
    const unpacked = await unpackChunk(THREADED_COMPRESSOR, packed.bytes, {
      ...packed,
      sha256: digestOf(bytes),
      length: bytes.length,
    });
    assert.deepEqual(unpacked, bytes);
  }
});

test('a flipped bit, a wrong length and a bomb are all noticed', async () => {
  const bytes = Buffer.alloc(100_000, 'text ');
  const packed = await packChunk(THREADED_COMPRESSOR, bytes);
  const expected = { ...packed, sha256: digestOf(bytes), length: bytes.length };
  for (let at = 0; at < packed.bytes.length; at++) {
    const flipped = Buffer.from(packed.bytes);
    flipped[at]! ^= 4;
    const unpacked = await unpackChunk(THREADED_COMPRESSOR, flipped, expected);
    assert.ok(unpacked === undefined || unpacked.equals(bytes), `byte ${at}`);
  }
  assert.equal(
    await unpackChunk(THREADED_COMPRESSOR, packed.bytes, { ...expected, length: 99_999 }),
    undefined,
  );
  const bomb = zstdCompressSync(Buffer.alloc(64 * 1024 * 1024));
  const pretended = { encoding: 'zstd', sha256: digestOf(bytes), length: 1024 } as const;
  assert.equal(await unpackChunk(THREADED_COMPRESSOR, bomb, pretended), undefined);
});

test('zeros are told from everything else', () => {
  assert.ok(isAllZeros(Buffer.alloc(4096)));
  for (const at of [0, 1, 2048, 4095]) {
    const bytes = Buffer.alloc(4096);
    bytes[at] = 1;
    assert.ok(!isAllZeros(bytes), `byte ${at}`);
  }
  assert.ok(!isAllZeros(Buffer.alloc(4096, 1)));
});

test('a body that is too long is not read to its end', async () => {
  let given = 0;
  const endless = Readable.from(
    (function* () {
      for (;;) {
        given += 1000;
        yield Buffer.alloc(1000);
      }
    })(),
  );
  assert.equal(await readBody(endless, 10_000), undefined);
  assert.ok(given < 100_000);
  assert.equal((await readBody(Readable.from([Buffer.from('abc')]), 3))?.toString(), 'abc');
});
