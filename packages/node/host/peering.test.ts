// Owns the tests of peerings on the host: VPCs on two nodes, of which some may reach each other.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import type { RouteIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { FETCH, type Namespace, whyNoNamespaces } from '../testing/guest-namespace.ts';
import { Talker } from '../testing/guest-sockets.ts';
import { NodeFabric } from '../testing/node-fabric.ts';
import { ALL_IN, fromGroup, group, portIntent, vpcId, vpcIntent } from '../testing/vpc-intent.ts';
import type { PortSpec } from './host-network.ts';
import { peerNetworksIn, planPeers } from './peering-plan.ts';

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
} as const;
type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];
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

  before(async () => {
    fabric = await NodeFabric.create({ label: 'pcx', nodes: 2 });
    await tell(vpcs(ALL_PAIRS));
    for (const name of NAMES) await plug(name);
    await tell(vpcs(ALL_PAIRS));
  });

  after(async () => {
    for (const each of talkers.values()) await each[Symbol.asyncDispose]();
    await fabric[Symbol.asyncDispose]();
  });

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

  function vpcs(pairs: Pairs, changes: { ingress?: Parameters<typeof group>[1] } = {}) {
    const { ingress = [ALL_IN] } = changes;
    return VPCS.map((number) => {
      const peers = pairs.flatMap(([one, other]) =>
        one === number ? [other] : other === number ? [one] : [],
      );
      // Routes are there whether a peering is or not: to everybody, over whoever may be asked.
      const routes = VPCS.filter((other) => other !== number).map((other) => {
        const next = peers.includes(other) ? other : (peers[0] ?? other);
        return toPeer(cidrOf(other), next);
      });
      const ports = NAMES.filter((name) => PLACES[name].vpc === number).map((name) =>
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
  const vpc = (number: number, ...peers: number[]) =>
    ({ id: vpcId(number), peers: peers.map(vpcId), subnets: [subnetOf(number)] }) as VpcIntent;
  const peers = planPeers([vpc(1, 2, 3, 9, 1), vpc(2, 1), vpc(3)]);
  const ids = [...peers].map(([id, all]) => [id, all.map((each) => each.id)]);
  assert.deepEqual(ids, [
    [vpcId(1), [vpcId(2)]],
    [vpcId(2), [vpcId(1)]],
  ]);
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
