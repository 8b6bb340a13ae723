import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { LogSource, ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { Objects } from '../main.ts';
import { startAlone } from '../testing/start-alone.ts';

let objects: Objects;
let client: ObjectsClient;
let dataDir: string;
const bucket = 'flows';
/** Who stands behind the client's own buckets. */
const OWNER = '000000000000';
const root = (accountId: string, more: Partial<Principal> = {}): Principal => {
  const arn = `arn:aws:iam::${accountId}:root`;
  return { accountId, arn, userId: accountId, isRoot: true, ...more };
};
const source = (accountId: string): LogSource => ({
  ...{ bucket, prefix: `AWSLogs/${accountId}/`, accountId },
  sourceArn: `arn:aws:logs:us-east-1:${accountId}:*`,
});

before(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'ironbark-logs-'));
  objects = await startAlone(dataDir);
  client = objects.client;
  await client.ensureBucket(bucket);
});
after(async () => {
  await objects[Symbol.asyncDispose]();
  await rm(dataDir, { recursive: true });
});

test("a bucket takes nobody's logs until its owner has it do so, and then only those", async () => {
  const own = source(OWNER);
  const log = { ...own, key: `${own.prefix}a.log.gz`, body: Buffer.from('lines') };
  await assert.rejects(client.deliverLog(log), { kind: 'not-authorized' });
  const user = { isRoot: false, arn: `arn:aws:iam::${OWNER}:user/ann` };
  await assert.rejects(client.admitLogs(own, root(OWNER, user)), { kind: 'not-authorized' });
  await client.admitLogs(own, root(OWNER));
  await client.admitLogs(own, root(OWNER));
  await client.deliverLog(log);
  const { body } = await client.getObject({ bucket, key: log.key });
  assert.equal((await buffer(body)).toString(), 'lines');
  const elsewhere = client.deliverLog({ ...log, key: 'a.log.gz' });
  await assert.rejects(elsewhere, { kind: 'not-authorized' });
  const other = source('111111111111');
  await assert.rejects(client.admitLogs(other, root('111111111111')), { kind: 'not-authorized' });
  const forged = client.deliverLog({ ...other, key: log.key, body: log.body });
  await assert.rejects(forged, { kind: 'not-authorized' });
  await assert.rejects(client.admitLogs({ ...own, bucket: 'none' }, root(OWNER)), {
    kind: 'not-found',
  });
});

test('a policy that would be longer than S3 lets it be is not made', async () => {
  const name = 'full';
  await client.ensureBucket(name);
  const admit = (at: number) => {
    const prefix = `${at}${'p'.repeat(500)}/AWSLogs/${OWNER}/`;
    return client.admitLogs({ ...source(OWNER), bucket: name, prefix }, root(OWNER));
  };
  const admitAll = async () => {
    for (let at = 0; at < 25; at += 1) await admit(at);
  };
  await assert.rejects(admitAll(), { kind: 'not-authorized' });
  await admit(0);
});
