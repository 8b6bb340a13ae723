// Owns telling a network that addresses are here now: whoever has their hardware address from before sends there from
// then on, instead of when its entry has grown old. And asking it who has them.

import { readSync } from 'node:fs';
import { parseIpv4 } from '@ironbark/core/ipv4.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import { inNetworkNamespace } from '@ironbark/platform/network-namespace.ts';
import { openPacketSocket, type PacketSocket } from '@ironbark/platform/packet-socket.ts';
import type { NetworkPlace } from './network-place.ts';

const ARP = 0x0806;
const BROADCAST = 'ff'.repeat(6);
/** An ARP request over Ethernet for IPv4. */
const REQUEST_HEAD = '0001' + '0800' + '06' + '04' + '0001';
const NOBODY = '00'.repeat(6);

/** A node answers for others' addresses within 0.8 s (`proxy_delay` of Linux); what is lost is asked for again. */
const ROUNDS = 3;
const ROUND_MS = 500;
/** Of an Ethernet frame with ARP for IPv4. */
const FRAME_BYTES = 42;
const SENDER_MAC_AT = 22;
const SENDER_IP_AT = 28;

type Place = Pick<NetworkPlace, 'commands' | 'namespace'>;

/**
 * ARP Announcements (RFC 5227, 1.1): requests for the sender's own address. Each is sent once; one that is lost costs no
 * more than what was so without it. An interface that is no Ethernet needs none.
 */
export async function announceAddresses(
  place: Place,
  interfaceName: string,
  addresses: readonly string[],
): Promise<void> {
  const open = await openArp(place, interfaceName);
  if (open === undefined) return;
  const { socket, macAddress } = open;
  try {
    for (const each of addresses) socket.send(renderAnnouncement(macAddress, each));
  } finally {
    socket.close();
  }
}

/** Those of the addresses that somebody else on the network answers for. `from`: an address of this host's own. */
export async function findAnswered(
  place: Place,
  { interfaceName, from, clock }: { interfaceName: string; from: string; clock: Clock },
  addresses: readonly string[],
): Promise<Set<string>> {
  const open = await openArp(place, interfaceName);
  const answered = new Set<string>();
  if (open === undefined) return answered;
  const { socket, macAddress } = open;
  const wanted = new Map(addresses.map((each) => [parseIpv4(each)!, each]));
  try {
    for (let round = 0; round < ROUNDS; round += 1) {
      // Not by the address itself, as RFC 5227's probes: who answers for others does not hear those.
      for (const each of addresses) socket.send(renderRequest(macAddress, from, each));
      await clock.sleep(ROUND_MS);
      for (const frame of receiveAll(socket)) {
        if (frame.length < FRAME_BYTES) continue;
        const sender = wanted.get(frame.readUInt32BE(SENDER_IP_AT));
        const mac = frame.toString('hex', SENDER_MAC_AT, SENDER_IP_AT);
        if (sender !== undefined && mac !== bare(macAddress)) answered.add(sender);
      }
    }
  } finally {
    socket.close();
  }
  return answered;
}

/** Undefined where the interface is no Ethernet. */
async function openArp(
  { commands, namespace }: Place,
  interfaceName: string,
): Promise<{ socket: PacketSocket; macAddress: string } | undefined> {
  const { stdout } = await commands.run('ip', ['-j', 'link', 'show', 'dev', interfaceName]);
  const [link] = JSON.parse(stdout) as { ifindex: number; link_type: string; address: string }[];
  if (link?.link_type !== 'ether') return undefined;
  const open = () => openPacketSocket({ interfaceIndex: link.ifindex, protocol: ARP });
  const socket = namespace === undefined ? open() : inNetworkNamespace(namespace, open);
  return { socket, macAddress: link.address };
}

function receiveAll({ fd }: PacketSocket): Buffer[] {
  const frames: Buffer[] = [];
  for (;;) {
    const buffer = Buffer.alloc(FRAME_BYTES);
    try {
      frames.push(buffer.subarray(0, readSync(fd, buffer)));
    } catch (error) {
      if (hasCode(error, 'EAGAIN')) return frames;
      throw error;
    }
  }
}

/** A whole Ethernet frame. `macAddress`: with colons. */
export function renderAnnouncement(macAddress: string, address: string): Buffer {
  return renderRequest(macAddress, address, address);
}

function renderRequest(macAddress: string, from: string, address: string): Buffer {
  const mac = bare(macAddress);
  const text = `${BROADCAST}${mac}0806${REQUEST_HEAD}${mac}${hex(from)}${NOBODY}${hex(address)}`;
  return Buffer.from(text, 'hex');
}

function bare(macAddress: string): string {
  return macAddress.replaceAll(':', '');
}

function hex(address: string): string {
  return parseIpv4(address)!.toString(16).padStart(8, '0');
}
