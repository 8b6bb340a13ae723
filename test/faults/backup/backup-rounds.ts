// Owns the run of backups under load: while numbered writers write, a backup is taken, the cloud is restored from it in
// another folder, and what came back is compared with what had been acknowledged.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { CreateVolumeCommand, type EC2Client } from '@aws-sdk/client-ec2';
import { CreateBucketCommand, type S3Client } from '@aws-sdk/client-s3';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { createEc2, createS3 } from '../../support/clients.ts';
import { CloudUnderTest, eventually, projectDir } from '../../support/cloud-under-test.ts';
import {
  readChanging,
  readObjectPrefix,
  readTagCount,
  startNumberedWriters,
} from '../../support/numbered-writers.ts';

export interface BackupRound {
  /** Calls that had been acknowledged when the backup began. */
  acknowledged: number;
  /** Calls that were acknowledged while it was taken. */
  meanwhile: number;
  /** A sentence for each promise that was not kept. */
  broken: string[];
}

const OBJECT_WRITERS = 3;
/** Each writer is well under way before a backup begins. */
const LEAD = 20;
const Bucket = 'numbered';

/** `first` is simulated and stays; what was restored is gone afterwards. */
export async function runBackupRound(first: CloudUnderTest, folder: string): Promise<BackupRound> {
  const bucket = `${Bucket}-${Date.now()}`;
  const { before, during, taggedId, missing } = await backUpUnderLoad(first, { bucket, folder });
  const dataDir = join(folder, 'restored');
  await restoreTo(dataDir, join(folder, 'backup'));
  await rm(join(folder, 'backup'));
  await using second = await CloudUnderTest.start({ dataDir, flags: ['--no-image'] });
  const broken = missing.map((blob) => `${blob} was gone before it was copied`);
  const check = (text: string, isKept: boolean) => {
    if (!isKept) broken.push(text);
  };
  const s3 = createS3(second);
  for (const [name, acknowledged] of before) {
    const end = during.get(name)!;
    const found = await count(second, { s3, bucket, name, taggedId, end });
    if (typeof found === 'string') broken.push(found);
    else check(`${name}: ${found} of ${acknowledged}`, found >= acknowledged && found <= end + 1);
  }
  s3.destroy();
  const total = sum(before);
  return { acknowledged: total, meanwhile: sum(during) - total, broken };
}

async function backUpUnderLoad(
  cloud: CloudUnderTest,
  { bucket, folder }: { bucket: string; folder: string },
) {
  const ec2 = createEc2(cloud);
  const s3 = createS3(cloud);
  await s3.send(new CreateBucketCommand({ Bucket: bucket }));
  const zone = { AvailabilityZone: `${cloud.credentials.region}a`, Size: 1 };
  const { VolumeId: taggedId } = await ec2.send(new CreateVolumeCommand(zone));
  const options = { ec2, s3, bucket, taggedId: taggedId!, objectWriters: OBJECT_WRITERS };
  await using writing = startNumberedWriters(options);
  const isUnderWay = async () => writing.writers.every((each) => each.acknowledged >= LEAD);
  await eventually('some writing', isUnderWay);
  const before = writing.mark();
  const path = join(folder, 'backup');
  const summary = await cloud.json<{ damagedBlobs: string[] }>('backup', path, '--with-volumes');
  return { before, during: writing.mark(), taggedId: taggedId!, missing: summary.damagedBlobs };
}

/** How far a writer's numbers go, or what is wrong with them. */
async function count(
  cloud: CloudUnderTest,
  what: { s3: S3Client; bucket: string; name: string; taggedId: string; end: number },
): Promise<number | string> {
  const { s3, bucket, name, taggedId, end } = what;
  try {
    if (name.startsWith('objects-')) return await readObjectPrefix(s3, bucket, name, end);
    if (name === 'tags') return await countTags(createEc2(cloud), taggedId);
    // Removed is as good as its newest value.
    return (await readChanging(s3, bucket, name)) ?? end;
  } catch (error) {
    return (error as Error).message;
  }
}

async function countTags(ec2: EC2Client, taggedId: string): Promise<number> {
  const found = await readTagCount(ec2, taggedId);
  ec2.destroy();
  return found;
}

function sum(marks: ReadonlyMap<string, number>): number {
  return [...marks.values()].reduce((total, each) => total + each, 0);
}

export function restoreTo(dataDir: string, backup: string, ...flags: string[]) {
  const args = ['restore', backup, '--data-dir', dataDir, ...flags];
  return systemCommands.run(join(projectDir, 'ironbark'), args, { timeoutMs: 600_000 });
}
