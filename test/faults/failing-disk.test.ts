import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { CreateBucketCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { createS3 } from '../support/clients.ts';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { PowerCutDisk, whyNoPowerCuts } from '../support/power-cut/power-cut-disk.ts';

const skip = (await whyNoPowerCuts()) ?? false;
const BUCKET = 'kept';

/** What it has acknowledged, by name. */
async function listAll(cloud: CloudUnderTest): Promise<string[]> {
  const { KeyPairs = [] } = await cloud.ec2().call('DescribeKeyPairs', {});
  const { Contents = [] } = await createS3(cloud).send(
    new ListObjectsV2Command({ Bucket: BUCKET }),
  );
  return [...KeyPairs.map(({ KeyName }) => KeyName!), ...Contents.map(({ Key }) => Key!)];
}

function change(cloud: CloudUnderTest, name: string): Promise<unknown>[] {
  const put = new PutObjectCommand({ Bucket: BUCKET, Key: `object ${name}`, Body: name });
  return [cloud.ec2().call('CreateKeyPair', { KeyName: `key ${name}` }), createS3(cloud).send(put)];
}

async function assertRefused(cloud: CloudUnderTest, name: string): Promise<void> {
  for (const outcome of await Promise.allSettled(change(cloud, name))) {
    assert.equal(outcome.status, 'rejected', name);
    const { code, name: code2, message } = outcome.reason as { [key: string]: string };
    assert.match(code ?? code2 ?? '', /Unavailable/, message);
  }
}

test('a disk that fails to keep a change ends all changes until the next start', {
  skip,
}, async () => {
  await using disk = await PowerCutDisk.create({ seed: 1 });
  const dataDir = join(disk.mountPath, 'cloud');
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated', dataDir });
  await createS3(cloud).send(new CreateBucketCommand({ Bucket: BUCKET }));
  await Promise.all(change(cloud, 'before'));
  assert.deepEqual((await cloud.status()).failures, []);

  await disk.fail('syncs');
  await assertRefused(cloud, 'in-between');
  // A sync would succeed now, and say nothing of what is lost.
  await disk.fail();
  await assertRefused(cloud, 'afterwards');
  const { failures } = await cloud.status();
  assert.ok(failures.length >= 2, failures.join('\n'));
  assert.match((await cloud.ironbark('status')).stdout, /TROUBLE .*has failed to keep a change/);
  assert.deepEqual(await listAll(cloud), ['key before', 'object before']);

  await disk.cut({ mode: 'drop-all', kill: [await cloud.daemonPid()] });
  await disk.remount();
  await cloud.up();
  assert.deepEqual((await cloud.status()).failures, []);
  await Promise.all(change(cloud, 'anew'));
  assert.deepEqual(await listAll(cloud), [
    'key anew',
    'key before',
    'object anew',
    'object before',
  ]);
});
