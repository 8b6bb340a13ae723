// A machine is lost and its cloud comes back from a backup, in another folder: with everything that had been
// acknowledged when the backup began, and with the truth about what is gone.

import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  CreateSnapshotCommand,
  CreateVolumeCommand,
  DescribeInstancesCommand,
  DescribeKeyPairsCommand,
  DescribeSnapshotsCommand,
  DescribeVolumesCommand,
  type EC2Client,
  ImportKeyPairCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import {
  CreateBucketCommand,
  GetObjectCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { createEc2, createS3 } from '../support/clients.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { registerTestImage } from '../support/test-image.ts';
import { restoreTo, runBackupRound } from './backup/backup-rounds.ts';

const Bucket = 'kept';

async function createLab() {
  const undo = new AsyncDisposableStack();
  const folder = await mkdtemp('/var/tmp/ironbark-backup-');
  undo.defer(() => rm(folder, { recursive: true, force: true }));
  return {
    backup: join(folder, 'backup'),
    folder,
    start: async () =>
      undo.use(await CloudUnderTest.start({ hypervisor: 'simulated', flags: ['--no-image'] })),
    restore: async (...flags: string[]) => {
      const dataDir = join(folder, 'restored');
      await restoreTo(dataDir, join(folder, 'backup'), ...flags);
      return undo.use(await CloudUnderTest.start({ dataDir, flags: ['--no-image'] }));
    },
    [Symbol.asyncDispose]: () => undo.disposeAsync(),
  };
}

async function untilVolume(ec2: EC2Client, id: string, state: string): Promise<void> {
  await eventually(`${id} to be ${state}`, async () => {
    const { Volumes } = await ec2.send(new DescribeVolumesCommand({ VolumeIds: [id] }));
    return Volumes?.[0]?.State === state;
  });
}

async function readVolume(cloud: CloudUnderTest, id: string, at: number, length: number) {
  await using file = await open(join(cloud.dataDir, `storage/volumes/${id}.raw`), 'r+');
  const { buffer } = await file.read(Buffer.alloc(length), 0, length, at);
  return { file: buffer };
}

async function writeVolume(cloud: CloudUnderTest, id: string, at: number, text: string) {
  await using file = await open(join(cloud.dataDir, `storage/volumes/${id}.raw`), 'r+');
  await file.write(Buffer.from(text), 0, text.length, at);
}

/** One of everything, with an instance that runs on it. */
async function furnish(cloud: CloudUnderTest, { ec2, s3 }: { ec2: EC2Client; s3: S3Client }) {
  const imageId = await registerTestImage(ec2, s3);
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(
    new PutObjectCommand({ Bucket, Key: 'large', Body: Buffer.alloc(3 * MIB, 'large ') }),
  );
  const publicKey = (await systemCommands.run('sh', ['-c', PUBLIC_KEY])).stdout;
  await ec2.send(
    new ImportKeyPairCommand({ KeyName: 'mine', PublicKeyMaterial: Buffer.from(publicKey) }),
  );
  const AvailabilityZone = 'us-east-1a';
  const { VolumeId: loose } = await ec2.send(
    new CreateVolumeCommand({ AvailabilityZone, Size: 1 }),
  );
  await untilVolume(ec2, loose!, 'available');
  await writeVolume(cloud, loose!, 0, 'at the beginning');
  await writeVolume(cloud, loose!, 1024 * MIB - 10, 'at the end');
  const { SnapshotId: snapshot } = await ec2.send(new CreateSnapshotCommand({ VolumeId: loose! }));
  await eventually('the snapshot', async () => {
    const { Snapshots } = await ec2.send(
      new DescribeSnapshotsCommand({ SnapshotIds: [snapshot!] }),
    );
    return Snapshots?.[0]?.State === 'completed';
  });
  const { Instances } = await ec2.send(
    new RunInstancesCommand({
      ...{ ImageId: imageId, MinCount: 1, MaxCount: 1, KeyName: 'mine' },
      BlockDeviceMappings: [
        { DeviceName: '/dev/sdf', Ebs: { VolumeSize: 1, DeleteOnTermination: true } },
      ],
    }),
  );
  const instance = Instances![0]!.InstanceId!;
  const own = await eventually('the instance', async () => {
    const { State, BlockDeviceMappings } = await describe(ec2, instance);
    const volume = BlockDeviceMappings?.find(({ Ebs }) => Ebs?.Status === 'attached');
    return State?.Name === 'running' ? volume?.Ebs?.VolumeId : undefined;
  });
  await writeVolume(cloud, own, 4096, 'of the instance');
  return { imageId, loose: loose!, snapshot: snapshot!, instance, own };
}

const PUBLIC_KEY =
  'd=$(mktemp -d) && ssh-keygen -q -t ed25519 -N "" -f $d/k && cat $d/k.pub && rm -r $d';

async function describe(ec2: EC2Client, id: string) {
  const { Reservations } = await ec2.send(new DescribeInstancesCommand({ InstanceIds: [id] }));
  return Reservations![0]!.Instances![0]!;
}

test('a machine is lost: keys, images, objects, snapshots and volumes come back, and its instances are told as lost', async () => {
  await using lab = await createLab();
  const first = await lab.start();
  const before = first.credentials;
  const made = await furnish(first, { ec2: createEc2(first), s3: createS3(first) });
  const summary = await first.json<{ volumes: number }>('backup', lab.backup, '--with-volumes');
  assert.equal(summary.volumes, 2);
  await first.ironbark('purge', '--yes');

  const second = await lab.restore();
  const { accessKeyId, secretAccessKey, region } = second.credentials;
  assert.deepEqual(
    { accessKeyId, secretAccessKey, region },
    {
      accessKeyId: before.accessKeyId,
      secretAccessKey: before.secretAccessKey,
      region: before.region,
    },
  );
  const ec2 = createEc2(second);
  const s3 = createS3(second);
  const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: 'large' }));
  const bytes = Buffer.from(await Body!.transformToByteArray());
  assert.ok(bytes.equals(Buffer.alloc(3 * MIB, 'large ')));
  const { KeyPairs } = await ec2.send(new DescribeKeyPairsCommand({ KeyNames: ['mine'] }));
  assert.equal(KeyPairs?.length, 1);

  const lost = await eventually('the instance to be told as lost', async () => {
    const instance = await describe(ec2, made.instance);
    return instance.State?.Name === 'terminated' ? instance : undefined;
  });
  assert.equal(lost.StateReason?.Code, 'Server.InternalError');
  assert.match(
    lost.StateReason?.Message ?? '',
    /disk were lost; the cloud came back from a backup/,
  );

  // The instance's own volume was to go with it; its end was none that anybody wished for.
  for (const id of [made.loose, made.own]) await untilVolume(ec2, id, 'available');
  const at = async (id: string, offset: number, length: number) =>
    (await readVolume(second, id, offset, length)).file.toString();
  assert.equal(await at(made.loose, 0, 16), 'at the beginning');
  assert.equal(await at(made.loose, 1024 * MIB - 10, 10), 'at the end');
  assert.equal(await at(made.own, 4096, 15), 'of the instance');

  const again = { AvailabilityZone: 'us-east-1a', SnapshotId: made.snapshot };
  const { VolumeId } = await ec2.send(new CreateVolumeCommand(again));
  await untilVolume(ec2, VolumeId!, 'available');
  assert.equal(await at(VolumeId!, 0, 16), 'at the beginning');
  const { Instances } = await ec2.send(
    new RunInstancesCommand({ ImageId: made.imageId, MinCount: 1, MaxCount: 1, KeyName: 'mine' }),
  );
  await eventually('a new instance', async () => {
    return (await describe(ec2, Instances![0]!.InstanceId!)).State?.Name === 'running';
  });
  const { isWhole } = await second.json<{ isWhole: boolean }>('events', '--verify');
  assert.ok(isWhole, 'the record of calls goes on over the restore');
  const calls = await second.json<{ eventName: string }[]>('events', '--lines', '1000');
  assert.ok(calls.some(({ eventName }) => eventName === 'ImportKeyPair'));
});

