import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { DIRECT } from '@ironbark/core/io-profile.ts';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { takeStep } from '@ironbark/platform/reconciler.ts';
import type {
  InstanceIntent,
  InstanceObservation,
  InterfaceIntent,
  SubnetIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import { ConsoleLog } from '../app/console-log.ts';
import { GuestSlots } from '../app/guest-users.ts';
import { MemoryLedger } from '../app/memory.ts';
import { Ports } from '../app/ports.ts';
import { createSimulatedFiles } from '../app/simulated-files.ts';
import {
  createSimulatedDriver,
  type SimulatedDriver,
  type SimulatedOptions,
} from '../drivers/simulated/driver.ts';
import { openGuestVolumes } from '../guest-volume-parts.ts';
import { SimulatedNetwork } from '../host/simulated-network.ts';
import { IntentStore } from '../store/intent.ts';
import { RecordStore } from '../store/records.ts';
import { instanceIntent } from '../testing/instance-intent.ts';
import { applyStep } from './apply-step.ts';
import { InstanceReconciler } from './instance.ts';
import type { InstanceContext } from './instance-context.ts';
import type { Step } from './plan-instance.ts';

const VOLUME: VolumeId = 'vol-0123456789abcdef0';
const SUBNET: SubnetIntent = {
  id: instanceIntent().interfaces[0]!.subnetId,
  cidr: '172.31.0.0/20',
  gatewayIp: '172.31.0.1',
  vpcCidr: '172.31.0.0/16',
  domain: 'ec2.internal',
};
const volume = {
  volumeId: VOLUME,
  deviceName: '/dev/sdf',
  sizeBytes: 1 << 30,
  source: { kind: 'nbd-unix', socketPath: '/x', exportName: 'v' },
  profile: DIRECT,
} as const;

const [first] = instanceIntent().interfaces as [InterfaceIntent];
const second: InterfaceIntent = {
  ...first,
  id: 'eni-00000000000000002',
  deviceIndex: 1,
  macAddress: '02:00:00:00:00:02',
  privateIp: '172.31.0.99',
};

/** One life of an instance, with every kind of step that a healthy one meets. */
const LIFE: readonly Partial<InstanceIntent>[] = [
  { power: 'running', volumes: [volume] },
  { power: 'running', volumes: [volume], rebootCount: 1, interfaces: [first, second] },
  { power: 'running', volumes: [], rebootCount: 1, interfaces: [first] },
  { power: 'running', volumes: [volume], rebootCount: 1, interfaces: [first, second] },
  { power: 'stopped', volumes: [volume], rebootCount: 1, interfaces: [first] },
  { power: 'running', volumes: [volume], rebootCount: 1, interfaces: [first, second] },
  {
    ...{ power: 'running', volumes: [volume], rebootCount: 1, interfaces: [first] },
    cutInterfaces: [second.id],
  },
  { power: 'terminated', volumes: [volume], rebootCount: 1 },
];

type Apply = typeof applyStep;

interface Host {
  dataDir: string;
  network: SimulatedNetwork;
  fail?: SimulatedOptions['fail'];
}

interface Daemon {
  driver: SimulatedDriver;
  intents: IntentStore;
  reconciler: InstanceReconciler;
  observation: InstanceObservation | undefined;
}

/** A daemon that has just started on the host: it knows what is on disk and nothing else. */
async function startDaemon(host: Host, apply: Apply): Promise<Daemon> {
  const { dataDir, network } = host;
  const random = seededRandom(7);
  const stateDir = join(dataDir, 'simulated-guests');
  const driver = await createSimulatedDriver({
    clock,
    random,
    stateDir,
    ...(host.fail === undefined ? {} : { fail: host.fail }),
  });
  const intents = await IntentStore.open(dataDir, 'node-1');
  const records = await RecordStore.open(dataDir);
  const ports = new Ports(network, intents, clock);
  await ports.refresh();
  const context: InstanceContext = {
    dataDir,
    clock,
    random,
    logger: silentLogger,
    aroundStep: takeStep,
    driver,
    intents,
    records,
    files: createSimulatedFiles(dataDir),
    ports,
    users: { uidOf: () => undefined, probeUid: undefined },
    slots: new GuestSlots(records.list().map(({ id, slot }) => [id, slot] as const)),
    memory: new MemoryLedger(4_096),
    console: new ConsoleLog(dataDir),
    ...openGuestVolumes({ hypervisor: 'simulated', clock }, records),
  };
  const daemon: Daemon = { driver, intents, observation: undefined } as unknown as Daemon;
  daemon.reconciler = new InstanceReconciler({
    context,
    fingerprint: await driver.fingerprint(),
    findDesired: (id) => intents.find(id),
    publish: (observation) => {
      daemon.observation = observation;
    },
    apply,
  });
  return daemon;
}

/** Time runs ahead when a plan waits, so that no test does. */
let aheadMs = 0;
const clock: Clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };

/** Reconciles until there is nothing to do; every failure is the end of the daemon and the start of another. */
async function runToRest(daemon: Daemon, restart: () => Promise<Daemon>): Promise<Daemon> {
  let current = daemon;
  for (let attempt = 0; attempt < 20; attempt++) {
    try {
      const { id } = instanceIntent();
      const result = await current.reconciler.reconcile(id, new AbortController().signal);
      const wanted = current.intents.find(id)?.generation;
      if (current.observation?.generation === wanted) return current;
      if (result.kind === 'again') aheadMs += result.afterMs;
    } catch {
      current = await restart();
    }
  }
  throw new Error('the instance does not come to rest');
}

