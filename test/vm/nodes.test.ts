// A real guest on a host that has joined: here a network name space with a daemon and a folder of its own, which reaches
// the front end over a wire and has nothing else of it.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { JoinInvitation } from '@ironbark/cluster/joining.ts';
import { GIB } from '@ironbark/core/units.ts';
import { Namespace, whyNoNamespaces } from '@ironbark/node/testing/guest-namespace.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { getDaemon } from '../../packages/cli/daemon/admin-client.ts';
import { CloudUnderTest, eventually, projectDir } from '../support/cloud-under-test.ts';
import { type DirectGuest, logInTo } from '../support/direct-guest.ts';
import { startFio } from '../support/guest-fio.ts';
import { startWriter } from '../support/guest-writer.ts';
import { answersSsh, findDevice } from '../support/guests.ts';
import { attachVolume, createVolume, deleteVolume, detachVolume } from '../support/volumes.ts';

const skip = whyNoNamespaces();
const WIRE = `ibn${process.pid}`;
const SECTOR_BYTES = 512;
/** An emulated guest beside other work. */
const BOOT_LIMIT_MS = 120_000;
const [FRONT, OTHER] = ['198.51.100.1', '198.51.100.2'];

let parts: AsyncDisposableStack;
let cloud: CloudUnderTest;
let host: Namespace;
let dataDir = '';
let guestId: `i-${string}`;
let rootedId: `i-${string}`;

before(async () => {
  if (skip !== false) return;
  parts = new AsyncDisposableStack();
  cloud = parts.use(await CloudUnderTest.start());
  const folder = await mkdtemp('/var/tmp/ironbark-test-');
  parts.defer(() => rm(folder, { recursive: true, force: true }));
  await systemCommands.run('chmod', ['711', folder]);
  dataDir = join(folder, 'node');
  host = parts.use(await Namespace.create('node'));
  await host.connect(WIRE);
  await systemCommands.run('ip', ['address', 'add', `${FRONT}/30`, 'dev', WIRE]);
  await host.configure(`${OTHER}/30`, FRONT);
  parts.defer(async () => {
    await there('purge', '--yes').catch(() => '');
  });
});
after(async () => await parts?.disposeAsync());

test('a guest runs on the host that joined, and its console is read at the front end', {
  skip,
}, async () => {
  const invitation: JoinInvitation = await cloud.json('nodes', 'token', '--address', FRONT);
  await there('join', invitation.endpoint, '--token', invitation.token, '--node-name', 'n1', '-y');
  const admin = await getDaemon(cloud.dataDir);
  const nodes = () => admin.listNodes();
  await eventually('the node', async () => (await nodes()).every(({ state }) => state === 'ready'));
  // The front end's own node is told of the door's address with its next report.
  await eventually('their addresses', async () => {
    const known = (await nodes()).map(({ underlayAddress }) => underlayAddress);
    return known.sort().join() === `${FRONT},${OTHER}`;
  });
  await admin.drainNode({ name: (await nodes()).find(({ isFront }) => isFront)!.nodeId });
  const { instanceId } = await cloud.json<{ instanceId: `i-${string}` }>('launch', '--no-wait');
  guestId = instanceId;
  await eventually('the console', async () =>
    (await cloud.ironbark('logs', instanceId)).stdout.includes('ironbark: ready in'),
  );
  const { elsewhere } = await cloud.status();
  assert.deepEqual(
    elsewhere?.map(({ node, instances }) => [node, instances.map(({ id }) => id)]),
    [['n1', [instanceId]]],
  );
});

test('a volume of the front end is a disk of that guest, whatever dies in between', {
  skip,
}, async () => {
  const guest = await logInThere(guestId);
  const volume = await createVolume(cloud);
  await attachVolume(cloud, volume, { instanceId: guestId, device: '/dev/sdf' });
  const device = await findDevice(guest.run, volume);
  const fio = await startFio(guest, { path: device, size: '16m', rate: '8m' });
  const gate = join(cloud.dataDir, `storage/run/processes/${volume}.gate.pid`);
  const client = join(dataDir, `node/gates/processes/${volume}.1.pid`);
  for (const path of [gate, client]) process.kill(Number(await readFile(path, 'utf8')), 'SIGKILL');
  await fio.untilVerified();
  await detachVolume(cloud, volume);
  await deleteVolume(cloud, volume);
  const left = async () => await readdir(join(dataDir, 'node/gates/clients'));
  await eventually('no client', async () => (await left()).length === 0);
});

test('a volume grows under that guest', { skip }, async () => {
  const guest = await logInThere(guestId);
  const volume = await createVolume(cloud);
  await attachVolume(cloud, volume, { instanceId: guestId, device: '/dev/sdf' });
  const device = await findDevice(guest.run, volume);
  await cloud.ec2().call('ModifyVolume', { VolumeId: volume, Size: 2 });
  const sectors = `cat /sys/block/${device.replace('/dev/', '')}/size`;
  await eventually('a longer disk', async () => {
    return Number(await guest.run(sectors)) === (2 * GIB) / SECTOR_BYTES;
  });
  await guest.run(`echo kept | dd of=${device} bs=512 seek=4000000 conv=fsync`);
  await detachVolume(cloud, volume);
  await attachVolume(cloud, volume, { instanceId: guestId, device: '/dev/sdf' });
  const again = await findDevice(guest.run, volume);
  const read = `dd if=${again} bs=512 skip=4000000 count=1 2>/dev/null | head -c 4`;
  assert.equal(await guest.run(read), 'kept');
  await detachVolume(cloud, volume);
  await deleteVolume(cloud, volume);
});

