// Owns the tests of IPv6 between nodes: one VPC with both families on two of them, another with the same addresses beside it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { linkLocalOf } from '@ironbark/core/ipv6.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import type { FrameAddresses } from '../testing/frames.ts';
import { ICMP6, neighbourFrame, udp6Frame } from '../testing/frames6.ts';
import { type Namespace, whyNoNamespaces } from '../testing/guest-namespace.ts';
import { Talker } from '../testing/guest-sockets.ts';
import { NodeFabric } from '../testing/node-fabric.ts';
import { ALLOW_ALL, group, portIntent, vpcId, vpcIntent } from '../testing/vpc-intent.ts';
import type { PortSpec } from './host-network.ts';
import { overlayLinkLocal, overlayMac, planOverlay } from './overlay-plan.ts';
import { VXLAN_PORT } from './underlay-rules.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);

const PORT = 4_000;
const NEVER_MS = 250;
/** With its headers of 48 bytes less than a guest's interface takes, and more than VXLAN leaves of as much. */
const LONG_BYTES = 1_440;
const ALL_6 = { protocol: -1, peer: { kind: 'cidr', cidr: '::/0' } } as const;
const ACL = ALLOW_ALL.flatMap((one) => [one, { ...one, ruleNumber: 101, cidr: '::/0' }]);

/** Both VPCs have the same networks. */
const PLACES = {
  here: { number: 1, vpc: 1, node: 1 },
  there: { number: 2, vpc: 1, node: 2 },
  double: { number: 3, vpc: 2, node: 1 },
  plain: { number: 4, vpc: 1, node: 2 },
} as const;
type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];
const ipv6Of = (name: Name) => `fd5b:1:2:100::1${PLACES[name].number}`;

