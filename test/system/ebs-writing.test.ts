// Writing a snapshot block by block with AWS's own client, against a whole cloud with the simulated hypervisor.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  CompleteSnapshotCommand,
  type EBSClient,
  ListSnapshotBlocksCommand,
  PutSnapshotBlockCommand,
  StartSnapshotCommand,
  type StartSnapshotCommandInput,
} from '@aws-sdk/client-ebs';
import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { BLOCK_BYTES, createEbsClients, isEbsError } from '../support/ebs.ts';
import { createVolume, untilCompleted } from '../support/volumes.ts';

const LAST_BLOCK = 2047;

let cloud: CloudUnderTest;
let ec2: Ec2Client;
let ebs: EBSClient;
let stranger: EBSClient;

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  ec2 = cloud.ec2();
  ({ ebs, stranger } = await createEbsClients(cloud));
});
after(async () => {
  ebs?.destroy();
  stranger?.destroy();
  await cloud?.[Symbol.asyncDispose]();
});

async function start(wish: Partial<StartSnapshotCommandInput> = {}): Promise<string> {
  const answer = await ebs.send(new StartSnapshotCommand({ VolumeSize: 1, ...wish }));
  assert.deepEqual([answer.Status, answer.BlockSize], ['pending', BLOCK_BYTES]);
  return answer.SnapshotId!;
}

function sum(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('base64');
}

async function put(
  SnapshotId: string,
  BlockIndex: number,
  bytes: Buffer,
  { Checksum = sum(bytes), by = ebs } = {},
): Promise<void> {
  const command = new PutSnapshotBlockCommand({
    SnapshotId,
    BlockIndex,
    BlockData: bytes,
    DataLength: bytes.length,
    Checksum,
    ChecksumAlgorithm: 'SHA256',
  });
  const answer = await by.send(command);
  assert.deepEqual([answer.Checksum, answer.ChecksumAlgorithm], [sum(bytes), 'SHA256']);
}

/** The checksum of the checksums, as AWS's own tools make it. */
function linear(blocks: ReadonlyMap<number, Buffer>): string {
  const digests = [...blocks]
    .sort(([left], [right]) => left - right)
    .map(([, bytes]) => createHash('sha256').update(bytes).digest());
  return createHash('sha256').update(Buffer.concat(digests)).digest('base64');
}

async function complete(SnapshotId: string, blocks: ReadonlyMap<number, Buffer>): Promise<void> {
  const command = new CompleteSnapshotCommand({
    SnapshotId,
    ChangedBlocksCount: blocks.size,
    Checksum: linear(blocks),
    ChecksumAlgorithm: 'SHA256',
    ChecksumAggregationMethod: 'LINEAR',
  });
  await ebs.send(command);
  await untilCompleted(cloud, SnapshotId);
}

/** What a volume that is made of the snapshot has at some blocks. */
async function restore(SnapshotId: string, indices: readonly number[]): Promise<Buffer[]> {
  const volume = await createVolume(cloud, SnapshotId);
  await using file = await open(join(cloud.dataDir, 'storage/volumes', `${volume}.raw`), 'r');
  const blocks: Buffer[] = [];
  for (const index of indices) {
    const bytes = Buffer.alloc(BLOCK_BYTES);
    await file.read(bytes, 0, BLOCK_BYTES, index * BLOCK_BYTES);
    blocks.push(bytes);
  }
  return blocks;
}

async function listed(SnapshotId: string): Promise<number[]> {
  const { Blocks } = await ebs.send(new ListSnapshotBlocksCommand({ SnapshotId }));
  return Blocks!.map(({ BlockIndex }) => BlockIndex!);
}

const zeros = Buffer.alloc(BLOCK_BYTES);

test('a volume made of a snapshot that was written block by block has its bytes', async () => {
  const id = await start({ Description: 'written', Tags: [{ Key: 'from', Value: 'tape' }] });
  const blocks = new Map([0, 7, LAST_BLOCK].map((index) => [index, randomBytes(BLOCK_BYTES)]));
  blocks.set(3, zeros);
  await put(id, 7, Buffer.alloc(BLOCK_BYTES, 'first'));
  await Promise.all([...blocks].map(([index, bytes]) => put(id, index, bytes)));
  await complete(id, blocks);
  const { Snapshots } = await ec2.call('DescribeSnapshots', { SnapshotIds: [id] });
  const [{ Description, Tags, VolumeSize, VolumeId } = {}] = Snapshots!;
  assert.deepEqual([Description, VolumeSize, VolumeId], ['written', 1, 'vol-ffffffff']);
  assert.deepEqual(Tags, [{ Key: 'from', Value: 'tape' }]);
  assert.deepEqual(await listed(id), [0, 7, LAST_BLOCK]);
  const restored = await restore(id, [...blocks.keys(), 8]);
  assert.ok(restored.every((bytes, at) => bytes.equals([...blocks.values(), zeros][at]!)));
});

