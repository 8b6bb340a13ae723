// Owns the tests of the network between nodes for VPCs that the hosts route themselves, as default ones are: two of two
// accounts, each with a guest on two nodes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { parseIpv4 } from '@ironbark/core/ipv4.ts';
import { inNetworkNamespace } from '@ironbark/platform/network-namespace.ts';
import { openPacketSocket } from '@ironbark/platform/packet-socket.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { receiveRaw } from '../testing/frames.ts';
import { type Namespace, whyNoNamespaces } from '../testing/guest-namespace.ts';
import { Talker } from '../testing/guest-sockets.ts';
import { NodeFabric } from '../testing/node-fabric.ts';
import { ALL_IN, group, portIntent, vpcId, vpcIntent } from '../testing/vpc-intent.ts';
import type { PortSpec } from './host-network.ts';
import { VXLAN_PORT } from './underlay-rules.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);

const CIDR = '10.211.0.0/16';
const PORT = 4_000;
const NEVER_MS = 250;
const ARP = 0x0806;

/** The node of each, and its VPC; addresses follow. */
const PLACES = {
  here: { number: 4, node: 1, vpc: 1 },
  there: { number: 5, node: 2, vpc: 1 },
  foreign: { number: 6, node: 1, vpc: 2 },
  far: { number: 7, node: 2, vpc: 2 },
} as const;
type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];
const addressOf = (name: Name) => `10.211.${PLACES[name].vpc}.${PLACES[name].number}`;