test('without volumes’ contents a backup gives volumes back as lost, never as empty', async () => {
  await using lab = await createLab();
  const first = await lab.start();
  const made = await furnish(first, { ec2: createEc2(first), s3: createS3(first) });
  await writeFile(join(lab.folder, 'passphrase'), 'a long passphrase\n');
  const flags = ['--passphrase-file', join(lab.folder, 'passphrase')];
  await first.ironbark('backup', lab.backup, ...flags);
  await first.ironbark('purge', '--yes');
  await assert.rejects(restoreTo(join(lab.folder, 'restored'), lab.backup), /is encrypted/);
  const second = await lab.restore(...flags);
  const ec2 = createEc2(second);
  for (const id of [made.loose, made.own]) await untilVolume(ec2, id, 'error');
  const again = { AvailabilityZone: 'us-east-1a', SnapshotId: made.snapshot };
  const { VolumeId } = await ec2.send(new CreateVolumeCommand(again));
  await untilVolume(ec2, VolumeId!, 'available');
});

test('a backup while everybody writes has all that was acknowledged before it, and of what came then a prefix', async () => {
  await using lab = await createLab();
  const round = await runBackupRound(await lab.start(), lab.folder);
  assert.deepEqual(round.broken, []);
  assert.ok(round.acknowledged > 0 && round.meanwhile > 0, 'they wrote before it and during it');
});

