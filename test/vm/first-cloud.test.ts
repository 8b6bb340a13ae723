// The whole cloud with a real guest, through the AWS CLI: what issue after issue must not break.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProcesses, signalProcess } from '@ironbark/platform/processes.ts';
import { getDaemon } from '../../packages/cli/daemon/admin-client.ts';
import type { Measured } from '../../packages/cli/measure-report.ts';
import { CloudUnderTest, eventually, projectDir } from '../support/cloud-under-test.ts';
import { shellOf } from '../support/direct-guest.ts';
import { answersSsh, findDevice, readUptime, saveKey } from '../support/guests.ts';
import {
  assertSameHost,
  guestPid,
  type HostSnapshot,
  processesNaming,
  snapshotHost,
} from '../support/host-snapshot.ts';
import { throttleProcess, whyNoThrottle } from '../support/slow-disk.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root for bridges and taps';
const slowSkip = skip === false ? ((await whyNoThrottle()) ?? false) : skip;
/** What `dd` writes: long enough that starting up does not count. */
const STREAM_BYTES = 2048 * 64 * 1024;
/** Emulated, on a host that may be busy; how fast it is, is for `npm run bench -- launch`. */
const LAUNCH_LIMIT_MS = 120_000;

let cloud: CloudUnderTest;
let hostBefore: HostSnapshot;
let instanceId = '';

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start();
  // A snapshot of the host without the cloud; its image is built by then, which installs packages.
  await cloud.ironbark('down');
  hostBefore = await snapshotHost(cloud.dataDir);
  await cloud.up();
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

const inGuest = shellOf(() => cloud, { id: () => instanceId, keyName: 'me' });

test('64 MiB travel to a bucket and back unchanged', { skip }, async () => {
  const file = join(cloud.dataDir, 'up.bin');
  const bytes = randomBytes(64 * 1024 * 1024);
  await writeFile(file, bytes);
  await cloud.aws('s3api', 'create-bucket', '--bucket', 'first');
  await cloud.awsText('s3', 'cp', '--no-progress', file, 's3://first/some/key');
  await cloud.awsText('s3', 'cp', '--no-progress', 's3://first/some/key', `${file}.back`);
  assert.equal(sha256(await readFile(`${file}.back`)), sha256(bytes));
});

test('an instance runs and answers ssh', { skip }, async () => {
  const script = join(cloud.dataDir, 'user-data.sh');
  await writeFile(script, '#!/bin/sh\necho "made by user data" > /root/made\n');
  const key = await cloud.aws(
    'ec2',
    'create-key-pair',
    '--key-name',
    'me',
    '--key-type',
    'ed25519',
  );
  await saveKey(cloud, 'me', key.KeyMaterial);
  const run = await cloud.aws(
    'ec2',
    'run-instances',
    '--image-id',
    await microImage(),
    '--instance-type',
    't3.micro',
    '--key-name',
    'me',
    '--user-data',
    `file://${script}`,
    '--tag-specifications',
    'ResourceType=instance,Tags=[{Key=Name,Value=first}]',
  );
  instanceId = run.Instances[0].InstanceId;
  assert.equal(run.Instances[0].State.Name, 'pending');
  await eventually('ssh', async () => await answersSsh(inGuest), {
    timeoutMs: LAUNCH_LIMIT_MS,
  });
  assert.equal(await stateOf(instanceId), 'running');
});

test('user data was run, metadata version 2 answers, and the host name is set', {
  skip,
}, async () => {
  await eventually(
    'user data',
    async () => (await inGuest('cat /root/made 2>/dev/null || true')) === 'made by user data',
  );
  const put =
    'PUT /latest/api/token HTTP/1.0\\r\\nX-aws-ec2-metadata-token-ttl-seconds: 60\\r\\n\\r\\n';
  const token = `TOKEN=$(printf '${put}' | nc 169.254.169.254 80 | tail -n 1)`;
  const read =
    'wget -q -O - --header "X-aws-ec2-metadata-token: $TOKEN" http://169.254.169.254/latest/meta-data/instance-id';
  assert.equal(await inGuest(`${token}; ${read}`), instanceId);
  const { Reservations } = await cloud.aws(
    'ec2',
    'describe-instances',
    '--instance-ids',
    instanceId,
  );
  const name = Reservations[0].Instances[0].PrivateDnsName.split('.')[0];
  assert.equal((await inGuest('hostname')).split('.')[0], name);
});

test('the guest’s disk has the default profile, and its requests are large and deep', {
  skip,
}, async () => {
  const { node } = await cloud.status();
  const instance = node.instances.find((observed) => observed.id === instanceId);
  assert.equal(instance?.rootDiskProfile?.name, 'direct');
  assert.equal(await inGuest('cat /sys/block/vda/queue/optimal_io_size'), String(2 * 1024 * 1024));
  assert.equal(await inGuest('cat /sys/block/vda/queue/read_ahead_kb'), '4096');
});

