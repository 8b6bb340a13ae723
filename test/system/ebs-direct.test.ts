// The EBS direct APIs by AWS's own client, against a whole cloud with the simulated hypervisor.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  type EBSClient,
  GetSnapshotBlockCommand,
  ListChangedBlocksCommand,
  ListSnapshotBlocksCommand,
} from '@aws-sdk/client-ebs';
import { systemClock } from '@ironbark/platform/clock.ts';
import { writeFully } from '@ironbark/platform/files.ts';
import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { BLOCK_BYTES, createEbsClients, isEbsError } from '../support/ebs.ts';
import { createSnapshot, createVolume } from '../support/volumes.ts';

/** Blocks of the first snapshot that are not zeros, far enough apart to be in chunks of their own. */
const FIRST = [0, 1, 40, 1023];
/** What is written before the second one: one block anew, one changed, one zeroed. */
const SECOND = { 100: 0x61, 1: 0x62, 40: 0 };

let cloud: CloudUnderTest;
let ec2: Ec2Client;
let ebs: EBSClient;
let stranger: EBSClient;
let volume: string;
let first: string;
let second: string;

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  ec2 = cloud.ec2();
  ({ ebs, stranger } = await createEbsClients(cloud));
  volume = await createVolume(cloud);
  await write(Object.fromEntries(FIRST.map((index) => [index, 0x31 + (index % 10)])));
  first = await createSnapshot(cloud, volume);
  await write(SECOND);
  second = await createSnapshot(cloud, volume);
});
after(async () => {
  ebs?.destroy();
  stranger?.destroy();
  await cloud?.[Symbol.asyncDispose]();
});

/** Into the file of the simulated volume: nobody else writes to it. */
async function write(patterns: Readonly<Record<number, number>>): Promise<void> {
  await using file = await open(join(cloud.dataDir, 'storage/volumes', `${volume}.raw`), 'r+');
  for (const [index, pattern] of Object.entries(patterns)) {
    await writeFully(file, Buffer.alloc(BLOCK_BYTES, pattern), Number(index) * BLOCK_BYTES);
  }
}

async function list(snapshotId: string): Promise<Map<number, string>> {
  const answer = await ebs.send(new ListSnapshotBlocksCommand({ SnapshotId: snapshotId }));
  assert.deepEqual([answer.BlockSize, answer.VolumeSize], [BLOCK_BYTES, 1]);
  const ageMs = answer.ExpiryTime!.getTime() - systemClock.nowMs();
  assert.ok(ageMs > 6 * 86_400_000 && ageMs <= 7 * 86_400_000);
  return new Map(answer.Blocks!.map((block) => [block.BlockIndex!, block.BlockToken!]));
}

async function read(SnapshotId: string, BlockIndex: number, BlockToken: string, by = ebs) {
  const command = new GetSnapshotBlockCommand({ SnapshotId, BlockIndex, BlockToken });
  const answer = await by.send(command);
  const bytes = Buffer.from(await answer.BlockData!.transformToByteArray());
  assert.equal(answer.DataLength, BLOCK_BYTES);
  assert.equal(answer.ChecksumAlgorithm, 'SHA256');
  assert.equal(answer.Checksum, createHash('sha256').update(bytes).digest('base64'));
  return bytes;
}

test('the blocks of a snapshot, put together, are what the volume was', async () => {
  const blocks = await list(first);
  for (const index of FIRST) assert.ok(blocks.has(index), `block ${index}`);
  for (const [index, token] of blocks) {
    const pattern = FIRST.includes(index) ? 0x31 + (index % 10) : 0;
    assert.ok(
      (await read(first, index, token)).equals(Buffer.alloc(BLOCK_BYTES, pattern)),
      `${index}`,
    );
  }
  assert.ok(blocks.size < 64, 'what is zeros in the large is not listed');
});

