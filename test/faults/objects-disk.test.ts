import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  PutObjectCommand,
} from '@aws-sdk/client-s3';
import { MIB } from '@ironbark/core/units.ts';
import { errorCode, startEndpoint } from '../conformance/s3/endpoint.ts';
import { SmallDisk } from '../support/small-disk.ts';

const Bucket = 'disk';

test('a full disk refuses uploads with a clear error, keeps what was there and lets it be deleted', {
  skip: process.getuid?.() === 0 ? false : 'NOT RUN: mounting a small disk needs root',
}, async () => {
  await using undo = new AsyncDisposableStack();
  const dataDir = join(undo.use(await SmallDisk.make(64 * MIB)).path, 'data');
  const endpoint = undo.use(await startEndpoint({ dataDir }));
  const s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket }));
  const kept = randomBytes(4 * MIB);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'kept', Body: kept }));

  const tooLarge = { method: 'PUT', path: `/${Bucket}/large`, body: Buffer.alloc(80 * MIB) };
  const refused = await endpoint.send(tooLarge);
  assert.deepEqual([refused.status, await errorCode(refused)], [507, 'InsufficientStorage']);

  // Each fits by itself, so that the disk fills up under them: writes come back short or fail.
  const results = await Promise.all(
    Array.from({ length: 4 }, (_, i) =>
      endpoint.send({ method: 'PUT', path: `/${Bucket}/${i}`, body: randomBytes(28 * MIB) }),
    ),
  );
  const statuses = results.map((response) => response.status);
  assert.ok(statuses.includes(507), String(statuses));
  assert.ok(
    statuses.every((status) => status === 200 || status === 507),
    String(statuses),
  );
  await endpoint.settled();
  const stored = statuses.filter((status) => status === 200).length;
  assert.equal((await endpoint.blobFiles()).length, 1 + stored);
  for (const [i, status] of statuses.entries()) {
    const got = await endpoint.send({ path: `/${Bucket}/${i}` });
    assert.equal(got.status, status === 200 ? 200 : 404);
    assert.equal((await got.arrayBuffer()).byteLength === 28 * MIB, status === 200);
  }
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'kept' }));
  assert.ok(Buffer.from(await Body!.transformToByteArray()).equals(kept));
  for (const i of statuses.keys()) {
    await s3.send(new DeleteObjectCommand({ Bucket, Key: String(i) }));
  }
  await endpoint.settled();
  await s3.send(new PutObjectCommand({ Bucket, Key: 'again', Body: randomBytes(20 * MIB) }));
});

test('a damaged or missing blob is an error and a log line, never wrong bytes', async () => {
  await using endpoint = await startEndpoint();
  const s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket }));
  const body = randomBytes(3 * MIB);
  await s3.send(new PutObjectCommand({ Bucket, Key: 'object', Body: body }));
  const [path] = await endpoint.blobFiles();
  const get = () => endpoint.send({ path: `/${Bucket}/object` });
  const failures = () => endpoint.log.filter((line) => line.includes('"level":"error"')).length;

  const early = Buffer.from(body);
  early[7]! ^= 1;
  await writeFile(path!, early);
  assert.equal(await errorCode(await get()), 'InternalError');
  assert.equal(failures(), 1);

  const late = Buffer.from(body);
  late[2 * MIB + 7]! ^= 1;
  await writeFile(path!, late);
  const response = await get();
  assert.equal(response.status, 200);
  await assert.rejects(response.arrayBuffer(), 'the answer ends before the damage');
  assert.equal(failures(), 2);

  await rm(path!);
  assert.equal(await errorCode(await get()), 'InternalError');
  await writeFile(path!, body);
  assert.ok(Buffer.from(await (await get()).arrayBuffer()).equals(await readFile(path!)));
});
