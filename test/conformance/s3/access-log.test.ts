import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CreateBucketCommand,
  GetBucketLoggingCommand,
  GetObjectCommand,
  ListObjectsV2Command,
  PutBucketEncryptionCommand,
  PutBucketLoggingCommand,
  PutBucketPolicyCommand,
} from '@aws-sdk/client-s3';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { errorCode, KEYS, type S3Endpoint, startEndpoint } from './endpoint.ts';

const LETS_LOGS_IN = JSON.stringify({
  Version: '2012-10-17',
  Statement: [
    {
      Effect: 'Allow',
      Principal: { Service: 'logging.s3.amazonaws.com' },
      Action: 's3:PutObject',
      Resource: 'arn:aws:s3:::logs/*',
      Condition: {
        ArnLike: { 'aws:SourceArn': 'arn:aws:s3:::site' },
        StringEquals: { 'aws:SourceAccount': '000000000001' },
      },
    },
  ],
});

async function makeBuckets(endpoint: S3Endpoint): Promise<ReturnType<S3Endpoint['client']>> {
  const client = endpoint.client();
  for (const Bucket of ['site', 'logs']) await client.send(new CreateBucketCommand({ Bucket }));
  return client;
}

function logTo(TargetBucket: string, TargetPrefix = 'site/') {
  const BucketLoggingStatus = { LoggingEnabled: { TargetBucket, TargetPrefix } };
  return new PutBucketLoggingCommand({ Bucket: 'site', BucketLoggingStatus });
}

test('a log is set only where its target takes it, shown as it was set, and taken away', async () => {
  await using endpoint = await startEndpoint();
  const client = await makeBuckets(endpoint);
  await endpoint.send({ method: 'PUT', path: '/others', key: KEYS.other });
  for (const target of ['missing', 'others', 'logs']) {
    await assert.rejects(client.send(logTo(target)), { name: 'InvalidTargetBucketForLogging' });
  }
  await client.send(new PutBucketPolicyCommand({ Bucket: 'logs', Policy: LETS_LOGS_IN }));
  await client.send(logTo('logs'));
  const get = new GetBucketLoggingCommand({ Bucket: 'site' });
  const { LoggingEnabled } = await client.send(get);
  assert.equal(LoggingEnabled?.TargetBucket, 'logs');
  assert.equal(LoggingEnabled?.TargetPrefix, 'site/');
  assert.deepEqual(LoggingEnabled?.TargetObjectKeyFormat, { SimplePrefix: {} });
  const put = { method: 'PUT', path: '/site?logging', body: '<BucketLoggingStatus/>' };
  for (const key of [KEYS.user, KEYS.other, null]) {
    for (const request of [put, { path: put.path }]) {
      assert.equal(await errorCode(await endpoint.send({ ...request, key })), 'AccessDenied');
    }
  }
  const inner =
    '<TargetBucket>logs</TargetBucket><TargetPrefix/><TargetGrants><Grant/></TargetGrants>';
  const body = `<BucketLoggingStatus><LoggingEnabled>${inner}</LoggingEnabled></BucketLoggingStatus>`;
  assert.equal(await errorCode(await endpoint.send({ ...put, body })), 'NotImplemented');
  await client.send(new PutBucketLoggingCommand({ Bucket: 'site', BucketLoggingStatus: {} }));
  assert.equal((await client.send(get)).LoggingEnabled, undefined);
});

test('a bucket whose list lets the log-delivery group write takes logs, and services that do not exist none', async () => {
  await using endpoint = await startEndpoint({ defaultOwnership: 'ObjectWriter' });
  const client = await makeBuckets(endpoint);
  const acl = { method: 'PUT', path: '/logs?acl', headers: { 'x-amz-acl': 'log-delivery-write' } };
  assert.equal((await endpoint.send(acl)).status, 200);
  await client.send(logTo('logs'));
  const Policy = LETS_LOGS_IN.replace('logging.s3', 'other');
  await assert.rejects(client.send(new PutBucketPolicyCommand({ Bucket: 'logs', Policy })), {
    name: 'MalformedPolicy',
  });
});

/** The 26 fields of a line; what stands in brackets or quotes is one. */
function fieldsOf(line: string): string[] {
  return line.match(/"[^"]*"|\[[^\]]*\]|\S+/g) ?? [];
}