describe('default VPCs on two nodes', { skip }, () => {
  let fabric: NodeFabric;
  const guests = new Map<Name, Namespace>();
  const talkers = new Map<Name, Talker>();
  const talker = (name: Name) => talkers.get(name)!;

  before(async () => {
    fabric = await NodeFabric.create({ label: 'vh', nodes: 2 });
    await tell(vpcs());
    for (const name of NAMES) {
      const guest = await fabric.plug(PLACES[name].node, portSpec(name));
      guests.set(name, guest);
      talkers.set(name, await Talker.open(guest, PORT));
    }
    await tell(vpcs());
  });

  after(async () => {
    for (const each of talkers.values()) await each[Symbol.asyncDispose]();
    await fabric[Symbol.asyncDispose]();
  });

  async function tell(all: VpcIntent[]): Promise<void> {
    const subnets = [1, 2].map(subnetOf);
    for (const { network } of fabric.nodes) await network.ensureSubnets(subnets, all);
  }

  function subnetOf(vpc: number) {
    const id: SubnetId = `subnet-${vpc.toString(16).padStart(17, '0')}`;
    const place = { cidr: `10.211.${vpc}.0/24`, gatewayIp: `10.211.${vpc}.1` };
    return { id, ...place, vpcCidr: CIDR, domain: 'ec2.internal' };
  }

  function portId(number: number): InterfaceId {
    return `eni-${number.toString(16).padStart(17, '0')}`;
  }

  function portSpec(name: Name): PortSpec {
    const { number, vpc } = PLACES[name];
    const hex = number.toString(16).padStart(17, '0');
    const privateIp = addressOf(name);
    return {
      instanceId: `i-${hex}`,
      interfaceId: portId(number),
      macAddress: `02:aa:00:03:00:0${number}`,
      privateIp,
      hostname: `ip-${privateIp.replaceAll('.', '-')}.ec2.internal`,
      subnet: subnetOf(vpc),
      ...{ vcpus: 1, profile: PARAVIRTUAL },
    };
  }

  function vpcs(publicIps: { privateIp: string; publicIp: string }[] = []): VpcIntent[] {
    return [1, 2].map((number) => {
      const ports = NAMES.filter((name) => PLACES[name].vpc === number).map((name) =>
        portIntent(portSpec(name), [1], {
          nodeId: `node-${PLACES[name].node}`,
          publicIps: name === 'there' ? publicIps : [],
        }),
      );
      const subnets = [subnetOf(number)].map(({ id, cidr, gatewayIp }) => ({
        ...{ id, cidr, gatewayIp },
        routes: [
          { destination: '0.0.0.0/0', target: { kind: 'internet', masquerades: true } as const },
        ],
      }));
      const shape = { number, cidr: CIDR, subnets, groups: [group(1, [ALL_IN])], ports };
      return { ...vpcIntent(shape), locations: fabric.locations };
    });
  }

  test('guests of one account reach each other on the other node, and those of another nowhere', async () => {
    assert.equal(await talker('here').reaches(addressOf('there'), PORT), true);
    assert.equal(await talker('far').reaches(addressOf('foreign'), PORT), true);
    for (const name of ['far', 'foreign'] as const) {
      assert.equal(await talker('here').reaches(addressOf(name), PORT, NEVER_MS), false, name);
      assert.ok(!talker(name).heard.some(({ from }) => from === addressOf('here')));
    }
  });

  test('a guest cannot send what looks as if its node had packed it', async () => {
    await using forged = await Talker.open(fabric.stranger, VXLAN_PORT);
    await using other = await Talker.open(fabric.stranger, PORT);
    await talker('here').send('forged', '192.0.2.99', VXLAN_PORT);
    assert.equal(await talker('here').reaches('192.0.2.99', PORT), true);
    assert.deepEqual(forged.heard, []);
    assert.ok(other.heard.some(({ from }) => from === fabric.node(1).underlayAddress));
  });

  /** As the second node's first instance in it makes it known. */
  function withSubnet(number: number, privateIps = [`10.211.${number}.8`]): VpcIntent[] {
    const { id, cidr, gatewayIp } = subnetOf(number);
    const spec = { ...portSpec('there'), interfaceId: portId(8), subnet: subnetOf(number) };
    const [first, ...others] = vpcs();
    const subnets = [...first!.subnets, { ...first!.subnets[0]!, id, cidr, gatewayIp }];
    const ports = [...first!.ports, portIntent(spec, [1], { nodeId: 'node-2', privateIps })];
    return [{ ...first!, subnets, ports }, ...others];
  }

  test('a new subnet has its bridge before anything leads to it on the other node', async () => {
    const { names, host, network } = fabric.node(1);
    const overlay = names.overlay(vpcId(1));
    await network.putVpcs(withSubnet(3));
    assert.match(await host.ip('route', 'show', '10.211.3.8'), new RegExp(`dev ${overlay} `));
    await network.ensureSubnets([1, 2, 3].map(subnetOf), withSubnet(3));
    await tell(vpcs());
  });

  test('the rules name the way to another node before it is there, and until it is gone', async () => {
    const { network, names, commands } = fabric.node(1);
    const overlay = names.overlay(vpcId(2));
    const alone = vpcs().map((vpc) => ({
      ...vpc,
      ports: vpc.ports.filter(({ nodeId }) => nodeId === 'node-1'),
    }));
    const isThere = async () => (await fabric.node(1).host.ip('link')).includes(overlay);
    const isNamed = async () =>
      (await commands.run('nft', ['list', 'table', 'ip', names.table])).stdout.includes(overlay);
    for (const told of [alone, vpcs()]) {
      if (told !== alone) await refusesAnotherCloudsNumber(told);
      const seen: [boolean, boolean][] = [];
      fabric.watch(1, async () => void seen.push([await isThere(), await isNamed()]));
      await network.putVpcs(told);
      fabric.watch(1, undefined);
      assert.deepEqual(
        seen.filter(([there, named]) => there && !named),
        [],
      );
      assert.equal(await isThere(), told !== alone);
    }
  });

  async function refusesAnotherCloudsNumber(told: VpcIntent[]): Promise<void> {
    const { host, network } = fabric.node(1);
    const device = ['id', '2', 'local', '192.0.2.1', 'dstport', `${VXLAN_PORT}`];
    await host.ip('link', 'add', 'another', 'type', 'vxlan', ...device);
    await assert.rejects(network.putVpcs(told), /Network number 2 .* is another's on this host/);
    await host.ip('link', 'delete', 'another');
  }

  test("what is the host's own stays reached as it was, whatever is said to be elsewhere", async () => {
    const { host, network } = fabric.node(1);
    const told = withSubnet(1, ['192.0.2.99', '10.211.2.5', '10.99.0.1', '10.211.1.9']);
    await network.putVpcs(told);
    const change = await host.ip('route');
    await network.ensureSubnets([1, 2].map(subnetOf), told);
    for (const routes of [change, await host.ip('route')]) {
      assert.match(routes, /10\.211\.1\.9 via 192\.0\.2\.2/);
      assert.doesNotMatch(routes, /192\.0\.2\.99|10\.211\.2\.5|10\.99\.0\.1/);
    }
    // A block of the host's own, which no bridge has come to.
    await host.ip('route', 'add', '10.211.3.0/24', 'dev', 'eth0');
    await assert.rejects(network.putVpcs(withSubnet(3)), /overlaps 10\.211\.3\.0\/24/);
    await network.putVpcs(withSubnet(3));
    assert.equal(await host.ip('route', 'show', '10.211.3.8'), '');
    await host.ip('route', 'delete', '10.211.3.0/24', 'dev', 'eth0');
    await tell(vpcs());
  });

  test('a bridge that is gone comes back beside the routes to the other node', async () => {
    const { names, host } = fabric.node(1);
    const bridge = names.bridge(subnetOf(2).id);
    await host.ip('link', 'delete', bridge);
    assert.match(await host.ip('route', 'show', 'dev', names.overlay(vpcId(2))), /10\.211\.2\.7/);
    await tell(vpcs());
    assert.match(await host.ip('address', 'show', 'dev', bridge), /10\.211\.2\.1\/24/);
    assert.equal(await talker('far').reaches(addressOf('foreign'), PORT), true);
  });

  test('a public address of a guest that its host routes is answered for there', async () => {
    const publicIp = '203.0.113.9';
    const ofAnotherCloud = '203.0.113.77 dev eth0';
    const { host } = fabric.node(2);
    await host.ip('neigh', 'add', 'proxy', ...ofAnotherCloud.split(' '), 'protocol', '145');
    await tell(vpcs([{ privateIp: addressOf('there'), publicIp }]));
    await fabric.stranger.ip('route', 'add', '203.0.113.0/24', 'dev', 'eth0');
    await using world = await Talker.open(fabric.stranger, PORT);
    assert.equal(await world.reaches(publicIp, PORT), true);
    assert.ok(talker('there').heard.some(({ from }) => from === '192.0.2.99'));
    await tell(vpcs());
    // Another port of the sender's: the kernel goes on with flows that it knows.
    await using again = await Talker.open(fabric.stranger, PORT + 1);
    assert.equal(await again.reaches(publicIp, PORT, NEVER_MS), false);
    const answered = (await host.ip('neigh', 'show', 'proxy')).trim().split('\n');
    assert.deepEqual(
      answered.map((line) => line.startsWith(ofAnotherCloud)),
      [true],
    );
  });

  test('a node answers for a public address only while the port is there, whatever its document says', async () => {
    const publicIp = '203.0.113.10';
    const { host, network } = fabric.node(2);
    const told = withSubnet(1).map((vpc) => ({
      ...vpc,
      ports: vpc.ports.map((port) => {
        const privateIp = port.privateIps[0]!;
        return port.interfaceId === portId(8)
          ? { ...port, publicIps: [{ privateIp, publicIp }] }
          : port;
      }),
    }));
    const answers = async () => (await host.ip('neigh', 'show', 'proxy')).includes(publicIp);
    await network.ensureSubnets([1, 2].map(subnetOf), told);
    const seen = [await answers()];
    const place = { privateIp: '10.211.1.8', macAddress: '02:aa:00:03:00:08' };
    await network.ensurePort({ ...portSpec('there'), ...place, interfaceId: portId(8) });
    seen.push(await answers());
    await network.removePort(portId(8));
    seen.push(await answers());
    assert.deepEqual(seen, [false, true, false]);
    await tell(vpcs());
  });

  test('a node that came up leaves a public address to whoever answers, and announces none unasked', async () => {
    const publicIp = '203.0.113.19';
    const { network, host } = fabric.node(2);
    const told = vpcs([{ privateIp: addressOf('there'), publicIp }]);
    const come = (isKept: boolean) => network.ensureSubnets([1, 2].map(subnetOf), told, { isKept });
    const isAnswered = async () => (await host.ip('neigh', 'show', 'proxy')).includes(publicIp);
    const link = JSON.parse(await fabric.stranger.ip('-j', 'link', 'show', 'dev', 'eth0'));
    const wire = inNetworkNamespace(fabric.stranger.name, () =>
      openPacketSocket({ interfaceIndex: link[0].ifindex, protocol: ARP }),
    );
    const announced = () =>
      receiveRaw(wire.fd).some((frame) => frame.readUInt32BE(28) === parseIpv4(publicIp));
    try {
      // Its new node's, by now.
      await fabric.stranger.ip('address', 'add', `${publicIp}/32`, 'dev', 'eth0');
      await come(true);
      assert.equal(await isAnswered(), false);
      await fabric.stranger.ip('address', 'delete', `${publicIp}/32`, 'dev', 'eth0');
      await come(true);
      assert.equal(await isAnswered(), true);
      assert.equal(announced(), false);
      await come(false);
      assert.equal(announced(), true);
    } finally {
      wire.close();
    }
    await tell(vpcs());
  });

  test('a network that is taken off its host leaves no rule, interface or route', async () => {
    const { network, commands, names, host } = fabric.node(1);
    await network.removeAll();
    assert.equal((await commands.run('nft', ['list', 'ruleset'])).stdout, '');
    assert.doesNotMatch(await host.ip('link'), new RegExp(`ib${names.tag}`));
    assert.doesNotMatch(await host.ip('route'), /10\.211/);
  });
});
