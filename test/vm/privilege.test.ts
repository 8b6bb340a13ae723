// Who has which rights in a running cloud with a real guest, and what the controllers' user, which is all that somebody
// gains who breaks into them, can reach from there. Decision 0003 says what is promised.

import assert from 'node:assert/strict';
import { chown, lchown, readdir, readFile, rename, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { type Attacker, askForReport, attempt } from '../support/attempts.ts';
import {
  type CloudProcess,
  daemonProcess,
  listCloudProcesses,
} from '../support/cloud-processes.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { guestPid } from '../support/host-snapshot.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root, which the cloud divides';
const NOBODY = 65_534;

let cloud: CloudUnderTest;
let instanceId = '';
let volumeId = '';
let privileged: CloudProcess;
let controllers: CloudProcess;
let attacker: Attacker;

function inside(...path: string[]): string {
  return join(cloud.dataDir, ...path);
}

function look(): CloudProcess[] {
  const processes = listCloudProcesses(cloud.dataDir);
  privileged = daemonProcess(processes, 'serve');
  controllers = daemonProcess(processes, 'controllers');
  attacker = { uid: controllers.uid, gid: controllers.gid };
  return processes;
}

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start();
  ({ instanceId } = await cloud.json<{ instanceId: string }>('launch', '--name', 'web'));
  const ec2 = cloud.ec2();
  const AvailabilityZone = `${cloud.credentials.region}a`;
  const { VolumeId } = await ec2.call('CreateVolume', { AvailabilityZone, Size: 1 });
  volumeId = VolumeId!;
  await volumeIs('available');
  const attachment = { VolumeId: volumeId, InstanceId: instanceId, Device: '/dev/sdf' };
  await ec2.call('AttachVolume', attachment);
  await eventually('the attachment', async () => {
    const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [volumeId] });
    return Volumes?.[0]?.Attachments?.[0]?.State === 'attached';
  });
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

test('one process is root’s; the one that strangers talk to has a user of its own and no rights', {
  skip,
}, () => {
  const processes = look();
  assert.equal(privileged.uid, 0);
  assert.notEqual(controllers.uid, 0);
  for (const each of processes.filter(({ pid }) => pid !== privileged.pid)) {
    assert.notEqual(each.uid, 0, each.program);
    // dnsmasq drops its rights itself, to its own user and what it needs for DHCP.
    if (each.program === 'dnsmasq') continue;
    assert.deepEqual(each.capabilities, [], each.program);
    assert.ok(each.hasNoNewPrivileges, each.program);
  }
  assert.deepEqual(controllers.groups, []);
  assert.equal(controllers.root, cloud.dataDir);
  const users = processes.filter(({ program }) => program !== 'dnsmasq').map(({ uid }) => uid);
  assert.equal(new Set(users).size, users.length, 'nobody shares a user');
  const programs = new Set(processes.map(({ program }) => program));
  for (const program of ['node', 'qemu-system-x86_64', 'qemu-storage-daemon', 'dnsmasq']) {
    assert.ok(programs.has(program), program);
  }
});

test('A4: each process listens where it is said to and nowhere else', { skip }, () => {
  const processes = look();
  const { port } = new URL(cloud.credentials.endpoint);
  assert.deepEqual(controllers.tcp, [`127.0.0.1:${port}`]);
  // What storage daemons read snapshots from: each knows the name of its own volume's alone.
  const served = ['/run/controllers/controllers.sock', '/storage/volumes/.sources'];
  assert.deepEqual(controllers.unix.toSorted(), served);
  // The guests' metadata; the filters let nobody else through.
  assert.equal(privileged.tcp.length, 1);
  assert.match(privileged.tcp[0]!, /^0\.0\.0\.0:/);
  const names = ['admin.sock', 'privileged/node.sock', 'privileged/targets.sock'];
  assert.deepEqual(
    privileged.unix.toSorted(),
    names.map((name) => inside('run', name)),
  );
  for (const { program, tcp, udp } of processes) {
    if (program === 'node' || program === 'dnsmasq') continue;
    assert.deepEqual([...tcp, ...udp], [], program);
  }
});

test('A4: the controllers’ user opens nothing of the node, of guests, of volumes’ processes or of the host', {
  skip,
}, async () => {
  look();
  const places = await protectedPlaces();
  const asRoot = await attempt({ uid: 0, gid: 0 }, places);
  assert.equal(asRoot.length, places.length, 'root reaches all of them, so they are there');
  assert.deepEqual(await attempt(attacker, places), []);
  assert.deepEqual(await attempt({ uid: NOBODY, gid: NOBODY }, places), []);
});

