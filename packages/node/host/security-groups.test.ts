import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type {
  PortIntent,
  SecurityGroupIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import { createGuest, type Namespace, whyNoNamespaces } from '../testing/guest-namespace.ts';
import { Connection, echoIn, Talker } from '../testing/guest-sockets.ts';
import { createTestCloud, type TestCloud } from '../testing/test-cloud.ts';
import { fromCidr, fromGroup, group, portIntent, vpcIntent } from '../testing/vpc-intent.ts';
import type { HostNetwork } from './host-network.ts';
import { createNetworkNames } from './network-names.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);
const UDP = 17;
const TCP = 6;
const PORT = 4000;
/** What does not come in this time does not come: everything is on one machine. */
const NEVER_MS = 250;

describe('security groups on the host', { skip }, () => {
  let cloud: TestCloud;
  let network: HostNetwork;
  const guests: Namespace[] = [];
  const talkers: Talker[] = [];
  const places = [5, 6, 7];
  const address = (at: number) => cloud.address(places[at]!);
  /** From a port of its own each time: a flow that was let in once goes on. */
  async function reaches(from: number, to: number, timeoutMs?: number): Promise<boolean> {
    await using asker = await Talker.open(guests[from]!, 0);
    return await asker.reaches(address(to), PORT, timeoutMs);
  }

  before(async () => {
    cloud = await createTestCloud('groups');
    network = await cloud.open();
    await network.ensureSubnets([cloud.subnet], [vpc([])]);
    for (const place of places) {
      const guest = await createGuest(cloud.cloudId, cloud.port(place));
      guests.push(guest);
      await network.ensurePort(cloud.port(place));
      await guest.configure(`${cloud.address(place)}/20`, cloud.address(1));
      talkers.push(await Talker.open(guest, PORT));
    }
  });

  after(async () => {
    for (const talker of talkers) await talker[Symbol.asyncDispose]();
    await network?.removeAll();
    for (const guest of guests) await guest[Symbol.asyncDispose]();
  });

  function vpc(
    groups: SecurityGroupIntent[],
    memberships: number[][] = [[1], [2], [3]],
  ): VpcIntent {
    const { id, cidr, gatewayIp, vpcCidr } = cloud.subnet;
    const ports: PortIntent[] = places.map((place, at) =>
      portIntent(cloud.port(place), memberships[at] ?? []),
    );
    const subnets = [{ id, cidr, gatewayIp }];
    return vpcIntent({ number: 1, cidr: vpcCidr, subnets, groups, ports });
  }

  const put = (groups: SecurityGroupIntent[], memberships?: number[][]) =>
    network.putVpcs([vpc(groups, memberships)]);

  test('members of a group that lets its own in reach each other, others do not reach them', async () => {
    await put([group(1, [fromGroup(1)]), group(3)], [[1], [1], [3]]);
    assert.equal(await reaches(0, 1), true);
    assert.equal(await reaches(1, 0), true);
    assert.equal(await reaches(2, 0, NEVER_MS), false);
    // Nothing is let in to the third, but the answers to what it asks are.
    assert.equal(await reaches(0, 2, NEVER_MS), false);
  });

  test('a rule that names a group follows its members', async () => {
    const groups = [group(1), group(2, [fromGroup(1, UDP)]), group(3)];
    await put(groups);
    assert.equal(await reaches(0, 1), true);
    assert.equal(await reaches(2, 1, NEVER_MS), false);
    await put(groups, [[3], [2], [1]]);
    assert.equal(await reaches(2, 1), true);
  });

  test('what a group does not let out does not leave, answers do', async () => {
    const closed = group(1, [fromCidr(UDP, PORT)], []);
    await put([closed, group(2, [fromCidr(UDP, PORT)])]);
    await using sender = await Talker.open(guests[0]!, 0);
    await sender.send('leaves', address(1), PORT);
    assert.equal(await reaches(1, 0), true);
    assert.ok(!talkers[1]!.heard.some(({ text }) => text === 'leaves'));
  });

  test('a rule for a few addresses leaves the flows that it let in when it goes', async () => {
    const own = `${address(0)}/32`;
    await put([group(1), group(2, [fromCidr(TCP, PORT, own)])]);
    await using _echo = await echoIn(guests[1]!, PORT);
    using connection = await Connection.open(guests[0]!, address(1), PORT);
    assert.equal(await connection.echoes('before'), true);
    await put([group(1), group(2)]);
    assert.equal(await connection.echoes('after'), true);
    await assert.rejects(Connection.open(guests[0]!, address(1), PORT, NEVER_MS));
  });

  test('a rule for everybody takes the flows that it let in with it', async () => {
    await put([group(1), group(2, [fromCidr(TCP, PORT)])]);
    await using _echo = await echoIn(guests[1]!, PORT);
    using connection = await Connection.open(guests[0]!, address(1), PORT);
    assert.equal(await connection.echoes('before'), true);
    await put([group(1), group(2)]);
    assert.equal(await connection.echoes('after', NEVER_MS), false);
  });

  test('a route of the subnet that leads nowhere takes what it is for, and no more', async () => {
    const whole = vpc([group(1), group(2, [fromCidr(UDP, PORT)]), group(3, [fromCidr(UDP, PORT)])]);
    const target = { kind: 'blackhole' } as const;
    const lost = { destination: '198.18.80.0/24', target };
    const [subnet] = whole.subnets;
    const routes = [...subnet!.routes, lost];
    await network.putVpcs([{ ...whole, subnets: [{ ...subnet!, routes }] }]);
    const bridge = createNetworkNames(cloud.cloudId).bridge(cloud.subnet.id);
    const lookUp = async (to: string) => {
      const way = ['route', 'get', to, 'from', address(0), 'iif', bridge];
      return (await systemCommands.run('ip', way, { allowExitCodes: [0, 2] })).exitCode;
    };
    // A host without a default route reaches neither, before and after.
    const usual = await lookUp('198.18.81.1');
    assert.equal(await lookUp('198.18.80.1'), 2);
    assert.equal(await reaches(0, 1), true);
    await put([]);
    assert.equal(await lookUp('198.18.80.1'), usual);
  });

  test('rules that somebody has changed by hand are as they were after the next look', async () => {
    const vpcs = [vpc([group(1), group(2, [fromGroup(1, UDP)]), group(3)])];
    await network.ensureSubnets([cloud.subnet], vpcs);
    const { groupTable, table } = createNetworkNames(cloud.cloudId);
    const nft = (...args: string[]) => systemCommands.run('nft', args);
    const show = async () =>
      (
        await Promise.all([
          nft('list', 'table', 'ip', groupTable),
          nft('list', 'table', 'ip', table),
        ])
      ).map(({ stdout }) =>
        stdout
          .split(/[\s,]+/)
          .sort()
          .join(' '),
      );
    const right = await show();
    await nft('flush', 'chain', 'ip', groupTable, 'egress');
    await nft('add', 'rule', 'ip', table, 'forward', 'drop');
    await nft('flush', 'set', 'ip', groupTable, 'governed');
    assert.notDeepEqual(await show(), right);
    await network.ensureSubnets([cloud.subnet], vpcs);
    assert.deepEqual(await show(), right);
    assert.equal(await reaches(0, 1), true);
    assert.equal(await reaches(2, 1, NEVER_MS), false);
  });
});