describe('IPv6 between nodes', { skip }, () => {
  let fabric: NodeFabric;
  const talkers = new Map<Name, Talker>();
  const guests = new Map<Name, Namespace>();
  const talker = (name: Name) => talkers.get(name)!;
  const reaches = (from: Name, to: Name, timeoutMs?: number) =>
    talker(from).reaches(ipv6Of(to), PORT, timeoutMs);

  before(async () => {
    fabric = await NodeFabric.create({ label: 'v6', nodes: 2 });
    await tell(vpcs(), 'change');
    for (const name of NAMES) await plug(name);
    await tell(vpcs());
  });

  after(async () => {
    for (const each of talkers.values()) await each[Symbol.asyncDispose]();
    await fabric[Symbol.asyncDispose]();
  });

  async function plug(name: Name): Promise<void> {
    const { vpc, node } = PLACES[name];
    const guest = await fabric.plug(node, portSpec(name), vpcId(vpc));
    const router = linkLocalOf(fabric.node(node).names.bridgeMac(subnetOf(vpc).id));
    await guest.ip('-6', 'address', 'add', `${ipv6Of(name)}/128`, 'dev', 'eth0', 'nodad');
    await guest.ip('-6', 'route', 'add', 'default', 'via', router, 'dev', 'eth0');
    guests.set(name, guest);
    talkers.set(name, await Talker.open(guest, PORT, 'udp6'));
  }

  async function tell(all: VpcIntent[], how: 'look' | 'change' = 'look'): Promise<void> {
    for (const { network } of fabric.nodes) {
      if (how === 'look') await network.ensureSubnets([], all);
      else await network.putVpcs(all);
    }
  }

  function vpcs({ ingress = [ALL_6] as Parameters<typeof group>[1], without = [] as Name[] } = {}) {
    return [1, 2].map((number) => {
      const own = NAMES.filter((name) => PLACES[name].vpc === number);
      const ports = own.map((name) => {
        const has = name !== 'plain' && !without.includes(name);
        const ipv6 = has ? { ipv6Addresses: [ipv6Of(name)] } : {};
        return portIntent(portSpec(name), [1], { nodeId: `node-${PLACES[name].node}`, ...ipv6 });
      });
      const groups = [group(1, ingress, [ALL_6]), group(2)];
      const shape = { number, cidr: '10.212.0.0/16', subnets: [subnetOf(number)], groups, ports };
      const { locations } = fabric;
      return { ...vpcIntent(shape), ipv6Cidrs: ['fd5b:1:2:100::/56'], locations };
    });
  }

  test('guests reach each other on two nodes, and those of another VPC do not', async () => {
    assert.equal(await reaches('here', 'there'), true);
    assert.equal(await reaches('there', 'here'), true);
    assert.equal(await reaches('double', 'there', NEVER_MS), false);
    assert.ok(talker('there').heard.every(({ from }) => from === ipv6Of('here')));
  });

  test('what is too long for the way between nodes arrives, once its sender has heard so', async () => {
    const text = `ask ${'x'.repeat(LONG_BYTES)}`;
    const isAnswered = () => {
      void talker('here').send(text, ipv6Of('there'), PORT);
      return talker('here').heard.some((one) => one.text === `answer ${text}`);
    };
    await waitFor(isAnswered, { clock: systemClock, timeoutMs: 10_000, what: 'an answer' });
  });

  test('a port without an address of IPv6 is reached by none, and reaches none', async () => {
    assert.equal(await reaches('here', 'plain', NEVER_MS), false);
    assert.equal(await reaches('plain', 'here', NEVER_MS), false);
    assert.deepEqual(talker('plain').heard, []);
  });

  test('groups hold between nodes, and name members on the other', async () => {
    for (const [number, isLetIn] of [
      [2, false],
      [1, true],
    ] as const) {
      const peer = { kind: 'group', groupId: group(number).id } as const;
      await tell(vpcs({ ingress: [{ protocol: 17, peer }] }), 'change');
      await using late = await Talker.open(guests.get('here')!, PORT + number, 'udp6');
      const timeoutMs = isLetIn ? 10_000 : NEVER_MS;
      assert.equal(await late.reaches(ipv6Of('there'), PORT, timeoutMs), isLetIn);
    }
    await tell(vpcs(), 'change');
  });

  test("of what comes from other nodes only what is their guests' own is taken", async () => {
    const [one, two] = fabric.nodes;
    const own: FrameAddresses = {
      fromMac: overlayMac(two!.underlayAddress),
      toMac: overlayMac(one!.underlayAddress),
      ...{ fromIp: ipv6Of('there'), toIp: ipv6Of('here') },
    };
    const packed = (frame: Buffer, network = 1) => {
      const header = Buffer.alloc(8);
      header.set([8], 0);
      header.writeUIntBE(network, 4, 3);
      return Buffer.concat([header, frame]);
    };
    const saying = (text: string, changes: Partial<FrameAddresses> = {}) =>
      udp6Frame({ ...own, ...changes }, [PORT, PORT], text);
    const linkLocal = overlayLinkLocal(two!.underlayAddress);
    const told = { target: ipv6Of('there'), mac: '02:bb:00:00:00:99' };
    const forgeries: [string, Namespace, Buffer][] = [
      ['a stranger', fabric.stranger, packed(saying('a stranger'))],
      [
        "this node's guest",
        two!.host,
        packed(saying("this node's guest", { fromIp: ipv6Of('here') })),
      ],
      ["nobody's", two!.host, packed(saying("nobody's", { fromIp: 'fd5b:1:2:100::77' }))],
      ['the gateway', two!.host, packed(saying('the gateway', { fromIp: 'fd5b:1:2:100::1' }))],
      ['link-local', two!.host, packed(saying('link-local', { fromIp: linkLocal }))],
      ['the world', two!.host, packed(saying('the world', { fromIp: '2001:db8::1' }))],
      ['another VPC', two!.host, packed(saying('another VPC'), 2)],
      ['a neighbour', two!.host, packed(neighbourFrame(own, ICMP6.advert, told))],
    ];
    for (const [, host, bytes] of forgeries) {
      await using socket = await Talker.open(host, 0);
      await socket.sendBytes(bytes, one!.underlayAddress, VXLAN_PORT);
    }
    await using ear = await Talker.open(
      { name: one!.names.space(vpcId(1)) } as Namespace,
      PORT,
      'udp6',
    );
    await using socket = await Talker.open(two!.host, 0);
    for (const toIp of ['fd5b:1:2:100::1', overlayLinkLocal(one!.underlayAddress), 'ff02::1']) {
      await socket.sendBytes(packed(saying('inside', { toIp })), one!.underlayAddress, VXLAN_PORT);
    }
    // Right, and last: what came before it was dropped.
    const isHeard = () => {
      void socket.sendBytes(packed(saying('right')), one!.underlayAddress, VXLAN_PORT);
      return talker('here').heard.some(({ text }) => text === 'right');
    };
    await waitFor(isHeard, { clock: systemClock, timeoutMs: 10_000, what: 'the right one' });
    const heard = [...talkers.values()].flatMap((each) => each.heard).map(({ text }) => text);
    assert.deepEqual(
      forgeries.map(([what]) => what).filter((what) => heard.includes(what)),
      [],
    );
    assert.deepEqual(ear.heard, []);
  });

  test('what was taken away by hand comes back, and an address that goes is gone', async () => {
    const { names, network, commands } = fabric.node(1);
    const [space, overlay] = [names.space(vpcId(1)), names.overlay(vpcId(1))];
    const node = overlayLinkLocal(fabric.node(2).underlayAddress);
    const ip = async (...words: string[]) =>
      (await commands.run('ip', ['-n', space, ...words])).stdout;
    await ip('-6', 'route', 'delete', ipv6Of('there'), 'dev', overlay);
    await ip('-6', 'route', 'add', 'fd5b:1:2:100::99/128', 'dev', overlay);
    await ip('neigh', 'delete', node, 'dev', overlay);
    await commands.run('nft', ['flush', 'set', 'ip', names.underlayTable, 'members6']);
    await network.ensureSubnets([], vpcs());
    assert.equal(await reaches('there', 'here'), true);
    const routes = (await ip('-6', 'route', 'show', 'dev', overlay)).trim().split('\n');
    assert.deepEqual(
      routes.map((line) => line.split(' ').slice(0, 3)),
      [[ipv6Of('there'), 'via', node]],
    );
    await tell(vpcs({ without: ['there'] }), 'change');
    assert.equal(await reaches('there', 'here', NEVER_MS), false);
    assert.equal(await ip('-6', 'route', 'show', 'dev', overlay), '');
    await tell(vpcs(), 'change');
    assert.equal(await reaches('there', 'here'), true);
  });
});

