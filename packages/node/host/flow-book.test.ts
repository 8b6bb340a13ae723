import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '@ironbark/platform/clock.ts';
import { type Commands, systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import type { FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { createGuest, type Namespace, whyNoNamespaces } from '../testing/guest-namespace.ts';
import { Talker } from '../testing/guest-sockets.ts';
import { createTestCloud, type TestCloud } from '../testing/test-cloud.ts';
import { ALLOW_ALL, fromCidr, group, portIntent, vpcId, vpcIntent } from '../testing/vpc-intent.ts';
import { FlowBook } from './flow-book.ts';
import { MAX_FLOWS } from './flow-rules.ts';
import type { HostNetwork, PortSpec } from './host-network.ts';
import { createNetworkNames } from './network-names.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);
const UDP = 17;
const OPEN = 4000;
const SHUT = 4001;
const FROM = 5000;
/** Where the second subnet begins. */
const SECOND = 4_096;
/** IP and UDP headers and the five letters of `hello`. */
const BYTES = 33;

test('where nothing can be counted the network goes on, and it is told that all is missing', async () => {
  const commands = { run: async () => ({ stdout: '', stderr: '', exitCode: 0 }) };
  let isBroken = true;
  const apply = async () => {
    if (isBroken) throw new Error('planted');
  };
  const place = { commands: commands as unknown as Commands };
  const parts = { names: { flowTable: 't' }, place, clock: systemClock, logger: silentLogger };
  const book = new FlowBook(parts, { apply });
  const ids = { interfaceId: 'eni-1', instanceId: 'i-1', subnetId: 'subnet-1' } as const;
  const port = { ...ids, vpcId: 'vpc-1', privateIp: '10.0.0.4', privateIps: ['10.0.0.4'] } as const;
  await book.put([port]);
  const told = async () => (await book.take()).map(({ isSkipped }) => isSkipped);
  assert.deepEqual([await told(), await told()], [[true], [true]]);
  isBroken = false;
  commands.run = async () => ({ stdout: '{"nftables":[]}', stderr: '', exitCode: 0 });
  await book.ensure([port]);
  assert.deepEqual([await told(), await told()], [[true], [false]]);
});

describe('flows of interfaces that have a flow log', { skip }, () => {
  let cloud: TestCloud;
  let network: HostNetwork;
  const guests: Namespace[] = [];
  const talkers: Talker[] = [];
  /** The last one is in a subnet of its own. */
  const places = [5, 6, 7, SECOND + 9];
  const address = (at: number) => cloud.address(places[at]!);
  const idOf = (at: number) => port(places[at]!).interfaceId;
  const table = () => ['table', 'ip', createNetworkNames(cloud.cloudId).flowTable];

  before(async () => {
    cloud = await createTestCloud('flows');
    network = await cloud.open();
    await network.ensureSubnets(subnets(), [vpc([])]);
    for (const place of places) {
      const guest = await createGuest(cloud.cloudId, port(place));
      guests.push(guest);
      await network.ensurePort(port(place));
      const { gatewayIp } = port(place).subnet;
      await guest.configure(`${cloud.address(place)}/20`, gatewayIp);
      talkers.push(await Talker.open(guest, FROM));
    }
    // Otherwise its kernel says that nobody listens, which is a flow too.
    talkers.push(await Talker.open(guests[1]!, OPEN));
    // The first packet waits for an answer to ARP, and is counted like any other.
    await send(0, 1, OPEN, 1);
  });

  after(async () => {
    for (const talker of talkers) await talker[Symbol.asyncDispose]();
    await network?.removeAll();
    for (const guest of guests) await guest[Symbol.asyncDispose]();
  });

  function subnets(): SubnetIntent[] {
    const second = {
      id: `subnet-${'2'.padStart(17, '0')}` as const,
      ...{ cidr: `${cloud.address(SECOND)}/20`, gatewayIp: cloud.address(SECOND + 1) },
    };
    return [cloud.subnet, { ...cloud.subnet, ...second }];
  }

  function port(place: number): PortSpec {
    const spec = cloud.port(place);
    return place < SECOND ? spec : { ...spec, subnet: subnets()[1]! };
  }

  function vpc(logged: NonNullable<VpcIntent['logged']>): VpcIntent {
    const ports = places.map((place, at) => portIntent(port(place), [at === 2 ? 2 : 1]));
    // The third lets in nothing and lets out one port.
    const groups = [group(1, [fromCidr(UDP, OPEN)]), group(2, [], [fromCidr(UDP, OPEN)])];
    const networks = subnets().map(({ id, cidr, gatewayIp }) => ({
      ...{ id, cidr, gatewayIp, acl: [...ALLOW_ALL] },
    }));
    const shape = { number: 1, cidr: cloud.subnet.vpcCidr, subnets: networks, groups, ports };
    return { ...vpcIntent(shape), logged };
  }

  async function send(from: number, to: number, port: number, times: number): Promise<void> {
    for (let at = 0; at < times; at += 1) await talkers[from]!.send('hello', address(to), port);
    // The kernel passes on what is on its way before it answers a command, but ARP takes its time.
    await new Promise((resolve) => setTimeout(resolve, 50));
  }

  const shown = (windows: readonly FlowWindow[], at: number) =>
    windows
      .filter(({ interfaceId }) => interfaceId === idOf(at))
      .flatMap(({ flows }) => flows)
      .map(({ direction, action, sourceIp, destinationIp, destinationPort, packets, bytes }) =>
        [direction, action, sourceIp, destinationIp, destinationPort, packets, bytes].join(' '),
      )
      .sort();
  const line = (what: string, from: number, to: number, port: number, packets: number) =>
    `${what} ${address(from)} ${address(to)} ${port} ${packets} ${packets * BYTES}`;

  test('nothing is counted, and no table is there, while no interface has one', async () => {
    assert.deepEqual(await network.takeFlows(), []);
    await assert.rejects(systemCommands.run('nft', ['list', ...table()]), /No such file/);
  });

  test('what groups let through and what they refuse is told of each end as it sees it', async () => {
    await network.putVpcs([vpc([vpcId(1)])]);
    await send(0, 1, OPEN, 3);
    await send(0, 1, SHUT, 2);
    await send(2, 1, OPEN, 4);
    await send(2, 1, SHUT, 5);
    const windows = await network.takeFlows();
    assert.deepEqual(shown(windows, 0), [
      line('egress ACCEPT', 0, 1, OPEN, 3),
      line('egress ACCEPT', 0, 1, SHUT, 2),
    ]);
    assert.deepEqual(shown(windows, 1), [
      line('ingress ACCEPT', 0, 1, OPEN, 3),
      line('ingress ACCEPT', 2, 1, OPEN, 4),
      line('ingress REJECT', 0, 1, SHUT, 2),
    ]);
    // What the third may not send nobody else ever sees.
    assert.deepEqual(shown(windows, 2), [
      line('egress ACCEPT', 2, 1, OPEN, 4),
      line('egress REJECT', 2, 1, SHUT, 5),
    ]);
    const { flows: _flows, ...rest } = windows.find(({ interfaceId }) => interfaceId === idOf(1))!;
    assert.deepEqual(
      { ...rest, startMs: 0, endMs: 0 },
      {
        ...{ interfaceId: idOf(1), instanceId: cloud.port(6).instanceId },
        ...{ subnetId: cloud.subnet.id, vpcId: vpcId(1), privateIp: address(1) },
        ...{ startMs: 0, endMs: 0, isSkipped: false },
      },
    );
  });

  test('windows follow each other without a gap, and one without traffic is empty', async () => {
    await send(0, 1, OPEN, 1);
    const first = await network.takeFlows();
    const second = await network.takeFlows();
    assert.deepEqual(shown(first, 1), [line('ingress ACCEPT', 0, 1, OPEN, 1)]);
    assert.deepEqual(shown(second, 1), []);
    assert.equal(second.length, 4);
    assert.equal(second[0]!.startMs, first[0]!.endMs);
  });

  test("only what is logged is counted, and what was counted before stays its interface's", async () => {
    await send(0, 1, OPEN, 2);
    await network.putVpcs([vpc([idOf(1)])]);
    await send(0, 1, OPEN, 1);
    const windows = await network.takeFlows();
    assert.deepEqual(shown(windows, 0), [line('egress ACCEPT', 0, 1, OPEN, 2)]);
    assert.deepEqual(shown(windows, 1), [line('ingress ACCEPT', 0, 1, OPEN, 3)]);
    assert.deepEqual(
      (await network.takeFlows()).map((one) => one.interfaceId),
      [idOf(1)],
    );
  });

  test('a table that somebody deletes is back, and it is told that something is missing', async () => {
    await systemCommands.run('nft', ['delete', ...table()]);
    await network.ensureSubnets(subnets(), [vpc([idOf(1)])]);
    await send(0, 1, OPEN, 1);
    const windows = await network.takeFlows();
    assert.deepEqual(shown(windows, 1), [line('ingress ACCEPT', 0, 1, OPEN, 1)]);
    assert.equal(windows[0]!.isSkipped, true);
    assert.equal((await network.takeFlows())[0]!.isSkipped, false);
  });

  test('a look at the rules leaves what was counted', async () => {
    await send(0, 1, OPEN, 1);
    await network.ensureSubnets(subnets(), [vpc([idOf(1)])]);
    const windows = await network.takeFlows();
    assert.deepEqual(shown(windows, 1), [line('ingress ACCEPT', 0, 1, OPEN, 1)]);
    assert.equal(windows[0]!.isSkipped, false);
  });

  test('what ACLs refuse is told of the end whose subnet refuses it', async () => {
    const wanted = vpc([vpcId(1)]);
    const rest = { ruleNumber: 1, protocol: UDP, isAllowed: false, cidr: '0.0.0.0/0' };
    const ports = { ports: { from: OPEN, to: OPEN } };
    wanted.subnets[1]!.acl.unshift({ ...rest, ...ports, isEgress: false });
    await network.putVpcs([wanted]);
    await send(0, 3, OPEN, 2);
    const first = await network.takeFlows();
    assert.deepEqual(shown(first, 0), [line('egress ACCEPT', 0, 3, OPEN, 2)]);
    assert.deepEqual(shown(first, 3), [line('ingress REJECT', 0, 3, OPEN, 2)]);
    wanted.subnets[1]!.acl[0] = { ...rest, ...ports, isEgress: true };
    await network.putVpcs([wanted]);
    await send(3, 1, OPEN, 3);
    const second = await network.takeFlows();
    assert.deepEqual(shown(second, 3), [line('egress REJECT', 3, 1, OPEN, 3)]);
    assert.deepEqual(shown(second, 1), []);
  });

  test('more flows than are counted are said to be missing, of those that have them', async () => {
    await network.putVpcs([vpc([vpcId(1)])]);
    for (let sent = 0; sent < MAX_FLOWS + 1_000; sent += 128) {
      const ports = Array.from({ length: 128 }, (_, at) => 10_000 + sent + at);
      await Promise.all(ports.map((port) => talkers[0]!.send('hello', address(1), port)));
    }
    const windows = await network.takeFlows();
    const of = (at: number) => windows.filter(({ interfaceId }) => interfaceId === idOf(at));
    assert.equal(of(0).flatMap(({ flows }) => flows).length, MAX_FLOWS);
    assert.ok(of(0).length > 1);
    assert.deepEqual(
      [0, 1, 2].map((at) => of(at)[0]!.isSkipped),
      [true, true, false],
    );
    assert.ok(
      of(1)
        .flatMap(({ flows }) => flows)
        .every(({ action }) => action === 'REJECT'),
    );
  });

  test('the next process says of what the last one counted that it is missing', async () => {
    await send(0, 1, OPEN, 1);
    await network[Symbol.asyncDispose]();
    network = await cloud.open();
    await network.ensureSubnets(subnets(), [vpc([idOf(1)])]);
    const [first] = await network.takeFlows();
    assert.deepEqual([first!.isSkipped, first!.flows], [true, []]);
  });
});
