import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  AttachVolumeCommand,
  CreateKeyPairCommand,
  DescribeInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateBucketCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { CommandError } from '@ironbark/platform/commands.ts';
import type { ChainReport } from '@ironbark/platform/record-reader.ts';
import type { AuditEvent } from '@ironbark/protocol/internal/audit-log.ts';
import { createEc2, createS3 } from '../support/clients.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';

let cloud: CloudUnderTest;

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated', flags: ['--no-image'] });
});
after(() => cloud[Symbol.asyncDispose]());

function events(...args: string[]): Promise<AuditEvent[]> {
  return cloud.json('events', ...args);
}

/** Records of calls that change nothing follow within a second. */
function eventuallyFind(
  what: string,
  matches: (event: AuditEvent) => boolean,
): Promise<AuditEvent> {
  return eventually(what, async () => (await events()).find(matches));
}

async function verify(): Promise<{ isWhole: boolean; chains: ChainReport[]; exitCode: number }> {
  try {
    return { ...(await cloud.json('events', '--verify')), exitCode: 0 };
  } catch (error) {
    if (!(error instanceof CommandError) || error.exitCode === undefined) throw error;
    return { isWhole: false, chains: [], exitCode: error.exitCode };
  }
}

test('each call is one record: who, from where, what, on which resources, and its outcome', async () => {
  const ec2 = createEc2(cloud);
  const s3 = createS3(cloud);
  const volumeId = 'vol-0123456789abcdef0';
  const attach = { VolumeId: volumeId, InstanceId: 'i-0123456789abcdef0', Device: '/dev/sdf' };
  await assert.rejects(ec2.send(new AttachVolumeCommand(attach)));
  await s3.send(new CreateBucketCommand({ Bucket: 'ledger' }));
  await s3.send(new PutObjectCommand({ Bucket: 'ledger', Key: 'a/b c', Body: 'x' }));
  await s3.send(
    new DeleteObjectsCommand({
      Bucket: 'ledger',
      Delete: { Objects: [{ Key: 'one' }, { Key: 'two' }] },
    }),
  );
  await ec2.send(new DescribeInstancesCommand({}));
  await assert.rejects(s3.send(new GetObjectCommand({ Bucket: 'ledger', Key: 'none' })));
  await eventuallyFind('the lazy record', ({ eventName }) => eventName === 'GetObject');
  const all = await events();
  const find = (name: string) => {
    const found = all.filter(({ eventName }) => eventName === name);
    assert.equal(found.length, 1, `${name}: ${found.length} records`);
    return found[0]!;
  };
  const { accountId } = await cloud.status();
  const refused = find('AttachVolume');
  assert.equal(refused.errorCode, 'InvalidInstanceID.NotFound');
  assert.equal(refused.eventSource, 'ec2.amazonaws.com');
  assert.equal(refused.sourceIPAddress, '127.0.0.1');
  assert.deepEqual(refused.userIdentity, {
    type: 'Root',
    accountId,
    principalId: accountId,
    arn: `arn:aws:iam::${accountId}:root`,
    accessKeyId: cloud.credentials.accessKeyId,
  });
  const arns = refused.resources.map(({ ARN }) => ARN.split(':').at(-1)).sort();
  assert.deepEqual(arns, ['instance/i-0123456789abcdef0', `volume/${volumeId}`]);
  assert.match(refused.requestID, /^[0-9a-f-]{36}$/);
  const put = find('PutObject');
  assert.equal(put.httpStatus, 200);
  assert.equal(put.errorCode, undefined);
  assert.deepEqual([put.readOnly, put.managementEvent], [false, false]);
  assert.equal(put.resources[0]?.ARN, 'arn:aws:s3:::ledger/a/b c');
  assert.deepEqual(
    find('DeleteObjects').resources.map(({ ARN }) => ARN.split(':::')[1]),
    ['ledger/one', 'ledger/two', 'ledger'],
  );
  assert.equal(find('CreateBucket').managementEvent, true);
  assert.equal(find('DescribeInstances').readOnly, true);
  assert.equal(find('GetObject').errorCode, 'NoSuchKey');
});

