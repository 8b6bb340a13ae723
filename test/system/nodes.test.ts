// A cloud of three hosts: a front end, and two that join it over TLS, each with a daemon and a folder of its own. The
// guests are simulated; whether a host is near or far makes no difference to what is looked at here.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { ZoneNode } from '@ironbark/cluster/app/membership.ts';
import type { JoinInvitation } from '@ironbark/cluster/joining.ts';
import { CommandError, systemCommands } from '@ironbark/platform/commands.ts';
import type { Ec2Client } from '@ironbark/protocol/ec2/client.ts';
import { getDaemon } from '../../packages/cli/daemon/admin-client.ts';
import { createEc2, createS3 } from '../support/clients.ts';
import { CloudUnderTest, eventually, projectDir } from '../support/cloud-under-test.ts';
import { registerTestImage } from '../support/test-image.ts';

/** Of 32 GiB: each node takes two. */
const HALF_A_NODE = 'r5.xlarge';

let cloud: CloudUnderTest;
let ec2: Ec2Client;
let imageId = '';
let folder = '';

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  ec2 = cloud.ec2();
  const [clients, s3] = [createEc2(cloud), createS3(cloud)];
  imageId = await registerTestImage(clients, s3);
  clients.destroy();
  s3.destroy();
  folder = await mkdtemp('/var/tmp/ironbark-test-');
});
after(async () => {
  for (const name of ['n1', 'n2']) await at(name, 'purge', '--yes').catch(() => {});
  await cloud?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

test('two hosts join, and instances go to all three', async () => {
  const [one, two] = [await invite(), await invite()];
  await Promise.all([joinAs('n1', one), joinAs('n2', two)]);
  await untilState('n1', 'ready');
  await untilState('n2', 'ready');
  assert.match(await problemOf(joinAs('n3', one)), /was used already[\s\S]*nodes token/);
  await launch(6);
  const counts = (await nodes()).map(({ instances }) => instances);
  assert.deepEqual(counts, [2, 2, 2]);
  assert.equal((await running()).length, 6);
  const { stdout } = await cloud.ironbark('status');
  for (const name of ['n1', 'n2']) {
    assert.equal(stdout.match(new RegExp(`^i-\\w+ +running +${name} `, 'gm'))?.length, 2, stdout);
  }
});

test('a volume goes only where volumes are served, and says so elsewhere', async () => {
  const { VolumeId } = await ec2.call('CreateVolume', { Size: 1, AvailabilityZone: zone() });
  const is = async (state: string) => {
    const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [VolumeId!] });
    return Volumes?.[0]?.State === state;
  };
  await eventually('the volume', () => is('available'));
  const outcomes: string[] = [];
  for (const InstanceId of await running()) {
    const asked = { InstanceId, VolumeId: VolumeId!, Device: '/dev/sdf' };
    outcomes.push(await ec2.call('AttachVolume', asked).then(() => 'taken', String));
    if (outcomes.at(-1) === 'taken') await ec2.call('DetachVolume', { VolumeId: VolumeId! });
    await eventually('the volume is free', () => is('available'));
  }
  const refused = outcomes.filter((each) => /the node n[12]; volumes can be attached/.test(each));
  assert.equal(refused.length, 4, outcomes.join('\n'));
  assert.equal(outcomes.filter((each) => each === 'taken').length, 2);
});

test('a node that is killed comes back with its instances, and none is doubled', async () => {
  const before = await running();
  process.kill(Number(await readFile(join(folder, 'n1/run/daemon.pid'), 'utf8')), 'SIGKILL');
  await at('n1', 'up');
  await untilState('n1', 'ready');
  assert.deepEqual(await running(), before);
  assert.deepEqual(
    (await nodes()).map(({ instances }) => instances),
    [2, 2, 2],
  );
});

test('nodes come back to a front end that was away', async () => {
  process.kill(await cloud.daemonPid(), 'SIGKILL');
  await cloud.up();
  ec2 = cloud.ec2();
  await untilState('n1', 'ready');
  await untilState('n2', 'ready');
  assert.equal((await running()).length, 6);
});

