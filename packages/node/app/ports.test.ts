import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { HostNetwork } from '../host/host-network.ts';
import { SimulatedNetwork } from '../host/simulated-network.ts';
import { IntentStore } from '../store/intent.ts';
import { instanceIntent } from '../testing/instance-intent.ts';
import { Ports } from './ports.ts';

class CountingNetwork extends SimulatedNetwork {
  looks = 0;
  readonly kept: (boolean | undefined)[] = [];

  override async ensureSubnets(...args: Parameters<HostNetwork['ensureSubnets']>) {
    const [subnets, , how] = args;
    this.looks += 1;
    this.kept.push(how?.isKept);
    await super.ensureSubnets(subnets);
  }
}

async function openIntents(): Promise<{ intents: IntentStore } & AsyncDisposable> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-ports-'));
  const intents = await IntentStore.open(folder, 'node-1');
  return { intents, [Symbol.asyncDispose]: () => rm(folder, { recursive: true }) };
}

test('what was taken off the host is looked for again after a while, not at every change', async () => {
  await using opened = await openIntents();
  let nowMs = 1_000_000;
  const clock = { ...systemClock, monotonicMs: () => nowMs };
  const network = new CountingNetwork();
  const ports = new Ports(network, opened.intents, clock);
  await ports.repairSubnets();
  await ports.repairSubnets();
  await ports.ensureSubnets();
  assert.equal(network.looks, 1);
  nowMs += 30_000;
  await ports.ensureSubnets();
  assert.equal(network.looks, 1);
  await ports.repairSubnets();
  assert.equal(network.looks, 2);
});

test('the network hears whether the controller has spoken since the node came up', async () => {
  await using opened = await openIntents();
  const network = new CountingNetwork();
  const ports = new Ports(network, opened.intents, systemClock);
  await ports.ensureSubnets();
  const nothing = { subnets: [], vpcs: [], instances: [] };
  await opened.intents.put({ nodeId: 'node-1', generation: 1, ...nothing }, () => false);
  await new Ports(network, opened.intents, systemClock).ensureSubnets();
  assert.deepEqual(network.kept, [true, false]);
});

test('a terminated instance leaves a port alone that is of another by now', async () => {
  await using opened = await openIntents();
  const ended = instanceIntent({ power: 'terminated' });
  const heir = instanceIntent({ id: 'i-00000000000000002' });
  const [nic] = ended.interfaces;
  const subnet = {
    id: nic!.subnetId,
    cidr: '172.31.0.0/20',
    gatewayIp: '172.31.0.1',
    vpcCidr: '172.31.0.0/16',
    domain: 'ec2.internal',
  };
  const ports = new Ports(new SimulatedNetwork(), opened.intents, systemClock);
  let generation = 0;
  const put = (...instances: InstanceIntent[]) => {
    generation += 1;
    const network = { nodeId: 'node-1' as const, subnets: [subnet], vpcs: [] };
    return opened.intents.put({ ...network, generation, instances }, () => false);
  };
  const guest = { uid: undefined, isIdle: true, carriesStorage: false, reachesNbd: false };
  await put(ended);
  await ports.ensure(ended, nic!, guest);
  assert.deepEqual(ports.existingOf(ended), [nic!.id], 'its own until another has it');
  await put(ended, heir);
  assert.deepEqual(ports.existingOf(ended), []);
  assert.deepEqual(ports.existingOf(heir), [nic!.id]);
  await put(ended, { ...heir, power: 'terminated' });
  assert.deepEqual(ports.existingOf(ended), [nic!.id], 'somebody takes it away when both are gone');
});