test('QEMU counts large and deep requests for plain writes and reads', {
  skip: slowSkip,
}, async (t) => {
  // On a disk of 25 MB/s, where the guest is the faster one and a queue can form.
  await using _slow = await throttleProcess(guestPid(instanceId), cloud.dataDir, 25_000_000);
  const write = await measureRoot('dd if=/dev/zero of=/root/stream bs=64k count=2048 conv=fsync');
  await inGuest('sync; echo 3 > /proc/sys/vm/drop_caches');
  const read = await measureRoot('dd if=/root/stream of=/dev/null bs=64k');
  await inGuest('rm /root/stream');
  t.diagnostic(`write ${JSON.stringify(write)}`);
  t.diagnostic(`read ${JSON.stringify(read)}`);
  assert.ok(write.writeSectors >= 1000, `write requests have ${write.writeSectors} sectors`);
  assert.ok(write.writeDepth >= 4, `${write.writeDepth} writes are under way`);
  assert.ok(write.writtenBytes <= 1.05 * STREAM_BYTES, `${write.writtenBytes} bytes were written`);
  assert.ok(read.readSectors >= 1000, `read requests have ${read.readSectors} sectors`);
});

test('lab measure says what the guest got and the host saw, also when its connection is killed', {
  skip,
}, async () => {
  const measured = await cloud.json<Measured>('lab', 'measure', instanceId, '--size', '16M');
  assert.deepEqual(
    measured.rows.map(({ name, direction, reason }) => [name, direction, reason]),
    [
      ['dd', 'write', undefined],
      ['dd', 'read', undefined],
    ],
  );
  for (const { mbps, seen } of measured.rows) {
    assert.ok(mbps! > 0 && seen?.guest !== undefined);
    assert.equal(seen.disk?.disk, 'root');
    assert.ok(seen.disk.requestSectors > 0 && seen.explanation !== undefined);
  }
  await losesItsConnection();
  await eventually(
    'the guest is as it was',
    async () => (await inGuest('ls -d /root/ironbark-lab-* 2>/dev/null || echo none')) === 'none',
  );
});

/** Longer than any host takes to look. */
const LONG = ['--workload', 'fio', '--seconds', '60', '--size', '16M'];