test('a guest whose root disk is a volume of the front end runs there, and starts there again', {
  skip,
}, async () => {
  await cloud.ec2().call('TerminateInstances', { InstanceIds: [guestId] });
  const build = ['image', 'build', 'micro', '--root-device', 'ebs'] as const;
  const { imageId } = await cloud.json<{ imageId: string }>(...build);
  const launch = ['launch', '--no-wait', '--image', imageId] as const;
  const { instanceId } = await cloud.json<{ instanceId: `i-${string}` }>(...launch);
  const isUp = async () =>
    (await cloud.ironbark('logs', instanceId)).stdout.includes('ironbark: ready in');
  await eventually('the console', isUp, { timeoutMs: BOOT_LIMIT_MS });
  const guest = await logInThere(instanceId);
  await eventually('its ssh server', () => answersSsh(guest.run));
  const writer = await startWriter(guest, '/root/data');
  await writer.untilMore(2);
  const [volume] = await readdir(join(cloud.dataDir, 'storage/run/gates'));
  const ends = [
    join(cloud.dataDir, `storage/run/processes/${volume}.gate.pid`),
    join(cloud.dataDir, `storage/run/processes/${volume}.pid`),
    join(dataDir, `node/gates/processes/${volume}.1.pid`),
  ];
  for (const path of ends) process.kill(Number(await readFile(path, 'utf8')), 'SIGKILL');
  await writer.untilMore(2);
  await writer.stop();
  await guest.run('echo kept > /root/kept; sync');
  const ec2 = cloud.ec2();
  const isIn = (state: string) => async () => {
    const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds: [instanceId] });
    return Reservations![0]!.Instances![0]!.State!.Name === state;
  };
  await ec2.call('StopInstances', { InstanceIds: [instanceId] });
  await eventually('its end', isIn('stopped'), { timeoutMs: BOOT_LIMIT_MS });
  await ec2.call('StartInstances', { InstanceIds: [instanceId] });
  await eventually('its start', isIn('running'), { timeoutMs: BOOT_LIMIT_MS });
  await eventually('its ssh server', () => answersSsh(guest.run), { timeoutMs: BOOT_LIMIT_MS });
  assert.equal(await guest.run('cat /root/kept'), 'kept');
  rootedId = instanceId;
});

test('drained, its host has it no more: it starts at the front end, with its disk and its address', {
  skip,
}, async () => {
  const ec2 = cloud.ec2();
  const describe = async () => {
    const { Reservations } = await ec2.call('DescribeInstances', { InstanceIds: [rootedId] });
    return Reservations![0]!.Instances![0]!;
  };
  const untilState = (state: string) =>
    eventually(`it is ${state}`, async () => (await describe()).State!.Name === state, {
      timeoutMs: BOOT_LIMIT_MS,
    });
  const { PrivateIpAddress } = await describe();
  await ec2.call('StopInstances', { InstanceIds: [rootedId] });
  await untilState('stopped');
  const admin = await getDaemon(cloud.dataDir);
  const front = (await admin.listNodes()).find(({ isFront }) => isFront)!;
  await admin.drainNode({ name: 'n1' });
  await admin.resumeNode({ name: front.nodeId });
  await eventually('a start', () =>
    ec2.call('StartInstances', { InstanceIds: [rootedId] }).then(
      () => true,
      () => false,
    ),
  );
  await untilState('running');
  assert.equal((await describe()).PrivateIpAddress, PrivateIpAddress);
  const guest = await logInTo(cloud, { id: rootedId, host: PrivateIpAddress! });
  await eventually('its ssh server', () => answersSsh(guest.run), { timeoutMs: BOOT_LIMIT_MS });
  assert.equal(await guest.run('cat /root/kept'), 'kept');
  const left = async () => [
    ...(await readdir(join(dataDir, 'node/instances'))),
    ...(await readdir(join(dataDir, 'node/gates/clients'))),
  ];
  await eventually('nothing of it is left there', async () => (await left()).length === 0);
  assert.equal((await admin.listNodes()).find(({ isFront }) => isFront)!.instances, 1);
});

test('nothing of the node listens to the front end’s side', { skip }, async () => {
  const { stdout } = await systemCommands.run('ip', [
    ...['netns', 'exec', host.name, 'ss', '-Hltn', 'src', OTHER],
  ]);
  assert.equal(stdout.trim(), '');
});

test('the host leaves once its instance is gone, and nothing of it is left', { skip }, async () => {
  const ec2 = cloud.ec2();
  const admin = await getDaemon(cloud.dataDir);
  await ec2.call('TerminateInstances', { InstanceIds: [rootedId] });
  const isEmpty = async () => (await admin.listNodes()).every(({ instances }) => instances === 0);
  await eventually('no instances', isEmpty);
  await there('leave');
  assert.deepEqual((await admin.listNodes()).length, 1);
  const links = await host.ip('-o', 'link');
  assert.doesNotMatch(links, /ib[0-9a-f]/);
});

async function logInThere(id: `i-${string}`): Promise<DirectGuest> {
  const { Reservations } = await cloud.ec2().call('DescribeInstances', { InstanceIds: [id] });
  const address = Reservations![0]!.Instances![0]!.PrivateIpAddress!;
  return logInTo(cloud, { id, host: address, space: host.name });
}

async function there(command: string, ...args: string[]): Promise<string> {
  const program = [join(projectDir, 'ironbark'), command, '--data-dir', dataDir, ...args];
  const all = ['netns', 'exec', host.name, ...program];
  return (await systemCommands.run('ip', all, { timeoutMs: 120_000 })).stdout;
}
