// Owns the tests of the network between nodes: one VPC on two of them, another with the same addresses beside it.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { bindInNamespace } from '@ironbark/platform/network-namespace.ts';
import type { RouteIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { type FrameAddresses, udpFrame } from '../testing/frames.ts';
import {
  ASK_FOR_LEASE,
  FETCH,
  type Namespace,
  whyNoNamespaces,
} from '../testing/guest-namespace.ts';
import { Connection, echoIn, Talker } from '../testing/guest-sockets.ts';
import { NodeFabric } from '../testing/node-fabric.ts';
import { ALL_IN, fromGroup, group, portIntent, vpcId, vpcIntent } from '../testing/vpc-intent.ts';
import type { PortSpec } from './host-network.ts';
import { overlayMac } from './overlay-plan.ts';
import { VXLAN_PORT } from './underlay-rules.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);

const CIDR = '10.210.0.0/16';
const PORT = 4_000;
const METADATA_PORT = 8_775;
const NEVER_MS = 250;
const MANY = 100;
const STREAM_BYTES = 2 ** 20;
const PUBLIC = '203.0.113.8';

/** Number among all, VPC, subnet, address and group; on which node it is, the tests say. */
const PLACES = {
  here: { number: 1, vpc: 1, subnet: 1, ip: '10.210.1.5', group: 1 },
  there: { number: 2, vpc: 1, subnet: 1, ip: '10.210.1.6', group: 2 },
  beyond: { number: 3, vpc: 1, subnet: 2, ip: '10.210.2.7', group: 1 },
  double: { number: 4, vpc: 2, subnet: 3, ip: '10.210.1.5', group: 1 },
  other: { number: 5, vpc: 2, subnet: 3, ip: '10.210.1.6', group: 1 },
} as const;
type Name = keyof typeof PLACES;
const NAMES = Object.keys(PLACES) as Name[];
const NODES: Record<Name, number> = { here: 1, there: 2, beyond: 2, double: 1, other: 2 };

describe('a VPC on several nodes', { skip }, () => {
  let fabric: NodeFabric;
  const guests = new Map<Name, Namespace>();
  const talkers = new Map<Name, Talker>();
  const guest = (name: Name) => guests.get(name)!;
  const talker = (name: Name) => talkers.get(name)!;

  before(async () => {
    fabric = await NodeFabric.create({ label: 'vx', nodes: 3, changes: { serveMetadata } });
    await tell(vpcs(), 'change');
    for (const name of NAMES) await plug(name, NODES[name]);
    await tell(vpcs());
  });

  after(async () => {
    for (const each of talkers.values()) await each[Symbol.asyncDispose]();
    await fabric[Symbol.asyncDispose]();
  });

  async function serveMetadata(id: string, namespace: string) {
    return listen({
      address: { fd: bindInNamespace(namespace, METADATA_PORT) },
      handler: async (_request, response) => {
        response.end(`${id} in ${namespace}`);
      },
      logger: silentLogger,
    });
  }

  async function plug(name: Name, node: number): Promise<void> {
    const made = await fabric.plug(node, portSpec(name), vpcId(PLACES[name].vpc));
    guests.set(name, made);
    talkers.set(name, await Talker.open(made, PORT));
  }

  /** Every node hears the same. */
  async function tell(all: VpcIntent[], how: 'look' | 'change' = 'look'): Promise<void> {
    for (const { network } of fabric.nodes) {
      if (how === 'look') await network.ensureSubnets([], all);
      else await network.putVpcs(all);
    }
  }

  function subnetOf(number: number, routes: RouteIntent[] = []) {
    const third = number === 3 ? 1 : number;
    const id: SubnetId = `subnet-${number.toString(16).padStart(17, '0')}`;
    return { id, cidr: `10.210.${third}.0/24`, gatewayIp: `10.210.${third}.1`, routes };
  }

  function portSpec(name: Name): PortSpec {
    const { number, subnet, ip } = PLACES[name];
    const { routes: _, ...own } = subnetOf(subnet);
    const hex = number.toString(16).padStart(17, '0');
    return {
      instanceId: `i-${hex}`,
      interfaceId: `eni-${hex}` as InterfaceId,
      macAddress: `02:aa:00:01:00:0${number}`,
      privateIp: ip,
      hostname: `ip-${ip.replaceAll('.', '-')}.ec2.internal`,
      subnet: { ...own, vpcCidr: CIDR, domain: 'ec2.internal' },
      ...{ vcpus: 1, profile: PARAVIRTUAL },
    };
  }

  interface Changes {
    nodes?: Partial<Record<Name, number>>;
    routes?: RouteIntent[];
    /** Into the second group. */
    ingress?: Parameters<typeof group>[1];
    router?: Name;
    publicOf?: Name;
  }

  function vpcs({ nodes = {}, routes = [], ingress = [ALL_IN], router, publicOf }: Changes = {}) {
    const ports = (vpc: number) =>
      NAMES.filter((name) => PLACES[name].vpc === vpc).map((name) => {
        const nodeId = `node-${nodes[name] ?? NODES[name]}` as const;
        const checksSource = name !== router;
        const publicIps =
          name === publicOf ? [{ privateIp: PLACES[name].ip, publicIp: PUBLIC }] : [];
        const changes = { nodeId, checksSource, publicIps };
        return portIntent(portSpec(name), [PLACES[name].group], changes);
      });
    const groups = [group(1, [ALL_IN]), group(2, ingress)];
    const subnets = [subnetOf(1, routes), subnetOf(2)];
    const { locations } = fabric;
    const one = { number: 1, cidr: CIDR, groups, subnets, ports: ports(1) };
    const two = { number: 2, cidr: CIDR, groups, subnets: [subnetOf(3)], ports: ports(2) };
    return [one, two].map((shape) => ({ ...vpcIntent(shape), locations }));
  }

  test('guests reach each other on other nodes, in their subnet and beyond, at the first packet', async () => {
    assert.equal(await talker('here').reaches('10.210.1.6', PORT), true);
    assert.equal(await talker('here').reaches('10.210.2.7', PORT), true);
    assert.equal(await talker('beyond').reaches('10.210.1.5', PORT), true);
    const { heard } = talker('here');
    const answers = () => heard.filter(({ text }) => text.startsWith('answer ask one of many'));
    for (let at = 0; at < MANY; at += 1) {
      await talker('here').send(`ask one of many ${at}`, '10.210.1.6', PORT);
    }
    await waitFor(() => answers().length === MANY, {
      ...{ clock: systemClock, timeoutMs: 10_000, what: `${MANY} answers` },
    });
  });

  test('another VPC with the same addresses on the same nodes has its own', async () => {
    const before = talker('there').heard.length;
    assert.equal(await talker('double').reaches('10.210.1.6', PORT), true);
    assert.equal(talker('there').heard.length, before);
    assert.ok(talker('other').heard.some(({ from }) => from === '10.210.1.5'));
    assert.equal(await talker('double').reaches('10.210.2.7', PORT, NEVER_MS), false);
  });

  test("addresses, names and metadata are the node's own", async () => {
    for (const name of ['here', 'there'] as const) {
      const space = fabric.node(NODES[name]).names.space(vpcId(1));
      const url = 'http://169.254.169.254/latest/meta-data/';
      assert.equal(await guest(name).script(FETCH, url), `${vpcId(1)} in ${space}`);
    }
    await guest('there').ip('route', 'add', '255.255.255.255', 'dev', 'eth0');
    const lease = JSON.parse(await guest('there').script(ASK_FOR_LEASE)) as Record<string, unknown>;
    assert.deepEqual([lease['address'], lease['mtu']], ['10.210.1.6', 1_450]);
  });

  test('a stream goes whole from a guest that took its lease when nobody was elsewhere, too', async () => {
    assert.match(await guest('here').ip('link', 'show', 'dev', 'eth0'), / mtu 1500 /);
    await using _server = await echoIn(guest('there'), PORT);
    using connection = await Connection.open(guest('here'), '10.210.1.6', PORT);
    assert.equal(await connection.echoes('x'.repeat(STREAM_BYTES)), true);
  });

  test('a group that a rule names has its members on other nodes', async () => {
    await tell(vpcs({ ingress: [fromGroup(1)] }), 'change');
    assert.equal(await talker('here').reaches('10.210.1.6', PORT), true);
    await tell(vpcs({ ingress: [fromGroup(2)] }), 'change');
    assert.equal(await talker('here').reaches('10.210.1.6', PORT + 1, NEVER_MS), false);
    await using late = await Talker.open(guest('here'), PORT + 2);
    assert.equal(await late.reaches('10.210.1.6', PORT, NEVER_MS), false);
    await tell(vpcs(), 'change');
    assert.equal(await late.reaches('10.210.1.6', PORT), true);
  });

  /** What a node packs, by hand. */
  function packed(network: number, addresses: FrameAddresses, text: string): Buffer {
    const header = Buffer.alloc(8);
    header.set([8], 0);
    header.writeUIntBE(network, 4, 3);
    return Buffer.concat([header, udpFrame(addresses, [PORT, PORT], text)]);
  }

  test("of what comes from other nodes only what is their guests' own is taken", async () => {
    const [one, two, three] = fabric.nodes;
    const own: FrameAddresses = {
      fromMac: overlayMac(two!.underlayAddress),
      toMac: overlayMac(one!.underlayAddress),
      ...{ fromIp: '10.210.1.6', toIp: '10.210.1.5' },
    };
    const broadcast = 'ff:ff:ff:ff:ff:ff';
    const arp = (text: string) => {
      const bytes = packed(1, own, text);
      bytes.writeUInt16BE(0x0806, 8 + 12);
      return bytes;
    };
    const forgeries: [string, Namespace, (text: string) => Buffer][] = [
      ['a stranger', fabric.stranger, (text) => packed(1, own, text)],
      ['a node without ports', three!.host, (text) => packed(1, own, text)],
      [
        'as that node too',
        three!.host,
        (text) => packed(1, { ...own, fromMac: overlayMac(three!.underlayAddress) }, text),
      ],
      [
        "a guest's MAC",
        two!.host,
        (text) => packed(1, { ...own, fromMac: '02:aa:00:01:00:02' }, text),
      ],
      ["this node's guest", two!.host, (text) => packed(1, { ...own, fromIp: '10.210.1.5' }, text)],
      ["nobody's address", two!.host, (text) => packed(1, { ...own, fromIp: '10.210.1.77' }, text)],
      ['the gateway', two!.host, (text) => packed(1, { ...own, fromIp: '10.210.1.1' }, text)],
      [
        'the metadata service',
        two!.host,
        (text) => packed(1, { ...own, fromIp: '169.254.169.254' }, text),
      ],
      ['the world', two!.host, (text) => packed(1, { ...own, fromIp: '198.51.100.7' }, text)],
      ["nobody's VPC", two!.host, (text) => packed(77, own, text)],
      ['to everybody', two!.host, (text) => packed(1, { ...own, toMac: broadcast }, text)],
      [
        "to the guest's MAC",
        two!.host,
        (text) => packed(1, { ...own, toMac: '02:aa:00:01:00:01' }, text),
      ],
      ['ARP', two!.host, arp],
    ];
    const texts: string[] = [];
    for (const [what, host, make] of forgeries) {
      await using socket = await Talker.open(host, 0);
      texts.push(what);
      await socket.sendBytes(make(what), one!.underlayAddress, VXLAN_PORT);
    }
    // Right, and last: what came before it was dropped.
    await using socket = await Talker.open(two!.host, 0);
    const right = packed(1, own, 'right');
    const isHeard = () => {
      void socket.sendBytes(right, one!.underlayAddress, VXLAN_PORT);
      return talker('here').heard.some(({ text }) => text === 'right');
    };
    await waitFor(isHeard, { clock: systemClock, timeoutMs: 10_000, what: 'the right one' });
    const heard = new Set(
      [...talkers.values()].flatMap((each) => each.heard).map(({ text }) => text),
    );
    assert.deepEqual(
      texts.filter((text) => heard.has(text)),
      [],
    );
  });

  test('nothing on another node is reached but its guests: not its router, names or metadata', async () => {
    const [one, two] = fabric.nodes;
    const inner = (toIp: string, text: string) =>
      packed(
        1,
        {
          fromMac: overlayMac(two!.underlayAddress),
          toMac: overlayMac(one!.underlayAddress),
          fromIp: '10.210.1.6',
          toIp,
        },
        text,
      );
    const space = one!.names.space(vpcId(1));
    await using ear = await Talker.open({ name: space } as Namespace, PORT);
    await using socket = await Talker.open(two!.host, 0);
    for (const ip of ['10.210.1.1', '169.254.128.1', '169.254.169.254']) {
      await socket.sendBytes(inner(ip, 'inside'), one!.underlayAddress, VXLAN_PORT);
    }
    assert.equal(await talker('there').reaches('10.210.1.5', PORT), true);
    assert.deepEqual(ear.heard, []);
  });

  test('routes to a guest lead to its node, and a public address is answered for there', async () => {
    const target = { kind: 'interface', interfaceId: portSpec('beyond').interfaceId } as const;
    const out: RouteIntent = { destination: '0.0.0.0/0', target: { kind: 'internet' } };
    const routes = [{ destination: '198.51.100.0/24', target }, out];
    await guest('beyond').ip('address', 'add', '198.51.100.7/32', 'dev', 'lo');
    await fabric.stranger.ip('route', 'add', '203.0.113.0/24', 'dev', 'eth0');
    await using world = await Talker.open(fabric.stranger, PORT);
    await tell(vpcs({ routes, router: 'beyond', publicOf: 'here' }), 'change');
    assert.equal(await talker('here').reaches('198.51.100.7', PORT), true);
    assert.equal(await world.reaches(PUBLIC, PORT), true);
    await tell(vpcs({ routes: [out], publicOf: 'there' }), 'change');
    assert.equal(await talker('here').reaches('198.51.100.7', PORT, NEVER_MS), false);
    assert.equal(await world.reaches(PUBLIC, PORT), true);
    assert.ok(talker('there').heard.some(({ from }) => from === '192.0.2.99'));
    const answering = fabric.nodes.map(({ host }) => host.ip('neigh', 'show', 'proxy'));
    const shown = (await Promise.all(answering)).map((text) => text.includes(PUBLIC));
    assert.deepEqual(shown, [false, true, false]);
  });

  test('what was taken away by hand comes back, and what was added goes', async () => {
    const { names, network, commands, underlayAddress } = fabric.node(1);
    const [space, overlay] = [names.space(vpcId(1)), names.overlay(vpcId(1))];
    const two = fabric.node(2).underlayAddress;
    const mac = overlayMac(two);
    const ip = (...words: string[]) => systemCommands.run('ip', ['-n', space, ...words]);
    const fdb = (...words: string[]) =>
      systemCommands.run('bridge', ['-n', space, 'fdb', ...words]);
    const table = ['table', 'ip', names.underlayTable];
    const rounds: [string, (() => Promise<unknown>)[]][] = [
      [
        'the interface, and the rules',
        [() => ip('link', 'delete', overlay), () => commands.run('nft', ['delete', ...table])],
      ],
      [
        'where a node is, the neighbour, the route, the members, and things too many',
        [
          () => fdb('delete', mac, 'dev', overlay, 'dst', two, 'self'),
          () => ip('neigh', 'delete', two, 'dev', overlay),
          () => ip('route', 'delete', '10.210.1.6', 'dev', overlay),
          () => commands.run('nft', ['flush', 'set', ...table.slice(1), 'members']),
          () => ip('link', 'set', overlay, 'mtu', '900'),
          () => ip('route', 'add', '10.210.1.99', 'dev', overlay),
          () => fdb('append', '00:00:00:00:00:00', 'dev', overlay, 'dst', '192.0.2.99', 'self'),
        ],
      ],
    ];
    for (const [what, damages] of rounds) {
      for (const damage of damages) await damage();
      await network.ensureSubnets([], vpcs());
      assert.equal(await talker('there').reaches('10.210.1.5', PORT), true, what);
    }
    const entries = (await fdb('show', 'dev', overlay)).stdout.trim().split('\n');
    assert.deepEqual(
      entries.map((line) => line.split(' ').slice(0, 3)),
      [[mac, 'dst', two]],
    );
    const routes = (await ip('-4', 'route', 'show', 'dev', overlay)).stdout.trim().split('\n');
    assert.deepEqual(
      routes.map((line) => line.split(' ')[0]),
      ['10.210.1.6', '10.210.2.7'],
    );
    const rules = await commands.run('nft', ['list', ...table]);
    assert.ok(rules.stdout.includes(two) && !rules.stdout.includes(`${underlayAddress} .`));
  });

  test('an instance that is started on another node has its addresses there, and the old place forgets', async () => {
    await fabric.node(2).network.removePort(portSpec('beyond').interfaceId);
    await talker('beyond')[Symbol.asyncDispose]();
    talkers.delete('beyond');
    const moved = vpcs({ nodes: { beyond: 3 } });
    await tell(moved, 'change');
    await plug('beyond', 3);
    await fabric.node(3).network.ensureSubnets([], moved);
    assert.equal(await talker('here').reaches('10.210.2.7', PORT), true);
    assert.equal(await talker('there').reaches('10.210.2.7', PORT), true);
    const { names, commands } = fabric.node(1);
    const { stdout } = await commands.run('nft', [
      'list',
      'set',
      'ip',
      names.underlayTable,
      'members',
    ]);
    const member = (node: number) => `${fabric.node(node).underlayAddress} . 0x1 . 0xad20207`;
    assert.deepEqual(
      [2, 3].map((node) => stdout.includes(member(node))),
      [false, true],
    );
  });

  test('a VPC that goes leaves nothing between the nodes', async () => {
    const { names, commands, network } = fabric.node(1);
    await network.removePort(portSpec('here').interfaceId);
    await network.ensureSubnets([], vpcs().slice(1));
    const { stdout } = await commands.run('nft', ['list', 'ruleset']);
    assert.ok(!/ \. 0x1 \. /.test(stdout));
    const spaces = (await systemCommands.run('ip', ['netns', 'list'])).stdout;
    assert.ok(!spaces.includes(names.space(vpcId(1))));
    assert.equal(await talker('double').reaches('10.210.1.6', PORT), true);
  });
});