test('half a backup and a changed one are refused before anything is made', async () => {
  await using lab = await createLab();
  const first = await lab.start();
  await first.ironbark('backup', lab.backup);
  const whole = await readFile(lab.backup);
  const dataDir = join(lab.folder, 'restored');
  await truncate(lab.backup, whole.length - 100);
  await assert.rejects(restoreTo(dataDir, lab.backup), /not whole: it ends early/);
  const changed = Buffer.from(whole);
  changed[whole.length >> 1]! ^= 1;
  await writeFile(lab.backup, changed);
  await assert.rejects(restoreTo(dataDir, lab.backup), /is damaged: .* is not what was written/);
  assert.deepEqual(await readdir(lab.folder), ['backup']);
  await writeFile(lab.backup, whole);
  await assert.rejects(restoreTo(first.dataDir, lab.backup), /is not empty/);
  await assert.rejects(first.ironbark('backup', lab.backup), /is there already/);
  assert.ok((await readFile(lab.backup)).equals(whole));
});

test('a backup and a restore that are killed leave no half-made cloud, and the next ones work', async () => {
  await using lab = await createLab();
  const first = await lab.start();
  const s3 = createS3(first);
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (let n = 0; n < 4; n++) {
    await s3.send(
      new PutObjectCommand({ Bucket, Key: `${n}`, Body: Buffer.alloc(16 * MIB, `${n}`) }),
    );
  }
  await killedOnceIn(lab.folder, (name) => name.includes('partial'), [
    'backup',
    lab.backup,
    '--data-dir',
    first.dataDir,
  ]);
  assert.ok(!(await readdir(lab.folder)).includes('backup'));
  await eventually('what the killed one held to be let go', async () => {
    return await first.ironbark('backup', lab.backup).then(
      () => true,
      () => false,
    );
  });
  assert.deepEqual(await readdir(lab.folder), ['backup'], 'what the killed one left is gone');
  const dataDir = join(lab.folder, 'restored');
  await killedOnceIn(lab.folder, (name) => name === 'restored.restoring', [
    'restore',
    lab.backup,
    '--data-dir',
    dataDir,
  ]);
  assert.ok(!(await readdir(lab.folder)).includes('restored'));
  await lab.restore();
  assert.deepEqual((await readdir(lab.folder)).sort(), ['backup', 'restored']);
});

/** Runs a command and kills it as soon as a name of this kind is in the folder. */
async function killedOnceIn(
  folder: string,
  isSeen: (name: string) => boolean,
  args: string[],
): Promise<void> {
  const main = join(import.meta.dirname, '../../packages/cli/main.ts');
  const options = { stdio: ['ignore', 'ignore', 'ignore'] as const };
  const { pid } = await systemCommands.startDetached(process.execPath, [main, ...args], options);
  await eventually('the work to begin', async () => (await readdir(folder)).some(isSeen), {
    intervalMs: 1,
  });
  process.kill(pid, 'SIGKILL');
  await eventually('its end', async () => !(await readdir('/proc')).includes(String(pid)));
}
