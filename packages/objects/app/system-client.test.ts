import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { Objects } from '../main.ts';
import { startAlone } from '../testing/start-alone.ts';

let objects: Objects;
let client: ObjectsClient;
let dataDir: string;
const bucket = 'system';

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ironbark-client-'));
  objects = await startAlone(dataDir);
  client = objects.client;
  await client.ensureBucket(bucket);
  await client.ensureBucket(bucket);
});
after(async () => {
  await objects[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

test('bytes and streams are put, read whole or in a range, and described', async () => {
  const body = randomBytes(2_000_000);
  const sha256 = createHash('sha256').update(body).digest('hex');
  await client.putObject({ bucket, key: 'bytes', body, sha256 });
  const stream = Readable.from([body.subarray(0, 5), body.subarray(5)]);
  const stored = await client.putObject({ bucket, key: 'stream', body: stream, sha256 });
  assert.equal(stored.etag, `"${createHash('md5').update(body).digest('hex')}"`);
  assert.deepEqual(await client.headObject({ bucket, key: 'stream' }), stored);
  const whole = await client.getObject({ bucket, key: 'stream' });
  assert.ok((await buffer(whole.body)).equals(body));
  const range = { start: 1_048_570, end: 1_048_580 };
  const part = await client.getObject({ bucket, key: 'bytes', range });
  assert.ok((await buffer(part.body)).equals(body.subarray(range.start, range.end + 1)));
});

test('a wrong SHA-256 and a failing stream keep what was there', async () => {
  await client.putObject({ bucket, key: 'kept', body: Buffer.from('old') });
  const wrong = { bucket, key: 'kept', body: Buffer.from('new'), sha256: '0'.repeat(64) };
  await assert.rejects(client.putObject(wrong), { kind: 'digest-mismatch' });
  const failing = Readable.from(
    (async function* () {
      yield Buffer.alloc(10);
      throw new Error('planted');
    })(),
  );
  await assert.rejects(client.putObject({ bucket, key: 'kept', body: failing }), /planted/);
  const { body } = await client.getObject({ bucket, key: 'kept' });
  assert.equal((await buffer(body)).toString(), 'old');
});

test('what is not there is not found, and deleting it succeeds', async () => {
  const missing = { bucket, key: 'missing' };
  const expected = { kind: 'not-found', resource: 'object' };
  await assert.rejects(client.getObject(missing), expected);
  await assert.rejects(client.headObject(missing), expected);
  await client.deleteObject(missing);
  await assert.rejects(client.headObject({ bucket: 'no-such-bucket', key: 'x' }), {
    kind: 'not-found',
    resource: 'bucket',
  });
});

test('lists come in byte order, by prefix and in pages of a thousand', async () => {
  await client.ensureBucket('many');
  const keys = Array.from({ length: 1_005 }, (_, i) => `p/${String(i).padStart(4, '0')}`);
  for (const key of [...keys, 'other']) {
    await client.putObject({ bucket: 'many', key, body: Buffer.from(key) });
  }
  const first = await client.listObjects({ bucket: 'many', prefix: 'p/' });
  assert.deepEqual([first.objects.length, first.isTruncated], [1_000, true]);
  const startAfter = first.objects.at(-1)!.key;
  const rest = await client.listObjects({ bucket: 'many', prefix: 'p/', startAfter });
  assert.equal(rest.isTruncated, false);
  assert.deepEqual(
    [...first.objects, ...rest.objects].map((object) => object.key),
    keys,
  );
});