async function readLog(endpoint: S3Endpoint): Promise<string[][]> {
  const client = endpoint.client();
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket: 'logs' }));
  const texts = await Promise.all(
    Contents.map(async ({ Key }) => {
      assert.match(Key!, /^site\/\d{4}(-\d\d){5}-[0-9A-F]{16}$/);
      const found = await client.send(new GetObjectCommand({ Bucket: 'logs', Key: Key! }));
      assert.deepEqual([found.ContentType, found.ServerSideEncryption], ['text/plain', 'AES256']);
      return await found.Body!.transformToString();
    }),
  );
  return texts.flatMap((text) => text.trimEnd().split('\n').map(fieldsOf));
}

test('what was asked of a bucket is delivered at the latest when the store ends, refusals too', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-s3-log-'));
  t.after(() => rm(dataDir, { recursive: true }));
  {
    await using endpoint = await startEndpoint({ dataDir });
    const client = await makeBuckets(endpoint);
    await client.send(new PutBucketPolicyCommand({ Bucket: 'logs', Policy: LETS_LOGS_IN }));
    const rule = { ApplyServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' as const } };
    const ServerSideEncryptionConfiguration = { Rules: [rule] };
    await client.send(
      new PutBucketEncryptionCommand({ Bucket: 'logs', ServerSideEncryptionConfiguration }),
    );
    await endpoint.send({ method: 'PUT', path: '/site/before' });
    await client.send(logTo('logs'));
    const path = '/site/a%20b';
    await endpoint.send({ method: 'PUT', path, body: 'hello' });
    const range = { range: 'bytes=1-2', referer: 'http://r/', 'user-agent': 'Test "1"' };
    await (await endpoint.send({ path, headers: range })).text();
    await endpoint.send({ path, key: KEYS.other });
    await endpoint.send({ path: '/site/missing', key: null });
    await (await endpoint.send({ path: '/site?list-type=2' })).text();
  }
  await using endpoint = await startEndpoint({ dataDir });
  const lines = await readLog(endpoint);
  assert.deepEqual(
    lines.map((line) => line.length),
    lines.map(() => 26),
  );
  const owner = '000000000001';
  const stranger = '000000000002';
  const [requester, operation, key, status, code, sent, size] = [4, 6, 7, 9, 10, 11, 12];
  const shown = lines.map((line) =>
    [requester, operation, key, status, code, size].map((at) => line[at]),
  );
  assert.deepEqual(shown.slice(-5), [
    [owner, 'REST.PUT.OBJECT', 'a%20b', '200', '-', '5'],
    [owner, 'REST.GET.OBJECT', 'a%20b', '206', '-', '5'],
    [stranger, 'REST.GET.OBJECT', 'a%20b', '403', 'AccessDenied', '-'],
    ['-', 'REST.GET.OBJECT', 'missing', '403', 'AccessDenied', '-'],
    [owner, 'REST.GET.BUCKET', '-', '200', '-', '-'],
  ]);
  const read = lines.at(-4)!;
  assert.equal(read[sent], '2');
  assert.deepEqual(
    [read[0], read[1], read[8], read[15], read[16]],
    [owner, 'site', '"GET /site/a%20b HTTP/1.1"', '"http://r/"', '"Test %221%22"'],
  );
  assert.match(read[2]!, /^\[\d\d\/[A-Z][a-z]{2}\/\d{4}:\d\d:\d\d:\d\d \+0000\]$/);
  assert.deepEqual([read[19], read[21]], ['SigV4', 'AuthHeader']);
  assert.ok(!lines.some((line) => line[key] === 'before'));
});

test('many lines are delivered at once; a target that has gone keeps nothing waiting', async () => {
  await using endpoint = await startEndpoint();
  const client = await makeBuckets(endpoint);
  await client.send(new PutBucketPolicyCommand({ Bucket: 'logs', Policy: LETS_LOGS_IN }));
  await client.send(logTo('logs'));
  const headers = { 'user-agent': 'a'.repeat(1_000), referer: 'r'.repeat(1_000) };
  const askMuch = () =>
    Promise.all(
      Array.from({ length: 130 }, () => endpoint.send({ method: 'HEAD', path: '/site', headers })),
    );
  await askMuch();
  const list = new ListObjectsV2Command({ Bucket: 'logs' });
  const isThere = async () => ((await client.send(list)).KeyCount ?? 0) > 0;
  await waitFor(isThere, { clock: systemClock, timeoutMs: 20_000, what: 'a delivered log' });
  await endpoint.send({ method: 'DELETE', path: '/logs?policy' });
  await askMuch();
  const isSaid = async () => endpoint.log.some((line) => line.includes('does not take it'));
  await waitFor(isSaid, { clock: systemClock, timeoutMs: 20_000, what: 'a dropped log' });
});
