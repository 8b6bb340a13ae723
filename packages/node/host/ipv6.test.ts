import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';
import { linkLocalOf, parseIpv6, renderIpv6 } from '@ironbark/core/ipv6.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { commandsInNamespace, inNetworkNamespace } from '@ironbark/platform/network-namespace.ts';
import { openPacketSocket, type PacketSocket } from '@ironbark/platform/packet-socket.ts';
import type { AclEntryIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { receiveFrames, receiveRaw, sendFrame, udpFrame } from '../testing/frames.ts';
import {
  ASK_FOR_LEASE6,
  ICMP6,
  neighbourFrame,
  routerAdvert,
  udp6Frame,
} from '../testing/frames6.ts';
import { createGuestIn, type Namespace } from '../testing/guest-namespace.ts';
import { Talker } from '../testing/guest-sockets.ts';
import { createTestCloud, type TestCloud } from '../testing/test-cloud.ts';
import { ALLOW_ALL, group, portIntent, vpcId, vpcIntent } from '../testing/vpc-intent.ts';
import type { HostNetwork, PortSpec } from './host-network.ts';
import { findLink } from './links.ts';
import { createNetworkNames } from './network-names.ts';
import { type OpenTap, openTap } from './tap-device.ts';

const canRun = process.getuid?.() === 0 && existsSync('/dev/net/tun');
const skip = canRun
  ? false
  : 'SKIPPED, NOT TESTED: name spaces and taps need root and /dev/net/tun';
if (skip !== false) process.emitWarning(skip);

const PORT = 4_000;
const NEVER_MS = 250;
const ETH_P_ALL = 3;
const ALL_IN_6 = { protocol: -1, peer: { kind: 'cidr', cidr: '::/0' } } as const;
const ALL_IN_4 = { protocol: -1, peer: { kind: 'cidr', cidr: '0.0.0.0/0' } } as const;
const ALLOW_6: AclEntryIntent[] = ALLOW_ALL.map((one) => ({
  ...one,
  ...{ ruleNumber: 101, cidr: '::/0' },
}));

/** Prints what the name server says of the metadata service. */
const ASK_FOR_NAME = `
  import { Resolver } from 'node:dns/promises';
  const resolver = new Resolver({ timeout: 2000, tries: 3 });
  resolver.setServers(['[' + process.argv[1] + ']']);
  console.log((await resolver.resolve4('instance-data.ec2.internal'))[0]);
`;

/** Both VPCs have the same networks, of both families. */
const PLACES = {
  first: { number: 1, vpc: 1, subnet: 1 },
  beside: { number: 2, vpc: 1, subnet: 1 },
  further: { number: 3, vpc: 1, subnet: 2 },
  double: { number: 4, vpc: 2, subnet: 3 },
  played: { number: 5, vpc: 1, subnet: 1 },
} as const;
type Name = keyof typeof PLACES;
const GUESTS = ['first', 'beside', 'further', 'double'] as const;

const partOf = (subnet: number) => (subnet === 3 ? 1 : subnet);
const ipv6Of = (name: Name) => `fd5b:1:2:${partOf(PLACES[name].subnet)}00::1${PLACES[name].number}`;

describe('IPv6 in VPCs with name spaces', { skip }, () => {
  let cloud: TestCloud;
  let network: HostNetwork;
  const guests = new Map<Name, Namespace>();
  const talkers = new Map<Name, Talker>();
  const talker = (name: Name) => talkers.get(name)!;
  const names = () => createNetworkNames(cloud.cloudId);
  const space = (name: Name) => names().space(vpcId(PLACES[name].vpc));

  before(async () => {
    cloud = await createTestCloud('vpc6');
    network = await cloud.open();
    await network.ensureSubnets([], vpcs());
    await Promise.all(GUESTS.map(plug));
    await network.ensureSubnets([], vpcs());
    await Promise.all(GUESTS.map(settle));
  });

  after(async () => {
    for (const each of talkers.values()) await each[Symbol.asyncDispose]();
    await network[Symbol.asyncDispose]();
    await network.removeAll();
    for (const guest of guests.values()) await guest[Symbol.asyncDispose]();
  });

  async function plug(name: Name): Promise<void> {
    const port = portSpec(name);
    await network.ensurePort(port);
    const guest = await createGuestIn(space(name), names().tap(port.interfaceId), port);
    guests.set(name, guest);
  }

  async function settle(name: Name): Promise<void> {
    const guest = guests.get(name)!;
    await guest.ip('-6', 'address', 'add', `${ipv6Of(name)}/128`, 'dev', 'eth0', 'nodad');
    talkers.set(name, await Talker.open(guest, PORT, 'udp6'));
  }

  async function leaseOf(name: Name): Promise<string> {
    const text = await guests.get(name)!.script(ASK_FOR_LEASE6);
    const value = parseIpv6(text);
    assert.ok(value !== undefined, `${name}: ${text}`);
    return renderIpv6(value);
  }

  function subnetOf(number: number, acl: AclEntryIntent[] = [...ALLOW_ALL, ...ALLOW_6]) {
    const id: SubnetId = `subnet-${number.toString(16).padStart(17, '0')}`;
    const third = partOf(number);
    const ipv6 = { cidr: `fd5b:1:2:${third}00::/64`, gatewayIp: `fd5b:1:2:${third}00::1` };
    return { id, cidr: `10.201.${third}.0/24`, gatewayIp: `10.201.${third}.1`, ipv6, acl };
  }

  function portSpec(name: Name): PortSpec {
    const { number, subnet } = PLACES[name];
    const { id, cidr, gatewayIp } = subnetOf(subnet);
    return {
      ...cloud.port(number + 4),
      interfaceId: `eni-${number.toString(16).padStart(17, '0')}` as InterfaceId,
      privateIp: `10.201.${partOf(subnet)}.1${number}`,
      hostname: `ip-10-201-${partOf(subnet)}-1${number}.ec2.internal`,
      subnet: { id, cidr, gatewayIp, vpcCidr: '10.201.0.0/16', domain: 'ec2.internal' },
    };
  }

  const port = (name: Name, groups = [1]) =>
    portIntent(portSpec(name), groups, { ipv6Addresses: [ipv6Of(name)] });

  interface Changes {
    ingress?: Parameters<typeof group>[1];
    acl?: AclEntryIntent[];
  }

  function vpcs({ ingress = [ALL_IN_6], acl }: Changes = {}): VpcIntent[] {
    const open = group(1, ingress, [ALL_IN_6]);
    const shared = { cidr: '10.201.0.0/16', groups: [open, group(2)] };
    const one = ['first', 'beside', 'further', 'played'] as const;
    return [
      vpcIntent({
        ...{ ...shared, number: 1, subnets: [subnetOf(1), subnetOf(2, acl)] },
        ports: one.map((name) => port(name)),
      }),
      vpcIntent({ ...shared, number: 2, subnets: [subnetOf(3)], ports: [port('double')] }),
    ].map((vpc) => ({ ...vpc, ipv6Cidrs: ['fd5b:1:2::/48'] }));
  }

  test('the router says where it is, and the lease is what the cloud gave', async () => {
    const router = linkLocalOf(names().bridgeMac(subnetOf(1).id));
    let told = '';
    const isTold = async () => {
      told = await guests.get('first')!.ip('-6', 'route', 'show', 'proto', 'ra');
      return told.includes(`default via ${router} dev eth0`);
    };
    await waitFor(isTold, { clock: systemClock, timeoutMs: 10_000, what: 'the router' });
    assert.doesNotMatch(told, /^fd5b/m, 'a neighbour would be looked for on the link');
    for (const name of ['first', 'further'] as const) {
      assert.equal(await leaseOf(name), ipv6Of(name));
    }
    const server = subnetOf(1).ipv6.gatewayIp;
    const named = await guests.get('first')!.script(ASK_FOR_NAME, server);
    assert.equal(named, '169.254.169.254');
  });

  test('ports of a subnet and of two reach each other, those of another VPC do not', async () => {
    assert.equal(await talker('first').reaches(ipv6Of('beside'), PORT), true);
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT), true);
    assert.equal(await talker('further').reaches(ipv6Of('first'), PORT), true);
    assert.equal(await talker('double').reaches(ipv6Of('further'), PORT, NEVER_MS), false);
    assert.deepEqual(talker('double').heard, []);
  });

  test('groups let through what their rules say, and a rule for IPv4 is none for IPv6', async () => {
    await network.putVpcs(vpcs({ ingress: [ALL_IN_4] }));
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT, NEVER_MS), false);
    const cidr = `${ipv6Of('first')}/128`;
    await network.putVpcs(vpcs({ ingress: [{ protocol: 17, peer: { kind: 'cidr', cidr } }] }));
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT), true);
    assert.equal(await talker('beside').reaches(ipv6Of('further'), PORT, NEVER_MS), false);
    const peer = { kind: 'group', groupId: group(1).id } as const;
    await network.putVpcs(vpcs({ ingress: [{ protocol: 17, peer }] }));
    assert.equal(await talker('beside').reaches(ipv6Of('further'), PORT), true);
    await network.putVpcs(vpcs());
  });

  test('a network ACL has entries of its own for IPv6', async () => {
    const refusal = { ruleNumber: 50, isEgress: false, isAllowed: false, protocol: 17 };
    const entry = { ...refusal, cidr: 'fd5b:1:2:100::/64' };
    await network.putVpcs(vpcs({ acl: [...ALLOW_ALL, entry, ...ALLOW_6] }));
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT, NEVER_MS), false);
    await network.putVpcs(vpcs({ acl: ALLOW_ALL }));
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT, NEVER_MS), false);
    await network.putVpcs(vpcs());
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT), true);
  });

  test('a subnet that loses IPv6 is deaf to it, and one that gets it again is not', async () => {
    const without = vpcs().map((vpc) => ({
      ...vpc,
      subnets: vpc.subnets.map(({ ipv6: _none, ...subnet }) => subnet),
    }));
    await network.putVpcs(without);
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT, NEVER_MS), false);
    const inside = commandsInNamespace(systemCommands, space('first'));
    assert.equal((await inside.run('ip', ['-6', '-o', 'address', 'show'])).stdout, '');
    await network.putVpcs(vpcs());
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT), true);
  });

  test('rules that somebody took away come back, also to a process that has just started', async () => {
    const inside = commandsInNamespace(systemCommands, space('first'));
    for (const table of [names().table, names().groupTable]) {
      await inside.run('nft', ['delete', 'table', 'ip6', table]);
    }
    await inside.run('ip', ['-6', 'address', 'flush', 'dev', names().bridge(subnetOf(2).id)]);
    await network[Symbol.asyncDispose]();
    network = await cloud.open();
    await network.ensureSubnets([], vpcs());
    const { stdout } = await inside.run('nft', ['list', 'tables']);
    assert.equal(stdout.match(/table ip6 ironbark_/g)?.length, 2);
    assert.equal(await talker('first').reaches(ipv6Of('further'), PORT), true);
  });

  describe('a port lets out only what is its own', () => {
    let tap: OpenTap;
    let bridge: PacketSocket;
    const ROUTER = () => names().bridgeMac(subnetOf(1).id);
    const own = () => ({
      ...{ fromMac: cloud.port(9).macAddress, toMac: ROUTER() },
      ...{ fromIp: ipv6Of('played'), toIp: ipv6Of('further') },
    });
    const PORTS: [number, number] = [1_000, 2_000];

    before(async () => {
      const attachment = await network.ensurePort(portSpec('played'));
      assert.ok(attachment.kind === 'tap');
      const { interfaceName, queues, vhost, namespace } = attachment;
      tap = openTap(interfaceName, { queues, vhost, ...(namespace && { namespace }) });
      const inside = commandsInNamespace(systemCommands, space('played'));
      const link = await findLink(inside, names().bridge(subnetOf(1).id));
      bridge = inNetworkNamespace(space('played'), () =>
        openPacketSocket({ interfaceIndex: link!.index, protocol: ETH_P_ALL }),
      );
      const isForwarding = () => {
        sendFrame(tap.fds[0]!, mark('ready?'));
        return receiveRaw(bridge.fd).some((one) => one.includes('ready?'));
      };
      await waitFor(isForwarding, { clock: systemClock, timeoutMs: 5_000, what: 'the bridge' });
    });

    after(async () => {
      bridge.close();
      tap.close();
      await network.removePort(portSpec('played').interfaceId);
    });

    /** By IPv4, which needs nothing of what is tried. */
    function mark(text: string): Buffer {
      const { privateIp, subnet } = portSpec('played');
      return udpFrame({ ...own(), fromIp: privateIp, toIp: subnet.gatewayIp }, PORTS, text);
    }

    /** True when the router got it as it is; a frame that is let through says when to stop waiting. */
    async function arrives(frame: Buffer): Promise<boolean> {
      const end = `end-${process.hrtime.bigint()}`;
      sendFrame(tap.fds[0]!, frame);
      sendFrame(tap.fds[0]!, mark(end));
      const heard: Buffer[] = [];
      const isDone = () => {
        heard.push(...receiveRaw(bridge.fd));
        return heard.some((one) => one.includes(end));
      };
      await waitFor(isDone, { clock: systemClock, timeoutMs: 10_000, what: end, intervalMs: 5 });
      return heard.some((one) => one.equals(frame));
    }

    const linkLocal = () => linkLocalOf(own().fromMac);

    test('its own addresses pass, and what a guest says of itself', async () => {
      assert.equal(await arrives(udp6Frame(own(), PORTS, 'hello')), true);
      const told = { target: ipv6Of('played'), mac: own().fromMac };
      const fromLink = { ...own(), fromIp: linkLocal(), toIp: 'ff02::1' };
      assert.equal(await arrives(neighbourFrame(fromLink, ICMP6.advert, told)), true);
      const ofLink = { ...told, target: linkLocal() };
      assert.equal(await arrives(neighbourFrame(fromLink, ICMP6.advert, ofLink)), true);
      assert.equal(await arrives(neighbourFrame(own(), ICMP6.solicit, told)), true);
      const before = { ...own(), fromIp: '::', toIp: 'ff02::1:ff00:15' };
      assert.equal(await arrives(neighbourFrame(before, ICMP6.solicit, told)), true);
      const lease = { ...own(), fromIp: linkLocal(), toIp: 'ff02::1:2' };
      assert.equal(await arrives(udp6Frame(lease, [546, 547], 'please')), true);
    });

    test('another source does not pass', async () => {
      const router = linkLocalOf(ROUTER());
      const others = ['first', 'further'] as const;
      const strange = [...others.map(ipv6Of), subnetOf(1).ipv6.gatewayIp, router, '2001:db8::1'];
      const ofNeighbour = linkLocalOf(portSpec('first').macAddress);
      for (const fromIp of [...strange, ofNeighbour, 'fe80::1234', 'ff02::1', '::1', '::']) {
        const frame = udp6Frame({ ...own(), fromIp }, PORTS, 'x');
        assert.equal(await arrives(frame), false, fromIp);
      }
      const stranger = { ...own(), fromMac: '02:bb:00:00:00:99' };
      assert.equal(await arrives(udp6Frame(stranger, PORTS, 'x')), false);
    });

    test('it answers for no address but its own', async () => {
      const mac = own().fromMac;
      const router = linkLocalOf(ROUTER());
      const ofNeighbour = linkLocalOf(portSpec('first').macAddress);
      for (const target of [ipv6Of('first'), subnetOf(1).ipv6.gatewayIp, router, ofNeighbour]) {
        for (const fromIp of [ipv6Of('played'), linkLocal()]) {
          const frame = neighbourFrame({ ...own(), fromIp }, ICMP6.advert, { target, mac });
          assert.equal(await arrives(frame), false, `${target} of ${fromIp}`);
        }
      }
    });

    test('it is no router and no server of leases', async () => {
      const all = { ...own(), fromIp: linkLocal(), toIp: 'ff02::1', toMac: '33:33:00:00:00:01' };
      assert.equal(await arrives(routerAdvert(all)), false);
      const redirect = { target: linkLocal(), mac: own().fromMac };
      assert.equal(await arrives(neighbourFrame(all, ICMP6.redirect, redirect)), false);
      assert.equal(await arrives(udp6Frame(all, [547, 546], 'an offer')), false);
    });

    test('once its address is gone it has no IPv6 at all', async () => {
      const without = vpcs().map((vpc) => ({
        ...vpc,
        ports: vpc.ports.map(({ ipv6Addresses: own6, ...rest }) =>
          rest.interfaceId === portSpec('played').interfaceId
            ? rest
            : { ...rest, ...(own6 && { ipv6Addresses: own6 }) },
        ),
      }));
      await network.putVpcs(without);
      assert.equal(await arrives(udp6Frame(own(), PORTS, 'hello')), false);
      receiveFrames(tap.fds[0]!);
    });
  });
});
