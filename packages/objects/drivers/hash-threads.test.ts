import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { crc32 } from 'node:zlib';
import { loadIntoMemory } from '@ironbark/platform/memory-module.ts';
import {
  CHECKSUM_ALGORITHMS,
  type DigestAlgorithm,
  DigestSet,
} from '@ironbark/protocol/s3/checksums.ts';
import { HashThreads, loadHashing, THREADED_BYTES } from './hash-threads.ts';

const ALL: readonly DigestAlgorithm[] = ['sha256', 'md5', ...CHECKSUM_ALGORITHMS];

test('digests of several uploads at once are those that are computed here', async () => {
  await using threads = new HashThreads();
  const uploads = Array.from({ length: 4 }, () =>
    Array.from({ length: 5 }, () => randomBytes(50_000)),
  );
  await Promise.all(
    uploads.map(async (blocks) => {
      using digests = threads.digest(ALL, THREADED_BYTES);
      const crcs = await Promise.all(blocks.map((block) => digests.update(block)));
      assert.deepEqual(
        crcs,
        blocks.map((block) => crc32(block)),
      );
      const found = await digests.finish();
      const expected = new DigestSet(ALL);
      for (const block of blocks) expected.update(block);
      for (const name of ALL) assert.ok(found.get(name).equals(expected.get(name)), name);
    }),
  );
  const lone = randomBytes(1_000);
  assert.equal(await threads.crcOf(lone), crc32(lone));
});

test('a digest that was not asked for is not there, and what is dropped disturbs nobody', async () => {
  await using threads = new HashThreads();
  for (const size of [1, undefined]) {
    {
      using dropped = threads.digest(['md5'], size);
      await dropped.update(Buffer.from('dropped'));
    }
    using digests = threads.digest(['md5'], size);
    await digests.update(Buffer.from('x'));
    const found = await digests.finish();
    assert.equal(found.get('md5').toString('hex'), '9dd4e461268c8034f5c8564e155c67a6');
    assert.throws(() => found.get('sha256'), /was not computed/);
  }
});

test('who waits for a thread that ends is told so, and so is who comes later', async () => {
  const threads = new HashThreads();
  using digests = threads.digest(['md5'], undefined);
  const update = digests.update(randomBytes(1_000_000));
  const [outcome] = await Promise.allSettled([update, threads[Symbol.asyncDispose]()]);
  // It may have been done just before.
  if (outcome.status === 'rejected') assert.match(String(outcome.reason), /has ended/);
  await assert.rejects(digests.update(Buffer.from('x')), /has ended/);
  await assert.rejects(digests.finish(), /has ended/);
  await assert.rejects(threads.crcOf(Buffer.from('x')), /have ended/);
});

test('the program of a thread needs no file', async () => {
  const text = Buffer.from(loadHashing().href.split(',')[1]!, 'base64').toString();
  const imports = [...text.matchAll(/\bfrom '([^']+)'/g)].map(([, name]) => name!.split(':')[0]);
  assert.deepEqual([...new Set(imports)].sort(), ['data', 'node']);
  assert.throws(() => loadIntoMemory(new URL('./missing.ts', import.meta.url)), { code: 'ENOENT' });
});