async function live(
  apply: Apply,
  fail?: SimulatedOptions['fail'],
): Promise<{ host: Host; powers: string[] }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-node-'));
  const network = new SimulatedNetwork();
  const host = { dataDir, network, ...(fail === undefined ? {} : { fail }) };
  const restart = () => startDaemon(host, apply);
  let daemon = await restart();
  const powers: string[] = [];
  for (const [index, change] of LIFE.entries()) {
    const generation = index + 1;
    const instances = [instanceIntent({ ...change, generation })];
    const intent = {
      nodeId: 'node-1' as const,
      generation,
      subnets: [SUBNET],
      vpcs: [],
      instances,
    };
    await daemon.intents.put(intent, () => false);
    daemon = await runToRest(daemon, restart);
    const seen = daemon.observation;
    assert.equal(
      seen?.generation,
      generation,
      `the observation speaks of generation ${generation}`,
    );
    powers.push(seen.power);
    const isOff = change.power !== 'running';
    const wanted = (change.interfaces ?? [first]).map(({ id }) => id);
    assert.deepEqual((await network.listPorts()).sort(), isOff ? [] : wanted.sort());
    if (change.power === 'running') {
      assert.deepEqual(
        seen.volumes.map(({ volumeId, state }) => [volumeId, state]),
        (change.volumes ?? []).map(({ volumeId }) => [volumeId, 'attached']),
      );
      assert.equal(seen.rebootCount, change.rebootCount ?? 0);
      assert.deepEqual(
        seen.interfaces.map(({ id, state }) => [id, state]),
        (change.interfaces ?? [first]).map(({ id }) => [id, 'attached']),
      );
    }
  }
  return { host, powers };
}

async function assertNothingLeft({ dataDir, network }: Host): Promise<void> {
  assert.deepEqual(await network.listPorts(), []);
  assert.deepEqual(await readdir(join(dataDir, 'simulated-guests')), []);
  assert.deepEqual(await readdir(join(dataDir, 'instances')), []);
  const left = (await readdir(dataDir)).filter((name) => name !== 'intent-changes.jsonl').sort();
  assert.deepEqual(left, ['instances', 'intent.json', 'simulated-guests']);
  await rm(dataDir, { recursive: true });
}

const POWERS = [
  ...['running', 'running', 'running', 'running'],
  ...['stopped', 'running', 'running', 'terminated'],
];

/** The steps of a whole life, in their order. */
async function recordLife(): Promise<Step[]> {
  const steps: Step[] = [];
  const { host, powers } = await live(async (context, intent, step) => {
    steps.push(step);
    await applyStep(context, intent, step);
  });
  assert.deepEqual(powers, POWERS);
  await assertNothingLeft(host);
  return steps;
}

const steps = await recordLife();

describe('the life of an instance', () => {
  test('meets every kind of step of a healthy instance', () => {
    const kinds = new Set(steps.map(({ kind }) => kind));
    for (const kind of [
      'make-directory',
      'make-root-disk',
      'start',
      'plug-volume',
      'unplug-volume',
      'plug-nic',
      'unplug-nic',
      'cut-nic',
      'ask-to-stop',
      'ask-to-reboot',
      'reset',
      'destroy',
      'remove-port',
      'remove-directory',
    ] as const) {
      assert.ok(kinds.has(kind), kind);
    }
  });

  test('goes the same way when each step is done twice', async () => {
    const { host, powers } = await live(async (context, intent, step) => {
      await applyStep(context, intent, step);
      // The second time finds its work done; where that means that its guest is gone, it may say so.
      const isEnd = step.kind === 'destroy' || step.kind === 'note-crash';
      if (!isEnd) await applyStep(context, intent, step);
    });
    assert.deepEqual(powers, POWERS);
    await assertNothingLeft(host);
  });

  for (const moment of ['before', 'after'] as const) {
    for (const [index, step] of steps.entries()) {
      test(`goes on when the daemon dies ${moment} step ${index + 1}, ${step.kind}`, async () => {
        let count = 0;
        let hasFailed = false;
        const fail = (when: string) => {
          if (hasFailed || when !== moment || count !== index + 1) return;
          hasFailed = true;
          throw new Error('planted');
        };
        const { host, powers } = await live(async (context, intent, applied) => {
          count += 1;
          fail('before');
          await applyStep(context, intent, applied);
          fail('after');
        });
        assert.ok(hasFailed, 'the failure was met');
        assert.deepEqual(powers, POWERS);
        await assertNothingLeft(host);
      });
    }
  }

  const operations = ['start', 'requestShutdown', 'reset', 'destroy', 'attachDisk', 'detachDisk'];
  for (const operation of operations) {
    test(`goes on when the daemon dies between ${operation} and its record`, async () => {
      let hasFailed = false;
      const { host, powers } = await live(applyStep, (name, _id, moment) => {
        if (hasFailed || name !== operation || moment !== 'after') return undefined;
        hasFailed = true;
        return new Error('planted');
      });
      assert.ok(hasFailed, 'the failure was met');
      assert.deepEqual(powers, POWERS);
      await assertNothingLeft(host);
    });
  }
});
