import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { type S3Endpoint, startEndpoint } from '../../../test/conformance/s3/endpoint.ts';
import { objectsMigrations } from '../store/migrations/migrations.ts';
import type { ObjectsDatabase, ObjectsSchema } from '../store/schema.ts';

/** Calls `next` once, before the transaction that comes. */
class Interrupted {
  next: (() => Promise<void>) | undefined;
  readonly database: ObjectsDatabase;

  constructor(database: ObjectsDatabase) {
    this.database = {
      ...database,
      transaction: async (work) => {
        const { next } = this;
        this.next = undefined;
        await next?.();
        return await database.transaction(work);
      },
    };
  }
}

const openState = () =>
  openSqlite<ObjectsSchema>({ path: ':memory:', migrations: objectsMigrations });

const put = (at: S3Endpoint, key: string, body: string, headers: Record<string, string> = {}) =>
  at.send({ method: 'PUT', path: `/copies/${key}`, body, headers });

test('a copy is of the source as it is by then: encrypted in between, it can still be read', async () => {
  await using db = await openState();
  const interrupted = new Interrupted(db);
  await using s3 = await startEndpoint({ stores: 'local', database: interrupted.database });
  await s3.send({ method: 'PUT', path: '/copies' });
  assert.equal((await put(s3, 'source', 'plain')).status, 200);
  interrupted.next = async () => {
    const sealed = { 'x-amz-server-side-encryption': 'AES256' };
    assert.equal((await put(s3, 'source', 'sealed', sealed)).status, 200);
  };
  const copied = await put(s3, 'copy', '', { 'x-amz-copy-source': '/copies/source' });
  assert.equal(copied.status, 200, await copied.text());
  const answer = await s3.send({ path: '/copies/copy' });
  assert.equal(await answer.text(), 'sealed');
});

test('a copy has the checksum that was asked for, whatever the source has by then', async () => {
  await using db = await openState();
  const interrupted = new Interrupted(db);
  await using s3 = await startEndpoint({ stores: 'local', database: interrupted.database });
  await s3.send({ method: 'PUT', path: '/copies' });
  const wanted = (name: string) => ({ 'x-amz-checksum-algorithm': name });
  const crc = { 'x-amz-checksum-crc32c': 'AAAAAA==' };
  assert.equal((await put(s3, 'source', '', crc)).status, 200);
  interrupted.next = async () => {
    assert.equal((await put(s3, 'source', '')).status, 200);
  };
  const copied = await put(s3, 'copy', '', {
    'x-amz-copy-source': '/copies/source',
    ...wanted('CRC32C'),
  });
  assert.match(await copied.text(), /<ChecksumCRC32C>AAAAAA==</);
});
