import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { findProcessIn } from '@ironbark/platform/processes.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import type {
  InstanceIntent,
  InstanceObservation,
} from '@ironbark/protocol/internal/instance-messages.ts';
import { chooseFirstUid } from './app/guest-users.ts';
import { QEMU } from './drivers/qemu/argv.ts';
import { createUserNetwork, type UserNetwork } from './host/user-network.ts';
import { type NodeController, startNode } from './main.ts';
import { serveVolume } from './testing/block-target.ts';
import { instanceIntent } from './testing/instance-intent.ts';
import { createMemoryObjects, type MemoryObjects } from './testing/memory-objects.ts';
import { renderTestGuest, type TestGuestOptions } from './testing/test-guest.ts';

const isRoot = process.getuid?.() === 0;
const VOLUME: VolumeId = 'vol-0123456789abcdef0';
const ID = instanceIntent().id;

const hasQemu = await systemCommands.run(QEMU, ['--version']).then(
  () => true,
  () => false,
);
const skip = hasQemu ? false : `${QEMU} is not installed`;

interface Lab extends AsyncDisposable {
  dataDir: string;
  objects: MemoryObjects;
  network: UserNetwork;
  start(): Promise<NodeController>;
  /** Hands the node the next generation of the instance and waits for it to be reached. */
  want(node: NodeController, changes: Partial<InstanceIntent>): Promise<InstanceObservation>;
}

async function createLab(guest: TestGuestOptions, folder = 'node'): Promise<Lab> {
  const parent = await mkdtemp(join(tmpdir(), 'ironbark-node-'));
  const dataDir = join(parent, folder);
  await mkdir(dataDir, { mode: 0o700 });
  const objects = createMemoryObjects();
  const root = objects.add(renderTestGuest(guest), 'zstd');
  const network = await createUserNetwork({ dataDir, random: systemRandom, logger: silentLogger });
  const base = instanceIntent();
  const rootDisk = { ...base.rootDisk, sizeBytes: 4 * MIB };
  const tiny = { vcpus: 1, memoryMib: 32, image: { ...base.image, root }, rootDisk };
  let generation = 0;
  const start = () =>
    startNode({
      dataDir,
      nodeId: 'node-1',
      hypervisor: 'qemu',
      network,
      objects: objects.client,
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      commands: systemCommands,
    });
  const want = async (node: NodeController, changes: Partial<InstanceIntent>) => {
    generation += 1;
    const instance = instanceIntent({ ...tiny, ...changes, generation });
    const { subnetId } = instance.interfaces[0]!;
    const cidrs = { cidr: '172.31.0.0/20', gatewayIp: '172.31.0.1', vpcCidr: '172.31.0.0/16' };
    const subnets = [{ id: subnetId, ...cidrs, domain: 'ec2.internal' }];
    await node.client.putIntent({
      nodeId: 'node-1',
      generation,
      subnets,
      vpcs: [],
      instances: [instance],
    });
    return reached(node, generation);
  };
  const dispose = async () => {
    await using node = await start();
    await want(node, { power: 'terminated' });
    assert.equal(await findProcessIn(join(dataDir, 'instances', ID, 'run')), undefined);
    assert.deepEqual(await readdir(join(dataDir, 'instances')), []);
    assert.deepEqual(await network.listPorts(), []);
    await rm(parent, { recursive: true });
  };
  return { dataDir, objects, network, start, want, [Symbol.asyncDispose]: dispose };
}

async function reached(node: NodeController, generation: number): Promise<InstanceObservation> {
  const look = async () => {
    const { instances } = await node.client.getReport();
    return instances.find((seen) => seen.generation === generation && node.isQuiet());
  };
  const wait = { clock: systemClock, timeoutMs: 60_000, what: `generation ${generation}` };
  return waitFor(look, wait);
}

async function consoleOf(node: NodeController): Promise<string> {
  return Buffer.from((await node.client.getConsoleOutput(ID)).bytes).toString('latin1');
}

async function waitForBoots(node: NodeController, boots: number): Promise<void> {
  const found = async () => (await consoleOf(node)).split('hello').length - 1 >= boots;
  await waitFor(found, { clock: systemClock, timeoutMs: 30_000, what: `${boots} boots` });
}

async function pidOf(lab: Lab): Promise<number> {
  const found = await findProcessIn(join(lab.dataDir, 'instances', ID, 'run'));
  assert.ok(found !== undefined, 'the guest has a process');
  return found.pid;
}