/** It is ended from outside while the guest writes: what the command line has then is a failure with its rows. */
async function losesItsConnection(): Promise<void> {
  const run = await systemCommands.startAttached(
    join(projectDir, 'ironbark'),
    ['--data-dir', cloud.dataDir, '--json', 'lab', 'measure', instanceId, ...LONG],
    { cwd: '/', env: { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/' } },
  );
  run.stderr.resume();
  const printed = run.stdout.setEncoding('utf8').toArray();
  await eventually('the guest writes', async () =>
    (await inGuest('ls /root/ironbark-lab-*/stream 2>/dev/null || true')).endsWith('stream'),
  );
  const [ssh] = await findProcesses(
    (argument) => argument.includes('ironbark-lab-') && argument.startsWith('exec sh'),
  );
  assert.ok(await signalProcess(ssh!, 'SIGKILL'));
  assert.equal(await run.ended, 1);
  const { rows, failure } = JSON.parse((await printed).join('')) as Measured;
  assert.equal(failure, 'The connection was lost.');
  assert.equal(rows[0]?.reason, 'It was ended before this.');
}

let volumeId = '';
let device = '';

test('a volume is made, attached, written, and detached', { skip }, async () => {
  const volume = await cloud.aws(
    'ec2',
    'create-volume',
    '--size',
    '1',
    '--availability-zone',
    `${cloud.credentials.region}a`,
  );
  volumeId = volume.VolumeId;
  await volumeState(volumeId, 'available');
  await cloud.aws(
    'ec2',
    'attach-volume',
    '--volume-id',
    volumeId,
    '--instance-id',
    instanceId,
    '--device',
    '/dev/sdf',
  );
  device = await attachedDevice(volumeId);
  await inGuest(
    `mke2fs -q -t ext4 ${device} && mkdir -p /mnt/v && mount ${device} /mnt/v && echo kept > /mnt/v/file && sync && umount /mnt/v`,
  );
  await cloud.aws('ec2', 'detach-volume', '--volume-id', volumeId);
  await volumeState(volumeId, 'available');
  assert.equal(await inGuest(`ls ${device} 2>/dev/null || echo gone`), 'gone');
});

test('a volume made from its snapshot has the same data', { skip }, async () => {
  const { SnapshotId } = await cloud.aws('ec2', 'create-snapshot', '--volume-id', volumeId);
  await snapshotState(SnapshotId, 'completed');
  const copy = await cloud.aws(
    'ec2',
    'create-volume',
    '--snapshot-id',
    SnapshotId,
    '--availability-zone',
    `${cloud.credentials.region}a`,
  );
  await volumeState(copy.VolumeId, 'available');
  await cloud.aws(
    'ec2',
    'attach-volume',
    '--volume-id',
    copy.VolumeId,
    '--instance-id',
    instanceId,
    '--device',
    '/dev/sdg',
  );
  const copyDevice = await attachedDevice(copy.VolumeId);
  const read = `mkdir -p /mnt/c && mount ${copyDevice} /mnt/c && cat /mnt/c/file && umount /mnt/c`;
  assert.equal(await inGuest(read), 'kept');
  await cloud.aws('ec2', 'detach-volume', '--volume-id', copy.VolumeId);
  await volumeState(copy.VolumeId, 'available');
  await cloud.aws('ec2', 'delete-volume', '--volume-id', copy.VolumeId);
  await cloud.aws('ec2', 'delete-snapshot', '--snapshot-id', SnapshotId);
});

test('stop and start keep the disk', { skip }, async () => {
  await cloud.ssh(instanceId, 'echo survives > /root/kept && sync');
  await cloud.aws('ec2', 'stop-instances', '--instance-ids', instanceId);
  await instanceState(instanceId, 'stopped');
  await cloud.aws('ec2', 'start-instances', '--instance-ids', instanceId);
  await eventually('ssh again', async () => await answersSsh(inGuest));
  assert.equal(await inGuest('cat /root/kept'), 'survives');
});

test('kill -9 of the daemon leaves the guest running, and up takes it over', { skip }, async () => {
  const uptimeBefore = await readUptime(inGuest);
  process.kill(await cloud.daemonPid(), 'SIGKILL');
  await eventually('the end of the daemon', async () => !(await isUp()));
  await cloud.up();
  await eventually('the guest’s report', async () => (await stateOf(instanceId)) === 'running');
  const uptimeAfter = await readUptime(inGuest);
  assert.ok(uptimeAfter > uptimeBefore, `uptime went from ${uptimeBefore} to ${uptimeAfter}`);
});

test('the console shows what the guest wrote', { skip }, async () => {
  const { Output } = await cloud.aws(
    'ec2',
    'get-console-output',
    '--instance-id',
    instanceId,
    '--latest',
  );
  assert.match(Output, /ironbark: ready/);
});

test('terminate and down leave nothing on the host', { skip }, async () => {
  await cloud.aws('ec2', 'terminate-instances', '--instance-ids', instanceId);
  await instanceState(instanceId, 'terminated');
  await cloud.aws('ec2', 'delete-volume', '--volume-id', volumeId);
  await cloud.ironbark('down');
  assert.deepEqual(processesNaming(cloud.dataDir), []);
  assertSameHost(hostBefore, await snapshotHost(cloud.dataDir));
});

async function microImage(): Promise<string> {
  const { Images } = await cloud.aws(
    'ec2',
    'describe-images',
    '--owners',
    'self',
    '--filters',
    'Name=name,Values=micro*',
  );
  return Images[0].ImageId;
}

async function stateOf(id: string): Promise<string> {
  const { Reservations } = await cloud.aws('ec2', 'describe-instances', '--instance-ids', id);
  return Reservations[0].Instances[0].State.Name;
}

/** The CLI's own waiters look every 15 s, which would be most of this test's time. */
async function instanceState(id: string, state: string): Promise<void> {
  await eventually(`${id} ${state}`, async () => (await stateOf(id)) === state, {
    intervalMs: 500,
  });
}

async function volumeState(id: string, state: string): Promise<void> {
  const look = async () =>
    (await cloud.aws('ec2', 'describe-volumes', '--volume-ids', id)).Volumes[0].State;
  await eventually(`${id} ${state}`, async () => (await look()) === state, { intervalMs: 500 });
}

async function snapshotState(id: string, state: string): Promise<void> {
  const look = async () =>
    (await cloud.aws('ec2', 'describe-snapshots', '--snapshot-ids', id)).Snapshots[0].State;
  await eventually(`${id} ${state}`, async () => (await look()) === state, { intervalMs: 500 });
}

async function attachedDevice(id: string): Promise<string> {
  await eventually('attached', async () => {
    const { Volumes } = await cloud.aws('ec2', 'describe-volumes', '--volume-ids', id);
    return Volumes[0].Attachments[0]?.State === 'attached';
  });
  return await findDevice(inGuest, id);
}

interface RequestShape {
  /** Average sizes in sectors of 512 bytes, and how many writes were under way on average over the command. */
  writeSectors: number;
  writeDepth: number;
  writtenBytes: number;
  readSectors: number;
}

/** What the guest's root disk was asked for while a command ran, by QEMU's own block statistics. */
async function measureRoot(command: string): Promise<RequestShape> {
  const before = await rootCounters();
  const startedMs = performance.now();
  await inGuest(command);
  const wallNs = (performance.now() - startedMs) * 1e6;
  const after = await rootCounters();
  const writtenBytes = after.writeBytes - before.writeBytes;
  return {
    writeSectors: Math.round(writtenBytes / 512 / Math.max(1, after.writeOps - before.writeOps)),
    writeDepth: Number(((after.writeNs - before.writeNs) / wallNs).toFixed(1)),
    writtenBytes,
    readSectors: Math.round(
      (after.readBytes - before.readBytes) / 512 / Math.max(1, after.readOps - before.readOps),
    ),
  };
}

async function rootCounters() {
  const daemon = await getDaemon(cloud.dataDir);
  const disks = await daemon.diskStats({ instanceId: instanceId as `i-${string}` });
  return disks.find((disk) => disk.serial === 'root')!;
}

async function isUp(): Promise<boolean> {
  return await cloud.status().then(
    () => true,
    () => false,
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
