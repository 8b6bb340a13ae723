import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { parseIpv4 } from '@ironbark/core/ipv4.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { listen } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { bindInNamespace } from '@ironbark/platform/network-namespace.ts';
import type { RouteIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { arpFrame, receiveFrames, sendFrame } from '../testing/frames.ts';
import {
  ASK_FOR_LEASE,
  createGuestIn,
  FETCH,
  Namespace,
  whyNoNamespaces,
} from '../testing/guest-namespace.ts';
import { Talker } from '../testing/guest-sockets.ts';
import { createTestCloud, type TestCloud } from '../testing/test-cloud.ts';
import {
  ALL_IN,
  ALLOW_ALL,
  group,
  portIntent,
  type VpcShape,
  vpcId,
  vpcIntent,
} from '../testing/vpc-intent.ts';
import type { HostNetwork, PortSpec } from './host-network.ts';
import { RUN_DIRECTORY } from './ip-forwarding.ts';
import { createNetworkNames } from './network-names.ts';
import { openTap } from './tap-device.ts';
import { listNamespaces } from './vpc-space.ts';

const skip = whyNoNamespaces();
if (skip !== false) process.emitWarning(skip);
const PORT = 4000;
const METADATA_PORT = 8_775;
const NEVER_MS = 250;
const CIDR = '10.200.0.0/16';
const OUTSIDE = '198.18.77.2';
const PUBLIC = '203.0.113.8';
const OUT: RouteIntent = { destination: '0.0.0.0/0', target: { kind: 'internet' } };

/** Its number among all, and its VPC, subnet and address. */
const PLACES = {
  first: { number: 1, vpc: 1, subnet: 1, ip: '10.200.1.5' },
  neighbour: { number: 2, vpc: 1, subnet: 2, ip: '10.200.2.5' },
  double: { number: 3, vpc: 2, subnet: 3, ip: '10.200.1.5' },
  spare: { number: 4, vpc: 2, subnet: 3, ip: '10.200.1.6' },
} as const;
/** Those that are there all the time. */
const GUESTS = ['first', 'neighbour', 'double'] as const;
const ARP = 0x0806;
type Name = keyof typeof PLACES;

describe('VPCs with the same addresses on one host', { skip }, () => {
  let cloud: TestCloud;
  let network: HostNetwork;
  let world: Namespace;
  let outside: Talker;
  const guests = new Map<Name, Namespace>();
  const talkers = new Map<Name, Talker>();
  const talker = (name: Name) => talkers.get(name)!;
  const names = () => createNetworkNames(cloud.cloudId);

  before(async () => {
    cloud = await createTestCloud('vpcs');
    network = await cloud.open({ metadataPort: METADATA_PORT, serveMetadata });
    world = await Namespace.create('outer');
    await world.connect('ibtestouter');
    await systemCommands.run('ip', ['address', 'add', '198.18.77.1/24', 'dev', 'ibtestouter']);
    await world.configure(`${OUTSIDE}/24`, '198.18.77.1');
    outside = await Talker.open(world, PORT);
    await network.ensureSubnets([], vpcs());
    for (const name of GUESTS) await plug(name);
    await network.ensureSubnets([], vpcs());
  });

  after(async () => {
    for (const each of [...talkers.values(), outside]) await each[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
    await network.removeAll();
    for (const guest of [...guests.values(), world]) await guest[Symbol.asyncDispose]();
  });

  /** Answers with the VPC that it is for. */
  async function serveMetadata(id: string, namespace: string) {
    return listen({
      address: { fd: bindInNamespace(namespace, METADATA_PORT) },
      handler: async (_request, response) => {
        response.end(id);
      },
      logger: silentLogger,
    });
  }

  async function plug(name: Name): Promise<void> {
    const port = portSpec(name);
    await network.ensurePort(port);
    const { vpc, ip } = PLACES[name];
    const tap = names().tap(port.interfaceId);
    const guest = await createGuestIn(names().space(vpcId(vpc)), tap, port);
    await guest.configure(`${ip}/24`, port.subnet.gatewayIp);
    guests.set(name, guest);
    talkers.set(name, await Talker.open(guest, PORT));
  }

  function subnetOf(number: number, changes: Partial<VpcShape['subnets'][number]> = {}) {
    const third = number === 3 ? 1 : number;
    const id: SubnetId = `subnet-${number.toString(16).padStart(17, '0')}`;
    const cidr = `10.200.${third}.0/24`;
    return { id, cidr, gatewayIp: `10.200.${third}.1`, ...changes };
  }

  function portSpec(name: Name): PortSpec {
    const { number, subnet, ip } = PLACES[name];
    const own = subnetOf(subnet);
    return {
      ...cloud.port(number + 4),
      interfaceId: `eni-${number.toString(16).padStart(17, '0')}` as InterfaceId,
      privateIp: ip,
      hostname: `ip-${ip.replaceAll('.', '-')}.ec2.internal`,
      subnet: { ...own, vpcCidr: CIDR, domain: 'ec2.internal' },
    };
  }

  interface Changes {
    publicIps?: { privateIp: string; publicIp: string }[];
    first?: Partial<VpcShape['subnets'][number]>;
    second?: Partial<VpcShape['subnets'][number]>;
  }

  function vpcs({ publicIps = [], first = {}, second = {} }: Changes = {}): VpcIntent[] {
    const groups = [group(1, [ALL_IN])];
    const [one, two] = [portSpec('first'), portSpec('neighbour')];
    return [
      vpcIntent({
        ...{ number: 1, cidr: CIDR, groups },
        subnets: [subnetOf(1, first), subnetOf(2, second)],
        ports: [portIntent(one, [1], { publicIps }), portIntent(two, [1])],
      }),
      vpcIntent({
        ...{ number: 2, cidr: CIDR, subnets: [subnetOf(3)], groups: [group(1, [ALL_IN])] },
        ports: [portIntent(portSpec('double'), [1]), portIntent(portSpec('spare'), [1])],
      }),
    ];
  }

  test('a VPC routes between its subnets, and reaches no other with the same addresses', async () => {
    assert.equal(await talker('first').reaches('10.200.2.5', PORT), true);
    assert.equal(await talker('neighbour').reaches('10.200.1.5', PORT), true);
    assert.equal(await talker('double').reaches('10.200.2.5', PORT, NEVER_MS), false);
    assert.deepEqual(talker('double').heard, []);
  });

  test('each guest has a lease, names and metadata of its own VPC', async () => {
    for (const name of ['first', 'double'] as const) {
      const guest = guests.get(name)!;
      const url = 'http://169.254.169.254/latest/meta-data/';
      assert.equal(await guest.script(FETCH, url), vpcId(PLACES[name].vpc));
    }
    const guest = guests.get('double')!;
    await guest.ip('route', 'add', '255.255.255.255', 'dev', 'eth0');
    const lease = JSON.parse(await guest.script(ASK_FOR_LEASE)) as Record<string, unknown>;
    assert.equal(lease['address'], PLACES.double.ip);
  });

  test('a hypervisor gets a tap in there as a descriptor, and the port lets out only its own', async () => {
    const port = portSpec('spare');
    const attachment = await network.ensurePort(port);
    assert.ok(attachment.kind === 'tap' && attachment.namespace === names().space(vpcId(2)));
    const { interfaceName, queues, vhost, namespace } = attachment;
    const tap = openTap(interfaceName, { queues, vhost, namespace });
    const [fd] = tap.fds;
    const own = {
      ...{ fromMac: port.macAddress, toMac: 'ff:ff:ff:ff:ff:ff' },
      ...{ fromIp: port.privateIp, toIp: port.subnet.gatewayIp },
    };
    const heard: Buffer[] = [];
    const answersFor = (ip: string) =>
      heard.filter((one) => one.readUInt32BE(38) === parseIpv4(ip)).length;
    try {
      const isAnswered = () => {
        // As somebody else first: an answer to that would come first.
        sendFrame(fd!, arpFrame({ ...own, fromIp: '10.200.1.77' }, undefined, 1));
        sendFrame(fd!, arpFrame(own, undefined, 1));
        heard.push(...receiveFrames(fd!).filter((one) => one.readUInt16BE(12) === ARP));
        return answersFor(port.privateIp) > 0;
      };
      await waitFor(isAnswered, { clock: systemClock, timeoutMs: 10_000, what: 'ARP' });
      assert.equal(answersFor('10.200.1.77'), 0);
    } finally {
      tap.close();
      await network.removePort(port.interfaceId);
    }
  });

  test('nobody goes out without a route and a public address', async () => {
    assert.equal(await talker('first').reaches(OUTSIDE, PORT, NEVER_MS), false);
    await network.putVpcs(vpcs({ first: { routes: [OUT] } }));
    assert.equal(await talker('first').reaches(OUTSIDE, PORT, NEVER_MS), false);
    assert.deepEqual(outside.heard, []);
  });

  test('a public address is reached from outside the host, and goes with its association', async () => {
    const publicIps = [{ privateIp: PLACES.first.ip, publicIp: PUBLIC }];
    await network.putVpcs(vpcs({ publicIps, first: { routes: [OUT] } }));
    assert.equal(await outside.reaches(PUBLIC, PORT), true);
    assert.ok(talker('first').heard.some(({ from }) => from === OUTSIDE));
    assert.equal(await talker('first').reaches(OUTSIDE, PORT), true);
    assert.equal(await talker('neighbour').reaches(OUTSIDE, PORT, NEVER_MS), false);
    await network.putVpcs(vpcs());
    assert.equal(await outside.reaches(PUBLIC, PORT, NEVER_MS), false);
  });

  test('through a NAT gateway guests go out, and nobody comes in', async () => {
    const target = { kind: 'nat', publicIp: PUBLIC } as const;
    await network.putVpcs(vpcs({ second: { routes: [{ destination: '0.0.0.0/0', target }] } }));
    assert.equal(await talker('neighbour').reaches(OUTSIDE, PORT), true);
    assert.equal(await outside.reaches(PUBLIC, PORT, NEVER_MS), false);
    assert.equal(await talker('first').reaches(OUTSIDE, PORT, NEVER_MS), false);
    await network.putVpcs(vpcs());
  });

  test('a network ACL refuses at the edge of its subnet, answers too', async () => {
    const refusal = { ruleNumber: 50, isEgress: false, isAllowed: false, protocol: 17 };
    const acl = [{ ...refusal, cidr: '10.200.1.0/24' }, ...ALLOW_ALL];
    await network.putVpcs(vpcs({ second: { acl } }));
    assert.equal(await talker('first').reaches('10.200.2.5', PORT, NEVER_MS), false);
    assert.equal(await talker('neighbour').reaches('10.200.1.5', PORT, NEVER_MS), false);
    await network.putVpcs(vpcs());
    assert.equal(await talker('first').reaches('10.200.2.5', PORT), true);
  });

  test('what was taken away comes back, also to a process that has just started', async () => {
    const space = names().space(vpcId(1));
    const inside = ['-n', space];
    await systemCommands.run('ip', [...inside, 'link', 'delete', names().bridge(subnetOf(2).id)]);
    await systemCommands.run('ip', ['link', 'delete', names().uplink(vpcId(1))]);
    await network[Symbol.asyncDispose]();
    network = await cloud.open({ metadataPort: METADATA_PORT, serveMetadata });
    const publicIps = [{ privateIp: PLACES.first.ip, publicIp: PUBLIC }];
    await network.ensureSubnets([], vpcs({ publicIps, first: { routes: [OUT] } }));
    assert.equal(await talker('first').reaches('10.200.2.5', PORT), true);
    assert.equal(await outside.reaches(PUBLIC, PORT), true);
    assert.equal((await network.listPorts()).length, 3);
  });

  test('nobody outside sends with an address from inside', async () => {
    const publicIps = [{ privateIp: PLACES.first.ip, publicIp: PUBLIC }];
    await network.ensureSubnets([], vpcs({ publicIps, first: { routes: [OUT] } }));
    const inside = PLACES.neighbour.ip;
    const route = ['route', 'replace', `${PUBLIC}/32`, 'via', '198.18.77.1'];
    const run = (...words: string[]) => systemCommands.run('ip', ['-n', world.name, ...words]);
    await run('address', 'add', `${inside}/32`, 'dev', 'lo');
    await run(...route, 'src', inside);
    await outside.send('pretended', PUBLIC, PORT);
    await run(...route, 'src', OUTSIDE);
    assert.equal(await outside.reaches(PUBLIC, PORT), true);
    assert.ok(!talker('first').heard.some(({ text }) => text === 'pretended'));
  });

  test('nothing is left once all of it is removed', async () => {
    await network.removeAll();
    const { stdout } = await systemCommands.run('ip', ['-o', 'link']);
    assert.ok(!stdout.includes(`ib${names().tag}`));
    assert.deepEqual((await listNamespaces()).filter(names().isSpace), []);
    assert.equal(existsSync(`${RUN_DIRECTORY}/${names().tag}`), false);
    const routes = await systemCommands.run('ip', ['route']);
    assert.ok(!routes.stdout.includes(PUBLIC));
  });
});
