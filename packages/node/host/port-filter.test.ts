import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { openPacketSocket, type PacketSocket } from '@ironbark/platform/packet-socket.ts';
import { ETHERTYPE_AOE } from '@ironbark/protocol/aoe/frame.ts';
import {
  arpFrame,
  ethernet,
  receiveFrames,
  receiveRaw,
  sendFrame,
  udpFrame,
} from '../testing/frames.ts';
import { createTestCloud, type TestCloud } from '../testing/test-cloud.ts';
import { portIntent, vpcIntent } from '../testing/vpc-intent.ts';
import type { HostNetwork } from './host-network.ts';
import { findLink } from './links.ts';
import { createNetworkNames } from './network-names.ts';
import { type OpenTap, openTap } from './tap-device.ts';

const canRun = process.getuid?.() === 0 && existsSync('/dev/net/tun');
const skip = canRun ? false : 'SKIPPED, NOT TESTED: opening taps needs root and /dev/net/tun';
if (skip !== false) process.emitWarning(skip);

/** Of every kind, in linux/if_ether.h. */
const ETH_P_ALL = 3;

/** Two guests played frame by frame: what the first sends, the host or the second sees or does not. */
describe('a port lets out only what is its own', { skip }, () => {
  let cloud: TestCloud;
  let network: HostNetwork;
  const taps: OpenTap[] = [];
  let bridge: PacketSocket;
  const names = () => createNetworkNames(cloud.cloudId);
  const own = () => ({
    fromMac: cloud.port(5).macAddress,
    toMac: names().bridgeMac(cloud.subnet.id),
    fromIp: cloud.address(5),
    toIp: cloud.address(6),
  });
  const STRANGER_MAC = '02:bb:00:00:00:99';
  const PORTS: [number, number] = [1000, 2000];

  before(async () => {
    cloud = await createTestCloud('filter');
    network = await cloud.open();
    await network.ensureSubnets([cloud.subnet]);
    for (const place of [5, 6]) {
      const port = await network.ensurePort(cloud.port(place));
      assert.ok(port.kind === 'tap');
      taps.push(openTap(port.interfaceName, { queues: port.queues, vhost: port.vhost }));
    }
    bridge = openPacketSocket({
      interfaceIndex: (await findLink(systemCommands, names().bridge(cloud.subnet.id)))!.index,
      protocol: ETH_P_ALL,
    });
    // The kernel tells the bridge of a tap that was opened a little later.
    const isForwarding = () => {
      sendFrame(taps[0]!.fds[0]!, udpFrame(own(), PORTS, 'ready?'));
      return receiveRaw(bridge.fd).some((one) => one.includes('ready?'));
    };
    await waitFor(isForwarding, { clock: systemClock, timeoutMs: 5_000, what: 'the bridge' });
  });

  after(async () => {
    bridge.close();
    for (const tap of taps) tap.close();
    await network.removeAll();
  });

  /** What the host has heard of a frame, and the other guest; a proper frame sent after it tells when to stop waiting. */
  async function send(frame: Buffer): Promise<{ host: Buffer[]; guest: Buffer[] }> {
    const mark = `end-${process.hrtime.bigint()}`;
    receiveFrames(taps[1]!.fds[0]!);
    sendFrame(taps[0]!.fds[0]!, frame);
    sendFrame(taps[0]!.fds[0]!, udpFrame(own(), PORTS, mark));
    const host: Buffer[] = [];
    const isDone = () => {
      host.push(...receiveRaw(bridge.fd));
      return host.some((one) => one.includes(mark));
    };
    await waitFor(isDone, { clock: systemClock, timeoutMs: 10_000, what: mark, intervalMs: 5 });
    return { host, guest: receiveFrames(taps[1]!.fds[0]!) };
  }

  /** True when the host got it as it is. */
  async function arrives(frame: Buffer): Promise<boolean> {
    return (await send(frame)).host.some((one) => one.equals(frame));
  }

  test('no frame reaches another guest but through the host', async () => {
    const toGuest = cloud.port(6).macAddress;
    for (const toMac of [toGuest, 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:fb', STRANGER_MAC]) {
      const direct = { ...own(), toMac };
      for (const frame of [udpFrame(direct, PORTS, 'direct'), arpFrame(direct)]) {
        const { guest } = await send(frame);
        assert.deepEqual(
          guest.filter((one) => one.equals(frame)),
          [],
          toMac,
        );
      }
    }
  });

  test('the host answers for the other guest, and hands packets on to it', async () => {
    const bridgeName = names().bridge(cloud.subnet.id);
    const neighbour = [cloud.address(6), 'lladdr', cloud.port(6).macAddress];
    await systemCommands.run('ip', ['neigh', 'replace', ...neighbour, 'dev', bridgeName]);
    receiveFrames(taps[0]!.fds[0]!);
    sendFrame(taps[0]!.fds[0]!, arpFrame({ ...own(), toMac: 'ff:ff:ff:ff:ff:ff' }, undefined, 1));
    const hostMac = Buffer.from(own().toMac.replaceAll(':', ''), 'hex');
    const answers: Buffer[] = [];
    const isAnswered = () => {
      answers.push(...receiveFrames(taps[0]!.fds[0]!));
      return answers.some((one) => one.subarray(22, 28).equals(hostMac));
    };
    await waitFor(isAnswered, { clock: systemClock, timeoutMs: 10_000, what: 'ARP' });
    sendFrame(taps[0]!.fds[0]!, udpFrame(own(), PORTS, 'routed'));
    const isRouted = () => receiveFrames(taps[1]!.fds[0]!).some((one) => one.includes('routed'));
    await waitFor(isRouted, { clock: systemClock, timeoutMs: 10_000, what: 'the packet' });
  });

  test('its own IPv4 and ARP pass', async () => {
    assert.equal(await arrives(udpFrame(own(), PORTS, 'hello')), true);
    assert.equal(await arrives(arpFrame(own())), true);
    assert.equal(await arrives(arpFrame({ ...own(), fromIp: '0.0.0.0' })), true);
  });

  test('A34: another source address does not pass', async () => {
    for (const fromIp of [
      cloud.address(7),
      cloud.address(1),
      cloud.address(6),
      '169.254.169.254',
    ]) {
      assert.equal(await arrives(udpFrame({ ...own(), fromIp }, PORTS, 'x')), false, fromIp);
      assert.equal(await arrives(arpFrame({ ...own(), fromIp })), false, `ARP ${fromIp}`);
    }
    assert.equal(await arrives(udpFrame({ ...own(), fromIp: '0.0.0.0' }, PORTS, 'x')), false);
  });

  test('A34: another MAC address does not pass, in the frame or inside ARP', async () => {
    const stranger = { ...own(), fromMac: STRANGER_MAC };
    assert.equal(await arrives(udpFrame(stranger, PORTS, 'x')), false);
    assert.equal(await arrives(arpFrame(stranger)), false);
    assert.equal(await arrives(arpFrame(own(), STRANGER_MAC)), false);
  });

  test('frames of AoE come out of no port but one that carries storage, and reach the host alone', async () => {
    const { fromMac, toMac } = own();
    const device = network.hostInterface(cloud.subnet.id)!;
    const everybody = 'ff:ff:ff:ff:ff:ff';
    const [link] = JSON.parse(
      (await systemCommands.run('ip', ['-j', 'link', 'show', 'dev', device])).stdout,
    );
    const options = { interfaceIndex: link.ifindex, protocol: ETHERTYPE_AOE };
    const { fd, close } = openPacketSocket(options);
    try {
      const sentBy = (mac: string, to: string, mark: string) =>
        ethernet(to, mac, ETHERTYPE_AOE, Buffer.from(mark.padEnd(60, '\0')));
      const reachesGuest = async (frame: Buffer, mark: string) =>
        (await send(frame)).guest.some((one) => one.includes(mark));
      for (const to of [toMac, everybody]) {
        assert.equal(await reachesGuest(sentBy(fromMac, to, 'closed'), 'closed'), false);
      }
      await network.ensurePort({ ...cloud.port(5), carriesStorage: true });
      for (const to of [toMac, everybody]) {
        assert.equal(await reachesGuest(sentBy(fromMac, to, 'open'), 'open'), false, to);
        assert.equal(await arrives(sentBy(STRANGER_MAC, to, 'spoofed')), false);
      }
      await network.ensurePort(cloud.port(5));
      assert.equal(await arrives(sentBy(fromMac, toMac, 'closed again')), false);
      const heard = receiveRaw(fd);
      assert.deepEqual(
        heard.map((each) => each.toString('latin1', 14, 18)),
        ['open', 'open'],
      );
      const address = link.address.replaceAll(':', '');
      assert.ok(heard.every((each) => each.toString('hex', 0, 6) === address));
    } finally {
      close();
    }
  });

  test('a port that routes sends with addresses from outside its VPC, never with a neighbour’s', async () => {
    const { id, cidr, gatewayIp, vpcCidr } = cloud.subnet;
    const shape = { number: 1, cidr: vpcCidr, subnets: [{ id, cidr, gatewayIp }] };
    const ports = [portIntent(cloud.port(5), [], { checksSource: false })];
    const foreign = { ...own(), fromIp: '198.51.100.9' };
    assert.equal(await arrives(udpFrame(foreign, PORTS, 'before')), false);
    await network.putVpcs([vpcIntent({ ...shape, ports })]);
    assert.equal(await arrives(udpFrame(foreign, PORTS, 'routed')), true);
    for (const fromIp of [cloud.address(6), cloud.address(1), '169.254.1.1', '0.0.0.0']) {
      assert.equal(await arrives(udpFrame({ ...own(), fromIp }, PORTS, 'x')), false, fromIp);
    }
    const toIp = '169.254.169.254';
    assert.equal(await arrives(udpFrame({ ...foreign, toIp }, PORTS, 'metadata')), false);
    await network.putVpcs([]);
    await network.ensureSubnets([cloud.subnet]);
    assert.equal(await arrives(udpFrame(foreign, PORTS, 'after')), false);
  });

  test('a guest is no DHCP server', async () => {
    assert.equal(await arrives(udpFrame(own(), [67, 68], 'offer')), false);
    const toAll = { ...own(), toMac: 'ff:ff:ff:ff:ff:ff', toIp: '255.255.255.255' };
    assert.equal(await arrives(udpFrame(toAll, [67, 68], 'offer')), false);
    assert.equal(await arrives(udpFrame(toAll, PORTS, 'something else')), true);
  });

  test('a guest without an address may ask for one, and nothing more', async () => {
    const toAll = { ...own(), fromIp: '0.0.0.0', toMac: 'ff:ff:ff:ff:ff:ff' };
    const asking = { ...toAll, toIp: '255.255.255.255' };
    assert.equal(await arrives(udpFrame(asking, [68, 67], 'discover')), true);
    assert.equal(await arrives(udpFrame(asking, [68, 69], 'x')), false);
    assert.equal(
      await arrives(udpFrame({ ...toAll, toIp: cloud.address(6) }, [68, 67], 'x')),
      false,
    );
  });

  test('A34: IPv6 with its neighbour discovery, VLAN tags and every other kind of frame are dropped', async () => {
    const payload = Buffer.alloc(60, 1);
    for (const type of [0x86dd, 0x8100, 0x88a8, 0x88cc, 0x8847, 0x8863, 0x0004]) {
      const frame = ethernet(own().toMac, own().fromMac, type, payload);
      assert.equal(await arrives(frame), false, type.toString(16));
    }
    const inner = udpFrame(own(), PORTS, 'tagged');
    const tag = Buffer.from([0x81, 0x00, 0x00, 0x05]);
    const tagged = Buffer.concat([inner.subarray(0, 12), tag, inner.subarray(12)]);
    assert.equal(await arrives(tagged), false);
  });
});