test('what the host routes, and a node where nobody has IPv6, has no way to others by it', () => {
  const [here, there] = (['here', 'there'] as const).map((name) =>
    portIntent(portSpec(name), [1], {
      nodeId: `node-${PLACES[name].node}`,
      ipv6Addresses: [ipv6Of(name)],
    }),
  );
  const locations = [1, 2].map((number) => ({
    nodeId: `node-${number}` as const,
    underlayAddress: `192.0.2.${number}`,
  }));
  const subnets = [subnetOf(1)];
  const shape = { number: 1, cidr: '10.212.0.0/16', subnets };
  const vpc = (ports: VpcIntent['ports'], ipv6Cidrs = ['fd5b:1:2:100::/56']) => ({
    ...vpcIntent({ ...shape, ports }),
    ...{ locations, ipv6Cidrs },
  });
  const ways = (...given: Parameters<typeof planOverlay>) => planOverlay(...given)!.remotes6.size;
  const both = [here!, there!];
  assert.equal(ways(vpc(both), 'node-1'), 1);
  assert.equal(ways(vpc(both), 'node-1', { within: ['10.212.1.0/24'] }), 0);
  const { ipv6Addresses: _none, ...plain } = here!;
  assert.equal(ways(vpc([plain, there!]), 'node-1'), 0);
  assert.equal(ways(vpc(both, ['fd5b:9::/56']), 'node-1'), 0);
});

function subnetOf(number: number) {
  const id: SubnetId = `subnet-${number.toString(16).padStart(17, '0')}`;
  const ipv6 = { cidr: 'fd5b:1:2:100::/64', gatewayIp: 'fd5b:1:2:100::1' };
  return { id, cidr: '10.212.1.0/24', gatewayIp: '10.212.1.1', ipv6, acl: ACL };
}

function portSpec(name: Name): PortSpec {
  const { number, vpc } = PLACES[name];
  const { id, cidr, gatewayIp } = subnetOf(vpc);
  const hex = number.toString(16).padStart(17, '0');
  return {
    instanceId: `i-${hex}`,
    interfaceId: `eni-${hex}` as InterfaceId,
    macAddress: `02:aa:00:04:00:0${number}`,
    privateIp: `10.212.1.1${number}`,
    hostname: `ip-10-212-1-1${number}.ec2.internal`,
    subnet: { id, cidr, gatewayIp, vpcCidr: '10.212.0.0/16', domain: 'ec2.internal' },
    ...{ vcpus: 1, profile: PARAVIRTUAL },
  };
}