test('one with a parent has what was not written from that', async () => {
  const parent = await start();
  const old = new Map([1, 2, 3].map((index) => [index, randomBytes(BLOCK_BYTES)]));
  for (const [index, bytes] of old) await put(parent, index, bytes);
  await complete(parent, old);
  const child = await start({ ParentSnapshotId: parent, VolumeSize: 2 });
  const anew = new Map([
    [2, randomBytes(BLOCK_BYTES)],
    [3, zeros],
  ]);
  for (const [index, bytes] of anew) await put(child, index, bytes);
  await complete(child, anew);
  await ec2.call('DeleteSnapshot', { SnapshotId: parent });
  assert.deepEqual(await listed(child), [1, 2]);
  const [one, two, three] = await restore(child, [1, 2, 3]);
  assert.ok(one!.equals(old.get(1)!) && two!.equals(anew.get(2)!) && three!.equals(zeros));
});

test('the same token is the same snapshot, and with another wish a conflict', async () => {
  const wish = { VolumeSize: 1, ClientToken: 'once' };
  assert.equal(await start(wish), await start(wish));
  await assert.rejects(
    start({ ...wish, VolumeSize: 2 }),
    isEbsError('ConflictException', undefined),
  );
});

test('what is wrong with a snapshot, a block or its end is said', async () => {
  const bad = (reason: string) => isEbsError('ValidationException', reason);
  await assert.rejects(start({ VolumeSize: 0 }), bad('INVALID_VOLUME_SIZE'));
  await assert.rejects(start({ Timeout: 9 }), bad('INVALID_PARAMETER_VALUE'));
  await assert.rejects(start({ ParentSnapshotId: 'snap-x' }), bad('INVALID_SNAPSHOT_ID'));
  await assert.rejects(start({ Encrypted: true }), isEbsError('UnsupportedOperation', undefined));
  const id = await start();
  const block = randomBytes(BLOCK_BYTES);
  await assert.rejects(put(id, LAST_BLOCK + 1, block), bad('INVALID_BLOCK'));
  await assert.rejects(put(id, 0, block.subarray(1)), bad('INVALID_BLOCK'));
  const Checksum = sum(zeros);
  await assert.rejects(put(id, 0, block, { Checksum }), bad('INVALID_PARAMETER_VALUE'));
  const absent = isEbsError('ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND');
  await assert.rejects(put(id, 0, block, { by: stranger }), absent);
  await put(id, 0, block);
  await assert.rejects(complete(id, new Map()), bad('INVALID_PARAMETER_VALUE'));
  await assert.rejects(complete(id, new Map([[0, zeros]])), bad('INVALID_PARAMETER_VALUE'));
  const child = start({ ParentSnapshotId: id });
  await assert.rejects(child, bad('INVALID_DEPENDENCY_REQUEST'));
  const blocks = new Map([[0, block]]);
  await complete(id, blocks);
  await assert.rejects(put(id, 1, block), bad('INVALID_SNAPSHOT_ID'));
  // Asked again by a client that has not heard the answer.
  await complete(id, blocks);
});

test('one that is deleted while it is written takes no more blocks', async () => {
  const id = await start();
  await put(id, 0, randomBytes(BLOCK_BYTES));
  await ec2.call('DeleteSnapshot', { SnapshotId: id });
  const absent = isEbsError('ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND');
  await assert.rejects(put(id, 1, randomBytes(BLOCK_BYTES)), absent);
});

test('where new snapshots are to be encrypted, one that would not be is refused', async () => {
  await ec2.call('EnableEbsEncryptionByDefault', {});
  try {
    await assert.rejects(start(), /Encryption of a snapshot that is written by blocks/);
  } finally {
    await ec2.call('DisableEbsEncryptionByDefault', {});
  }
});