test('the blocks that changed between two snapshots are those that differ, and no others', async () => {
  const command = { FirstSnapshotId: first, SecondSnapshotId: second };
  const answer = await ebs.send(new ListChangedBlocksCommand(command));
  const changed = answer.ChangedBlocks!;
  assert.deepEqual(
    changed.map(({ BlockIndex }) => BlockIndex),
    [1, 40, 100],
  );
  const [one, , hundred] = changed;
  assert.equal((await read(first, 1, one!.FirstBlockToken!))[0], 0x32);
  assert.equal((await read(second, 1, one!.SecondBlockToken!))[0], 0x62);
  assert.equal(hundred!.FirstBlockToken, undefined);
  assert.equal((await read(second, 100, hundred!.SecondBlockToken!))[0], 0x61);
  const all = await ebs.send(new ListChangedBlocksCommand({ SecondSnapshotId: second }));
  assert.deepEqual(
    all.ChangedBlocks!.map(({ BlockIndex }) => BlockIndex),
    [...(await list(second)).keys()],
  );
});

test('pages go on where the last one ended, and a copy has the same blocks', async () => {
  const { region } = cloud.credentials;
  const wish = { SourceRegion: region, SourceSnapshotId: first };
  const { SnapshotId: copy } = await ec2.call('CopySnapshot', wish);
  assert.deepEqual([...(await list(copy!)).keys()], [...(await list(first)).keys()]);
  const from40 = { SnapshotId: first, StartingBlockIndex: 41, MaxResults: 100 };
  const { Blocks, NextToken } = await ebs.send(new ListSnapshotBlocksCommand(from40));
  assert.equal(NextToken, undefined);
  assert.ok(Blocks!.every(({ BlockIndex }) => BlockIndex! > 40));
  const few = new ListSnapshotBlocksCommand({ SnapshotId: first, MaxResults: 5 });
  await assert.rejects(ebs.send(few), isEbsError('ValidationException', 'INVALID_PARAMETER_VALUE'));
  const strange = new ListSnapshotBlocksCommand({ SnapshotId: first, NextToken: 'x' });
  await assert.rejects(ebs.send(strange), isEbsError('ValidationException', 'INVALID_PAGE_TOKEN'));
});

test('a token is good for its block, its snapshot and its account, and cannot be made up', async () => {
  const blocks = await list(first);
  const token = blocks.get(40)!;
  const bad = isEbsError('ValidationException', 'INVALID_BLOCK_TOKEN');
  await assert.rejects(read(first, 1, token), bad);
  await assert.rejects(read(second, 40, token), bad);
  const bytes = Buffer.from(token, 'base64url');
  for (const at of [0, 8, 20, bytes.length - 1]) {
    const forged = Buffer.from(bytes);
    forged[at]! ^= 1;
    await assert.rejects(read(first, 40, forged.toString('base64url')), bad, `byte ${at}`);
  }
  const absent = isEbsError('ResourceNotFoundException', 'SNAPSHOT_NOT_FOUND');
  await assert.rejects(read(first, 40, token, stranger), absent);
  await ec2.call('ModifySnapshotAttribute', {
    SnapshotId: first,
    CreateVolumePermission: { Add: [{ Group: 'all' }] },
  });
  // Whom it is shared with reads it, with tokens of their own.
  await assert.rejects(read(first, 40, token, stranger), bad);
  await stranger.send(new ListSnapshotBlocksCommand({ SnapshotId: first }));
  await ec2.call('ResetSnapshotAttribute', {
    SnapshotId: first,
    Attribute: 'createVolumePermission',
  });
  const again = new ListSnapshotBlocksCommand({ SnapshotId: first });
  await assert.rejects(stranger.send(again), absent);
});

test('tokens outlive a restart', async () => {
  const token = (await list(first)).get(40)!;
  await cloud.ironbark('down');
  await cloud.up({ hypervisor: 'simulated' });
  assert.equal((await read(first, 40, token))[0], 0x31);
});
