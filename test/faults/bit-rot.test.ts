import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { startEndpoint } from '../conformance/s3/endpoint.ts';
import { flipBits } from './bit-rot/flip-bits.ts';

/** 10,000: `npm run faults -- bit-rot`. */
const FLIPS = 1_000;
const seed = Date.now() % 1_000_000;

test('a flipped bit of a blob is noticed, and no wrong byte is given out', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-rot-'));
  t.after(() => rm(folder, { recursive: true }));
  const result = await flipBits({ folder, flips: FLIPS, seed });
  assert.deepEqual(result, { flips: FLIPS, unnoticed: 0, wrong: 0 }, `seed ${seed}`);
});

for (const [size, at, what] of [
  [1_000, 500, 'an error'],
  [3 * MIB, 2 * MIB + 5, 'a connection that ends early'],
] as const) {
  test(`a damaged object of ${size} bytes is answered with ${what}`, async () => {
    await using endpoint = await startEndpoint();
    await endpoint.send({ method: 'PUT', path: '/rot' });
    await endpoint.send({ method: 'PUT', path: '/rot/object', body: Buffer.alloc(size, 'a') });
    const [file] = size < MIB ? await endpoint.logFiles() : await endpoint.blobFiles();
    await using handle = await open(file!, 'r+');
    await handle.write(Buffer.from('b'), 0, 1, at);
    const response = await endpoint.send({ method: 'GET', path: '/rot/object' });
    const outcome = await response.arrayBuffer().then(
      () => response.status,
      () => 'ended early',
    );
    assert.equal(outcome, size < MIB ? 500 : 'ended early');
  });
}

test('an object whose row has another size than its bytes is answered with an error', async () => {
  await using endpoint = await startEndpoint();
  await endpoint.send({ method: 'PUT', path: '/rot' });
  await endpoint.send({ method: 'PUT', path: '/rot/object', body: 'thirteen bytes' });
  {
    using state = new DatabaseSync(join(endpoint.dataDir, 'objects.sqlite'));
    state.exec('UPDATE object_version SET size_bytes = size_bytes - 8');
  }
  const { status } = await endpoint.send({ method: 'GET', path: '/rot/object' });
  assert.equal(status, 500);
});