test('a drained node gets nothing new, and is removed once it is empty', async () => {
  await cloud.ironbark('nodes', 'drain', 'n2');
  await untilState('n2', 'draining');
  assert.match(await problemOf(cloud.ironbark('nodes', 'remove', 'n2')), /has 2 instances/);
  assert.match(await problemOf(at('n2', 'leave')), /has 2 instances/);
  await ec2.call('TerminateInstances', { InstanceIds: await running() });
  await eventually('empty nodes', async () => (await nodes()).every((one) => one.instances === 0));
  await launch(4);
  const counts = (await nodes()).map(({ name, instances }) => [name, instances]);
  assert.deepEqual(counts.filter(([, count]) => count === 2).length, 2);
  assert.deepEqual(
    counts.filter(([name]) => name === 'n2'),
    [['n2', 0]],
  );
  await cloud.ironbark('nodes', 'remove', 'n2');
  await eventually('n2 knows', async () =>
    (await at('n2', 'status')).includes('it was removed there'),
  );
  await at('n2', 'leave');
  assert.deepEqual((await nodes()).map(({ name }) => name).includes('n2'), false);
});

test('a node that is lost is removed with its instances, and its guests end when it comes back', async () => {
  const isOnN1 = async () =>
    (await (await getDaemon(cloud.dataDir)).listElsewhere())
      .filter(({ node }) => node === 'n1')
      .flatMap(({ instances }) => instances.map(({ id }) => id));
  const lost = await isOnN1();
  assert.equal(lost.length, 2);
  const spared = (await running()).filter((id) => !lost.includes(id as `i-${string}`));
  const remove = () => cloud.ironbark('nodes', 'remove', 'n1', '--lost', '--yes');
  assert.match(await problemOf(remove()), /n1 is not away/);
  process.kill(Number(await readFile(join(folder, 'n1/run/daemon.pid'), 'utf8')), 'SIGKILL');
  await untilState('n1', 'away');
  assert.match(
    await problemOf(cloud.ironbark('nodes', 'remove', 'n1', '--lost')),
    new RegExp(`with its 2 instances: .*${lost[0]}[\\s\\S]*nothing was removed`),
  );
  assert.match((await remove()).stdout, /Its 2 instances/);
  await eventually('their end', async () => {
    const { Reservations = [] } = await ec2.call('DescribeInstances', { InstanceIds: lost });
    const all = Reservations.flatMap(({ Instances = [] }) => Instances);
    return all.every(
      ({ State, StateReason }) =>
        State?.Name === 'terminated' && StateReason?.Code === 'Server.InternalError',
    );
  });
  assert.deepEqual(await running(), spared);
  assert.match(await problemOf(at('n1', 'up')), /removed there as lost[\s\S]*ironbark leave/);
  await at('n1', 'leave');
});

const launcher = join(projectDir, 'ironbark');

function of(dataDir: string): string[] {
  return ['--data-dir', dataDir];
}

async function at(name: string, command: string, ...args: string[]): Promise<string> {
  const all = [command, ...of(join(folder, name)), ...args];
  return (await systemCommands.run(launcher, all, { timeoutMs: 120_000 })).stdout;
}

async function invite(): Promise<JoinInvitation> {
  return await cloud.json('nodes', 'token', '--address', '127.0.0.1');
}

async function joinAs(name: string, { endpoint, token }: JoinInvitation): Promise<void> {
  const args = ['join', endpoint, ...of(join(folder, name)), '--token', '-', '--node-name', name];
  await systemCommands.run(launcher, [...args, '--hypervisor', 'simulated'], {
    input: `${token}\n`,
    timeoutMs: 120_000,
  });
}

async function problemOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof CommandError) return error.stderr;
    throw error;
  }
  throw new Error('it succeeded');
}

async function nodes(): Promise<ZoneNode[]> {
  return await (await getDaemon(cloud.dataDir)).listNodes();
}

function untilState(name: string, state: string): Promise<boolean> {
  return eventually(`${name} is ${state}`, async () =>
    (await nodes()).some((one) => one.name === name && one.state === state),
  );
}

async function launch(count: number): Promise<void> {
  const known = await running();
  await ec2.call('RunInstances', {
    ImageId: imageId,
    InstanceType: HALF_A_NODE,
    MinCount: count,
    MaxCount: count,
  });
  await eventually('running', async () => (await running()).length === known.length + count);
}

async function running(): Promise<string[]> {
  const { Reservations = [] } = await ec2.call('DescribeInstances', {});
  const all = Reservations.flatMap(({ Instances = [] }) => Instances);
  return all
    .filter(({ State }) => State?.Name === 'running')
    .map(({ InstanceId }) => InstanceId!)
    .sort();
}

function zone(): string {
  return `${cloud.credentials.region}a`;
}