test('the controllers’ user has its own state and the two sockets, so the attempt can succeed', {
  skip,
}, async () => {
  look();
  const own = [
    inside('cloud/cloud.db'),
    inside('storage/volumes', `${volumeId}.raw`),
    inside('run/privileged/node.sock'),
    inside('run/privileged/targets.sock'),
  ];
  assert.equal((await attempt(attacker, own)).length, own.length);
  assert.deepEqual(await attempt({ uid: NOBODY, gid: NOBODY }, own), []);
});

test('A4: the node’s socket answers the controllers’ user and nobody else of its group', {
  skip,
}, async () => {
  look();
  const socket = inside('run/privileged/node.sock');
  assert.match(await askForReport(attacker, socket), new RegExp(instanceId));
  assert.equal(await askForReport({ uid: NOBODY, gid: attacker.gid }, socket), '');
});

test('A4: hostile messages are refused, and neither the node nor its intent changes', {
  skip,
}, async () => {
  const stateBefore = await nodeState();
  const intent = JSON.parse(await readFile(inside('node/intent.json'), 'utf8'));
  const { nodeId } = (await cloud.status()).node;
  const base = { nodeId, generation: intent.generation + 1, subnets: intent.subnets, vpcs: [] };
  const [own] = intent.instances;
  const put = (changes: object) => ({ ...base, instances: [{ ...own, ...changes }] });
  const messages: [string, unknown][] = [
    ['/putIntent', put({ id: '../../../../tmp/x' })],
    ['/putIntent', put({ id: 'i-0123456789abcdef0', image: { ...own.image, path: '/etc' } })],
    ['/putIntent', put({ memoryMib: '1024' })],
    ['/putIntent', put({ metadata: { ...own.metadata, hostname: 'a\nb,c' } })],
    ['/putIntent', { ...put({}), nodeId: 'node-other' }],
    ['/putIntent', { ...put({}), subnets: [{ ...intent.subnets[0], cidr: '0.0.0.0/0' }] }],
    ['/putIntent', []],
    ['/putIntent/../getReport', {}],
    ['/halt', {}],
    ['/__proto__', {}],
    ['/getConsoleOutput', { id: '../../../etc/shadow' }],
    ['/getReport', { x: 'y'.repeat(1_000_000) }],
  ];
  const node = inside('run/privileged/node.sock');
  for (const [path, message] of messages) {
    assert.ok((await send(node, path, JSON.stringify(message))) >= 400, path);
  }
  for (const text of ['', '{', 'null', '[[[[', '{"nodeId":']) {
    assert.ok((await send(node, '/putIntent', text)) >= 400, text);
  }
  const targets = inside('run/privileged/targets.sock');
  for (const id of ['../x', '/etc/shadow', 'vol-x', 7, null]) {
    for (const verb of ['export', 'stop', 'unexport', 'grow', 'freeze', 'readFrozen']) {
      const status = await send(targets, `/${verb}`, JSON.stringify({ id, snapshotId: id }));
      assert.ok(status >= 400, `${verb} ${id}`);
    }
  }
  assert.deepEqual(await nodeState(), stateBefore);
});

test('A2, A3: the public listener knows no internal verb and no internal header', {
  skip,
}, async () => {
  const stateBefore = await nodeState();
  const { endpoint } = cloud.credentials;
  const headers = { 'x-ironbark-answer': 'e30=', 'x-ironbark-user': 'root' };
  for (const verb of ['putIntent', 'getReport', 'credentials', 'describe', 'export', 'halt']) {
    const response = await fetch(`${endpoint}/${verb}`, { method: 'POST', body: '{}', headers });
    assert.ok(response.status >= 400, verb);
    assert.doesNotMatch(await response.text(), /AKIA|instances/, verb);
  }
  assert.deepEqual(await nodeState(), stateBefore);
});

test('kill -9 of the controllers: the guest notices nothing, and the API is back by itself', {
  skip,
}, async () => {
  look();
  const guest = guestPid(instanceId);
  process.kill(controllers.pid, 'SIGKILL');
  const { node } = await cloud.status();
  assert.deepEqual(
    node.instances.map(({ id, power }) => [id, power]),
    [[instanceId, 'running']],
  );
  const { Reservations } = await cloud.ec2().call('DescribeInstances', {});
  assert.equal(Reservations?.[0]?.Instances?.[0]?.State?.Name, 'running');
  assert.equal(guestPid(instanceId), guest);
  const killed = controllers.pid;
  look();
  assert.notEqual(controllers.pid, killed);
  const { stdout } = await cloud.ironbark('logs', '-n', '200');
  assert.match(stdout, /the controllers ended by themselves/);
  const times = stdout
    .matchAll(/"time":"([^"]+)"/g)
    .toArray()
    .map(([, time]) => time!);
  const isInOrder = times.every((time, at) => at === 0 || times[at - 1]!.slice(0, 22) <= time);
  assert.ok(isInOrder, 'one log, in the order of time');
});

