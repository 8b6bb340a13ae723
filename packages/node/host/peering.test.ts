// Owns the tests of peerings on the host: VPCs on two nodes, of which some may reach each other.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { commandsInNamespace } from '@ironbark/platform/network-namespace.ts';
import type { RouteIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { FETCH, type Namespace, whyNoNamespaces } from '../testing/guest-namespace.ts';
import { Talker } from '../testing/guest-sockets.ts';
import { NodeFabric } from '../testing/node-fabric.ts';
import { ALL_IN, fromGroup, group, portIntent, vpcId, vpcIntent } from '../testing/vpc-intent.ts';
import type { PortSpec } from './host-network.ts';
import { peerNetworksIn, peerRulesOf, planPeers } from './peering-plan.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);

const PORT = 4_000;
const NEVER_MS = 250;

/** VPC and node; the address is 10.(210 + VPC).1.(4 + number). The third VPC is one that the host routes. */
const PLACES = {
  a: { number: 1, vpc: 1, node: 1 },
  b: { number: 2, vpc: 2, node: 1 },
  bFar: { number: 3, vpc: 2, node: 2 },
  c: { number: 4, vpc: 3, node: 1 },
  late: { number: 5, vpc: 1, node: 2 },
} as const;
type Name = keyof typeof PLACES;
const NAMES: readonly Name[] = ['a', 'b', 'bFar', 'c'];
const HOST_ROUTED = 3;
const VPCS = [1, 2, 3];

/** Pairs of VPCs that are peered. */
type Pairs = readonly (readonly [number, number])[];
const ALL_PAIRS: Pairs = [
  [1, 2],
  [1, 3],
];

describe('VPCs that are peered', { skip }, () => {
  let fabric: NodeFabric;
  const guests = new Map<Name, Namespace>();
  const talkers = new Map<Name, Talker>();
  /** Name spaces with a metadata service. */
  const served = new Set<string>();

  before(async () => {
    fabric = await NodeFabric.create({ label: 'pcx', nodes: 2, changes: { serveMetadata } });
    await tell(vpcs(ALL_PAIRS));
    for (const name of NAMES) await plug(name);
    await tell(vpcs(ALL_PAIRS));
  });

  after(async () => {
    for (const each of talkers.values()) await each[Symbol.asyncDispose]();
    await fabric[Symbol.asyncDispose]();
  });

  async function serveMetadata(_vpcId: string, namespace: string) {
    served.add(namespace);
    return { [Symbol.asyncDispose]: async () => void served.delete(namespace) };
  }

  async function plug(name: Name): Promise<void> {
    const { vpc, node } = PLACES[name];
    const space = vpc === HOST_ROUTED ? undefined : vpcId(vpc);
    const guest = await fabric.plug(node, portSpec(name), space);
    guests.set(name, guest);
    talkers.set(name, await Talker.open(guest, PORT));
  }

  async function tell(all: VpcIntent[], how: 'look' | 'change' = 'look'): Promise<void> {
    for (const { network } of fabric.nodes) {
      if (how === 'look') await network.ensureSubnets([specOf(HOST_ROUTED)], all);
      else await network.putVpcs(all);
    }
  }

  function reaches(from: Name, to: Name): Promise<boolean> {
    return talkers.get(from)!.reaches(ipOf(to), PORT, NEVER_MS);
  }

  interface Changes {
    ingress?: Parameters<typeof group>[1];
    more?: Name[];
  }

  function vpcs(pairs: Pairs, { ingress = [ALL_IN], more = [] }: Changes = {}) {
    return VPCS.map((number) => {
      const peers = pairs.flatMap(([one, other]) =>
        one === number ? [other] : other === number ? [one] : [],
      );
      // Routes are there whether a peering is or not: to everybody, over whoever may be asked.
      const routes = VPCS.filter((other) => other !== number).map((other) => {
        const next = peers.includes(other) ? other : (peers[0] ?? other);
        return toPeer(cidrOf(other), next);
      });
      const ports = [...NAMES, ...more]
        .filter((name) => PLACES[name].vpc === number)
        .map((name) =>
          portIntent(portSpec(name), [number], { nodeId: `node-${PLACES[name].node}` }),
        );
      const subnets = [{ ...subnetOf(number), routes }];
      const groups = [group(number, number === 2 ? ingress : [ALL_IN])];
      const shape = { number, cidr: cidrOf(number), subnets, groups, ports };
      const { locations } = fabric;
      return { ...vpcIntent(shape), locations, peers: peers.map(vpcId) };
    });
  }

  test('guests of two VPCs reach each other on one node, and on two', async () => {
    assert.equal(await reaches('a', 'b'), true);
    assert.equal(await reaches('b', 'a'), true);
    assert.equal(await reaches('a', 'bFar'), true);
    assert.equal(await reaches('bFar', 'a'), true);
  });

  test('a VPC that the host routes and one with a place of its own reach each other', async () => {
    assert.equal(await reaches('a', 'c'), true);
    assert.equal(await reaches('c', 'a'), true);
  });

  test("nobody reaches a peer's peer, whatever the routes say, nor the host of one", async () => {
    assert.equal(await reaches('c', 'b'), false);
    assert.equal(await reaches('c', 'bFar'), false);
    assert.equal(await reaches('b', 'c'), false);
    assert.equal(await reaches('bFar', 'c'), false);
    for (const number of [2, HOST_ROUTED]) {
      const { gatewayIp } = subnetOf(number);
      const url = `http://${gatewayIp}:8775/`;
      assert.equal(await guests.get('a')!.script(FETCH, url, `${NEVER_MS}`), 'timeout');
    }
  });

  test('what only one side says is no peering', async () => {
    const all = vpcs(ALL_PAIRS);
    const [one, ...others] = all;
    await tell([{ ...one!, peers: [vpcId(3)] }, ...others], 'change');
    assert.equal(await reaches('a', 'b'), false);
    assert.equal(await reaches('b', 'a'), false);
    await tell(all, 'change');
    assert.equal(await reaches('a', 'b'), true);
  });

  test('groups hold over a peering, and may name those of the other side', async () => {
    await tell(vpcs(ALL_PAIRS, { ingress: [fromGroup(3)] }), 'change');
    await using late = await Talker.open(guests.get('a')!, PORT + 1);
    assert.equal(await late.reaches(ipOf('b'), PORT, NEVER_MS), false);
    await tell(vpcs(ALL_PAIRS, { ingress: [fromGroup(1)] }), 'change');
    assert.equal(await late.reaches(ipOf('b'), PORT, NEVER_MS), true);
    await tell(vpcs(ALL_PAIRS), 'change');
  });

  test('ways that were deleted by hand are back at the next look, with a new process too', async () => {
    const { names, commands, network } = fabric.node(1);
    const link = names.peerLink(vpcId(1), vpcId(2));
    const inA = ['-n', names.space(vpcId(1))];
    await commands.run('ip', [...inA, 'link', 'delete', 'dev', link]);
    assert.equal(await reaches('a', 'b'), false);
    await tell(vpcs(ALL_PAIRS));
    assert.equal(await reaches('a', 'b'), true);
    await commands.run('ip', [...inA, 'neigh', 'flush', 'dev', link, 'nud', 'permanent']);
    await commands.run('ip', ['link', 'delete', 'dev', names.peerLink(vpcId(3), vpcId(1))]);
    await network[Symbol.asyncDispose]();
    fabric.node(1).network = await fabric.open(1);
    await tell(vpcs(ALL_PAIRS));
    assert.equal(await reaches('a', 'b'), true);
    assert.equal(await reaches('c', 'a'), true);
  });

  test('a place that was deleted by hand is back at the next look, whichever of the two is looked at first', async () => {
    const { names, commands, network } = fabric.node(2);
    for (const all of [vpcs(ALL_PAIRS), vpcs(ALL_PAIRS).toReversed()]) {
      await commands.run('ip', ['netns', 'delete', names.space(vpcId(1))]);
      await network.ensureSubnets([specOf(HOST_ROUTED)], all);
      assert.equal(await reaches('bFar', 'a'), true);
    }
  });

  test('a peer without guests on a node costs a router there, until it has one', async () => {
    const { names, commands, network } = fabric.node(2);
    const space = names.space(vpcId(1));
    const [bridge, link] = [names.bridge(subnetOf(1).id), names.peerLink(vpcId(1), vpcId(2))];
    const interfaces = async () => {
      const { stdout } = await commands.run('ip', ['-n', space, '-j', 'link', 'show']);
      return (JSON.parse(stdout) as { ifname: string }[]).map(({ ifname }) => ifname).sort();
    };
    const passage = ['lo', link, names.overlay(vpcId(1))].sort();
    assert.deepEqual(await interfaces(), passage);
    assert.equal(served.has(space), false);
    const all = vpcs(ALL_PAIRS, { more: ['late'] });
    await tell(all, 'change');
    await plug('late');
    await tell(all);
    assert.ok((await interfaces()).includes(bridge) && served.has(space));
    assert.equal(await reaches('late', 'b'), true);
    assert.equal(await reaches('bFar', 'late'), true);
    assert.equal(await reaches('bFar', 'a'), true);
    await talkers.get('late')![Symbol.asyncDispose]();
    talkers.delete('late');
    await network.removePort(portSpec('late').interfaceId);
    await tell(vpcs(ALL_PAIRS));
    assert.deepEqual(await interfaces(), passage);
    assert.equal(served.has(space), false);
    assert.equal(await reaches('bFar', 'a'), true);
  });

  test('an end of a way is up only while the rules of its own place know it', async () => {
    const { names, commands } = fabric.node(1);
    const places = [
      { prefix: [], spaced: commands, links: [[3, 1]] },
      ...[1, 2].map((number) => ({
        prefix: ['-n', names.space(vpcId(number))],
        spaced: commandsInNamespace(systemCommands, names.space(vpcId(number))),
        links:
          number === 1
            ? [
                [1, 2],
                [1, 3],
              ]
            : [[2, 1]],
      })),
    ];
    const seen: string[] = [];
    const look = async () => {
      for (const { prefix, spaced, links } of places) {
        const up = (await commands.run('ip', [...prefix, 'link', 'show', 'up'])).stdout;
        const rules = (await spaced.run('nft', ['list', 'table', 'ip', names.table])).stdout;
        const ends = links.map(([from, to]) => names.peerLink(vpcId(from!), vpcId(to!)));
        for (const end of ends) if (up.includes(end) && !rules.includes(end)) seen.push(end);
      }
    };
    await tell(vpcs([]), 'change');
    fabric.watch(1, look);
    await tell(vpcs(ALL_PAIRS), 'change');
    fabric.watch(1, undefined);
    assert.deepEqual(seen, []);
    assert.equal(await reaches('a', 'b'), true);
    assert.equal(await reaches('c', 'a'), true);
  });

  test('a peering that is deleted cuts, and leaves no way behind', async () => {
    await tell(vpcs([[1, 3]]), 'change');
    assert.equal(await reaches('a', 'b'), false);
    assert.equal(await reaches('a', 'bFar'), false);
    assert.equal(await reaches('b', 'a'), false);
    assert.equal(await reaches('a', 'c'), true);
    const { names, commands } = fabric.node(1);
    for (const number of [1, 2]) {
      const inside = ['-n', names.space(vpcId(number)), '-o', 'link', 'show'];
      const { stdout } = await commands.run('ip', inside);
      const left = stdout.match(new RegExp(`ib${names.tag}p[0-9a-z]{8}`, 'g')) ?? [];
      assert.deepEqual(
        [...new Set(left)],
        number === 1 ? [names.peerLink(vpcId(1), vpcId(3))] : [],
      );
    }
  });
});

test('a route that is for more than the peer has leads there for what it has, and no further', () => {
  const peer = { cidrs: ['10.1.0.0/16', '172.16.5.0/24'] } as VpcIntent;
  const wide = toPeer('10.0.0.0/8', 2);
  assert.deepEqual(peerNetworksIn(wide, [wide], peer), ['10.1.0.0/16']);
  const nearer: RouteIntent = { destination: '10.1.0.0/16', target: { kind: 'internet' } };
  assert.deepEqual(peerNetworksIn(wide, [wide, nearer], peer), []);
  const within: RouteIntent = { destination: '10.1.5.0/24', target: { kind: 'internet' } };
  assert.deepEqual(peerNetworksIn(wide, [wide, within], peer), ['10.1.0.0/16']);
  const narrow = toPeer('10.1.5.0/24', 2);
  assert.deepEqual(peerNetworksIn(narrow, [narrow], peer), []);
});

test('peers are VPCs that both say so, and that the node knows', () => {
  const vpc = (number: number, ...peers: number[]) => {
    const ports = [{ nodeId: `node-${number}` }];
    const shape = { id: vpcId(number), peers: peers.map(vpcId), subnets: [subnetOf(number)] };
    return { ...shape, ports } as VpcIntent;
  };
  const all = [vpc(1, 2, 3, 9, 1), vpc(2, 1), vpc(3)];
  const idsOn = (nodeId?: `node-${string}`) =>
    [...planPeers(all, nodeId)].map(([id, peers]) => [id, peers.map((each) => each.id)]);
  const both = [
    [vpcId(1), [vpcId(2)]],
    [vpcId(2), [vpcId(1)]],
  ];
  assert.deepEqual(idsOn(), both);
  assert.deepEqual(idsOn('node-1'), both);
  assert.deepEqual(idsOn('node-3'), []);
});

test('of two peers with the same addresses a subnet hears the one that its routes lead back to', () => {
  const peer = (number: number) => ({ id: vpcId(number), cidrs: ['10.9.0.0/16'] }) as VpcIntent;
  const [one, other] = [peer(2), peer(3)];
  const subnet = (third: number, ...routes: RouteIntent[]) =>
    ({ cidr: `10.1.${third}.0/24`, routes }) as unknown as VpcIntent['subnets'][number];
  const [first, second, both] = [
    subnet(1, toPeer('10.9.0.0/16', 2)),
    subnet(2, toPeer('10.8.0.0/15', 3)),
    subnet(3, toPeer('10.9.0.0/16', 3), toPeer('10.9.5.0/24', 2)),
  ];
  const subnets = [first!, second!, both!];
  const hub = { id: vpcId(1), cidrs: ['10.1.0.0/16'], subnets } as VpcIntent;
  const names = { peerLink: (_from: string, to: string) => to };
  const rules = peerRulesOf(hub, new Map([[hub.id, [one, other]]]), names);
  const whole = { from: '10.9.0.0/16', except: [] };
  assert.deepEqual(
    rules.map(({ notBack }) => notBack),
    [
      [
        { ...whole, to: '10.1.2.0/24' },
        { ...whole, except: ['10.9.5.0/24'], to: '10.1.3.0/24' },
      ],
      [
        { ...whole, to: '10.1.1.0/24' },
        { from: '10.9.5.0/24', except: [], to: '10.1.3.0/24' },
      ],
    ],
  );
  const alone = peerRulesOf(hub, new Map([[hub.id, [one]]]), names);
  assert.equal(alone[0]!.notBack, undefined);
});

function cidrOf(number: number): string {
  return `10.${210 + number}.0.0/16`;
}

function toPeer(destination: string, number: number): RouteIntent {
  return { destination, target: { kind: 'peering', vpcId: vpcId(number) } };
}

function ipOf(name: Name): string {
  const { number, vpc } = PLACES[name];
  return `10.${210 + vpc}.1.${4 + number}`;
}

function subnetOf(number: number) {
  const id: SubnetId = `subnet-${number.toString(16).padStart(17, '0')}`;
  return { id, cidr: `10.${210 + number}.1.0/24`, gatewayIp: `10.${210 + number}.1.1` };
}

function specOf(number: number): PortSpec['subnet'] {
  return { ...subnetOf(number), vpcCidr: cidrOf(number), domain: 'ec2.internal' };
}

function portSpec(name: Name): PortSpec {
  const { number, vpc } = PLACES[name];
  const hex = number.toString(16).padStart(17, '0');
  return {
    instanceId: `i-${hex}`,
    interfaceId: `eni-${hex}` as InterfaceId,
    macAddress: `02:aa:00:02:00:0${number}`,
    privateIp: ipOf(name),
    hostname: `ip-${ipOf(name).replaceAll('.', '-')}.ec2.internal`,
    subnet: specOf(vpc),
    ...{ vcpus: 1, profile: PARAVIRTUAL },
  };
}