function connects(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = createConnection(port, '127.0.0.1');
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

describe('a node with QEMU', { skip, concurrency: 1 }, () => {
  test('launches from an image, stops, starts from the same disk, and reboots', async () => {
    await using lab = await createLab({ greeting: 'hello' });
    await using node = await lab.start();
    const first = await lab.want(node, {});
    assert.equal(first.power, 'running');
    assert.equal(first.hypervisor, 'qemu');
    assert.equal(first.rootDiskProfile?.optimalIoBytes, 2 * MIB);
    assert.equal(first.interfaces[0]?.profile?.name, 'paravirtual');
    assert.equal(await connects(first.ssh!.port), true);
    await waitForBoots(node, 1);
    const disk = join(lab.dataDir, 'instances', ID, 'root.raw');
    const facts = await stat(disk);
    assert.equal(facts.size, 4 * MIB);
    if (isRoot) assert.equal(facts.uid, chooseFirstUid(lab.dataDir) + 1);
    assert.ok((await node.readDiskStats(ID)).some(({ serial }) => serial === 'root'));

    assert.equal((await lab.want(node, { power: 'stopped' })).power, 'stopped');
    assert.equal(await findProcessIn(join(lab.dataDir, 'instances', ID, 'run')), undefined);
    assert.deepEqual(await lab.network.listPorts(), []);
    assert.equal(await connects(first.ssh!.port), false);
    assert.match(await consoleOf(node), /hello/);

    assert.equal((await lab.want(node, {})).power, 'running');
    await waitForBoots(node, 2);
    assert.equal((await stat(disk)).ino, facts.ino);
    assert.equal(lab.objects.fetches, 1);

    const pid = await pidOf(lab);
    const rebooted = await lab.want(node, { rebootCount: 1 });
    assert.equal(rebooted.rebootCount, 1);
    await waitForBoots(node, 3);
    assert.equal(await pidOf(lab), pid);
  });

  test('a daemon that was killed finds its guest running; a guest that was killed is started again', async () => {
    await using lab = await createLab({ greeting: 'hello' });
    let pid = 0;
    let startedAt: string | undefined;
    {
      await using node = await lab.start();
      startedAt = (await lab.want(node, {})).startedAt;
      pid = await pidOf(lab);
    }
    await using node = await lab.start();
    const [seen] = (await node.client.getReport()).instances;
    assert.equal(seen?.power, 'running');
    assert.equal(seen.startedAt, startedAt);
    assert.equal(await pidOf(lab), pid);
    // What a killed QEMU had not yet handed over of its console is lost.
    await waitForBoots(node, 1);
    process.kill(pid, 'SIGKILL');
    const restarted = async () => {
      const found = await findProcessIn(join(lab.dataDir, 'instances', ID, 'run'));
      return found !== undefined && found.pid !== pid && node.isQuiet();
    };
    const wait = { clock: systemClock, timeoutMs: 30_000, what: 'another process' };
    await waitFor(restarted, wait);
    await waitForBoots(node, 2);
  });

  test('a guest that powers itself off is stopped, also when nobody watched, until it is wanted anew', async () => {
    await using lab = await createLab({ greeting: 'hello', powersOff: true });
    await using node = await lab.start();
    const seen = await lab.want(node, {});
    const stopped = async () => {
      const [observation] = (await node.client.getReport()).instances;
      return observation?.power === 'stopped' && node.isQuiet() ? observation : undefined;
    };
    const wait = { clock: systemClock, timeoutMs: 30_000, what: 'it is stopped' };
    const observation = await waitFor(stopped, wait);
    assert.equal(observation.generation, seen.generation);
    assert.match(observation.reason ?? '', /powered itself off/);
    assert.match(await consoleOf(node), /hello/);
    await lab.want(node, { power: 'stopped' });
    await lab.want(node, {});
    await waitFor(stopped, wait);
    assert.equal((await consoleOf(node)).split('hello').length - 1, 2);
  });

  test('volumes come and go while the guest runs, and are plugged again at its next start', async () => {
    await using lab = await createLab({ greeting: 'hello' });
    using target = await serveVolume(lab.dataDir);
    const volumes = [
      {
        volumeId: VOLUME,
        deviceName: '/dev/sdf',
        sizeBytes: MIB,
        source: target.source,
        profile: DIRECT,
      },
    ];
    await using node = await lab.start();
    await lab.want(node, {});
    await waitForBoots(node, 1);
    const [attached] = (await lab.want(node, { volumes })).volumes;
    assert.equal(attached?.state, 'attached');
    assert.equal(attached.profile?.queues, 1);
    assert.ok((await node.readDiskStats(ID)).some(({ serial }) => serial === VOLUME));
    const [reading, ...others] = await node.client.readVolumes();
    assert.deepEqual([reading?.volumeId, reading?.instanceId, others.length], [VOLUME, ID, 0]);
    await lab.want(node, { volumes, power: 'stopped' });
    const [again] = (await lab.want(node, { volumes })).volumes;
    assert.equal(again?.profile?.name, 'direct');
    await waitForBoots(node, 2);
    assert.deepEqual((await lab.want(node, { volumes: [] })).volumes, []);
  });

  test('a damaged image fails the launch with a reason, and leaves no image and no disk', async () => {
    await using lab = await createLab({ greeting: 'hello' });
    const blob = lab.objects.add(renderTestGuest({ greeting: 'other' }), 'zstd');
    lab.objects.replace(blob, Buffer.from('not that'));
    await using node = await lab.start();
    const { image } = instanceIntent();
    const seen = await lab.want(node, { image: { ...image, root: blob } });
    assert.equal(seen.power, 'failed');
    assert.match(seen.reason ?? '', /damaged/);
    assert.deepEqual(await readdir(join(lab.dataDir, 'images')), []);
    const left = await readdir(join(lab.dataDir, 'instances', ID));
    assert.deepEqual(left.sort(), ['record.json', 'run']);
  });

  test('a data folder that is closed to others, with a long name, serves guests all the same', async () => {
    // A Unix socket's name holds 107 bytes.
    await using lab = await createLab({ greeting: 'hello' }, 'long-'.repeat(30));
    await using node = await lab.start();
    await lab.want(node, {});
    await waitForBoots(node, 1);
    const log = await readFile(join(lab.dataDir, 'instances', ID, 'qemu.log'), 'utf8');
    assert.equal(log, '');
  });

  test('a halt powers the guest down, and the next node boots it again', async () => {
    await using lab = await createLab({ greeting: 'hello' });
    {
      await using node = await lab.start();
      await lab.want(node, {});
      await waitForBoots(node, 1);
      await node.halt({ timeoutMs: 20_000 });
      assert.equal(await findProcessIn(join(lab.dataDir, 'instances', ID, 'run')), undefined);
    }
    await using node = await lab.start();
    await waitForBoots(node, 2);
  });
});