test('A35: what the controllers put in place of their socket is not spoken to by root', {
  skip,
}, async () => {
  look();
  const socket = inside('run/controllers/controllers.sock');
  await rename(socket, `${socket}.away`);
  const user = ['--reuid', String(attacker.uid), '--regid', String(attacker.gid)];
  const plant = ['ln', '-s', inside('run/admin.sock'), socket];
  await systemCommands.run('setpriv', [...user, '--clear-groups', ...plant]);
  await assert.rejects(cloud.ironbark('env'), /not a socket of user/);
  await rm(socket);
  await rename(`${socket}.away`, socket);
  await cloud.ironbark('env');
});

test('a folder that one process had, root’s throughout, is taken over with a guest that runs', {
  skip,
}, async () => {
  const guest = guestPid(instanceId);
  await cloud.ironbark('down', '--keep-guests');
  await makeEarlierLayout();
  await cloud.up();
  assert.equal(guestPid(instanceId), guest);
  await eventually('the guest’s report', async () => {
    const { node } = await cloud.status();
    return node.instances.some(({ id, power }) => id === instanceId && power === 'running');
  });
  await cloud.ec2().call('DetachVolume', { VolumeId: volumeId });
  await volumeIs('available');
  look();
  assert.deepEqual(await attempt(attacker, await protectedPlaces()), []);
  await cloud.ec2().call('DeleteVolume', { VolumeId: volumeId });
});

/** As version 0.1 had it: all of it root's but what storage daemons open, and the state beside the volumes. */
async function makeEarlierLayout(): Promise<void> {
  for (const name of await readdir(inside('storage/state'))) {
    await rename(inside('storage/state', name), inside('storage', name));
  }
  await rm(inside('storage/state'), { recursive: true });
  const daemons = (await readdir(inside('storage/run'), { withFileTypes: true })).length;
  assert.ok(daemons > 0);
  const own = ['cloud', 'cluster', 'objects', 'run/controllers'].map((name) => inside(name));
  await systemCommands.run('chown', ['-Rh', '0:0', ...own]);
  for (const name of await readdir(inside('storage'))) {
    if (name.startsWith('storage.db')) await lchown(inside('storage', name), 0, 0);
  }
  const { targets } = await storageUser();
  for (const name of await readdir(inside('storage/volumes'))) {
    await chown(inside('storage/volumes', name), targets, targets);
    await systemCommands.run('chmod', ['0600', inside('storage/volumes', name)]);
  }
  await chown(inside('storage/volumes'), 0, targets);
  await systemCommands.run('chmod', ['0710', inside('storage/volumes')]);
  await chown(cloud.dataDir, 0, 0);
}

async function storageUser(): Promise<{ targets: number }> {
  const { stdout } = await systemCommands.run('stat', ['-c', '%g', inside('storage/volumes')]);
  return { targets: Number(stdout.trim()) };
}

/** Each exists in a cloud with a guest that has a volume. */
async function protectedPlaces(): Promise<string[]> {
  const guest = ['', 'root.raw', 'run', 'run/qmp.sock'].map((name) =>
    inside('node/instances', instanceId, name),
  );
  const storage = ['run/control', 'run/processes', 'overwritten'].map((name) =>
    inside('storage', name),
  );
  const targets = [`run/exports/${volumeId}.1.nbd`, `run/control/${volumeId}/qmp`];
  const isAttached = look().some(({ program }) => program === 'qemu-storage-daemon');
  return [
    ...guest,
    ...storage,
    ...(isAttached ? targets.map((name) => inside('storage', name)) : []),
    inside('node'),
    inside('node/intent.json'),
    inside('node/images'),
    inside('config.json'),
    inside('ironbark.log'),
    inside('keys'),
    inside('run/admin.sock'),
    '/etc/shadow',
    '/root',
    `/proc/${look().find(({ uid }) => uid === 0)!.pid}/environ`,
  ];
}

async function nodeState(): Promise<unknown> {
  const { node } = await cloud.status();
  const folders = await readdir(inside('node/instances'));
  const files = ['intent.json', 'intent-changes.jsonl'].map((name) => inside('node', name));
  const intent = await Promise.all(files.map((path) => readFile(path, 'utf8').catch(() => '')));
  return { generation: node.intentGeneration, folders, intent, pid: guestPid(instanceId) };
}

async function volumeIs(state: string): Promise<void> {
  await eventually(`${volumeId} ${state}`, async () => {
    const { Volumes } = await cloud.ec2().call('DescribeVolumes', { VolumeIds: [volumeId] });
    return Volumes?.[0]?.State === state;
  });
}

function send(socketPath: string, path: string, body: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const made = request({ socketPath, path, method: 'POST' });
    made.once('response', (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    made.once('error', reject);
    made.end(body);
  });
}