test('refused requests are recorded too: unsigned, with a wrong secret, for an action that is not there', async () => {
  const { endpoint, region, accessKeyId } = cloud.credentials;
  const query = '/?Action=DescribeInstances&Version=2016-11-15';
  assert.equal((await fetch(`${endpoint}${query}`)).status, 403);
  const unsigned = await eventuallyFind(
    'the unsigned call',
    ({ eventSource, userIdentity }) =>
      eventSource.startsWith('ec2') && userIdentity.type === 'Unknown',
  );
  assert.ok(unsigned.errorCode !== undefined);
  assert.deepEqual(unsigned.userIdentity, { type: 'Unknown' });
  const secretAccessKey = 'not-the-secret';
  const options = { endpoint, region, forcePathStyle: true, maxAttempts: 1 };
  const other = new S3Client({ ...options, credentials: { accessKeyId, secretAccessKey } });
  await assert.rejects(other.send(new CreateBucketCommand({ Bucket: 'stolen' })));
  const forged = await eventuallyFind(
    'the forged call',
    ({ errorCode }) => errorCode === 'SignatureDoesNotMatch',
  );
  assert.deepEqual(forged.userIdentity, { type: 'Unknown', accessKeyId });
});

test('A12: no secret, key or body is in the record', async () => {
  const ec2 = createEc2(cloud);
  const s3 = createS3(cloud);
  const canary = 'canary-5d1f0a';
  const { KeyMaterial } = await ec2.send(new CreateKeyPairCommand({ KeyName: 'kept-out' }));
  await s3.send(new CreateBucketCommand({ Bucket: 'canaries' }));
  await s3.send(
    new PutObjectCommand({
      Bucket: 'canaries',
      Key: 'object',
      Body: canary,
      Metadata: { note: canary },
    }),
  );
  const folder = join(cloud.dataDir, 'events');
  const texts = await Promise.all(
    (await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')),
  );
  const text = texts.join('');
  assert.ok(text.includes('CreateKeyPair') && text.includes('canaries/object'));
  for (const secret of [canary, cloud.credentials.secretAccessKey, KeyMaterial!.slice(40, 80)]) {
    assert.ok(!text.includes(secret), secret);
  }
  assert.ok(!/Signature=|X-Amz-Signature/i.test(text));
});

test('a call that was answered is on record although the daemon is killed the next moment', async () => {
  const s3 = createS3(cloud);
  await s3.send(new CreateBucketCommand({ Bucket: 'last-words' }));
  process.kill(await cloud.daemonPid(), 'SIGKILL');
  await cloud.up();
  const found = (await events()).filter(
    ({ eventName, resources }) =>
      eventName === 'CreateBucket' && resources.some(({ ARN }) => ARN.endsWith('last-words')),
  );
  assert.equal(found.length, 1);
  assert.equal((await verify()).isWhole, true);
});

test('a changed and a removed record are found, with an exit code of their own', async () => {
  const { isWhole, exitCode, chains } = await verify();
  assert.deepEqual([isWhole, exitCode], [true, 0]);
  assert.ok(chains.every(({ records }) => records > 0));
  await cloud.ironbark('down');
  const path = join(cloud.dataDir, 'events/management-000001.jsonl');
  const original = await readFile(path, 'utf8');
  await writeFile(path, original.replace('CreateBucket', 'DeleteBucket'));
  assert.equal((await verify()).exitCode, 4);
  const lines = original.split('\n');
  await writeFile(path, lines.toSpliced(lines.length - 2, 1).join('\n'));
  assert.equal((await verify()).exitCode, 4, 'the newest record is missing');
  await writeFile(path, original);
  assert.equal((await verify()).exitCode, 0);
});

test('events are shown from a time on, and nonsense is refused', async () => {
  assert.deepEqual(await events('--since', '2100-01-01'), []);
  assert.ok((await events('--since', '1h')).length > 5);
  assert.equal((await events('--lines', '2')).length, 2);
  await assert.rejects(events('--since', 'soon'), /is not a time/);
});
