// Owns Ethernet frames made and read by hand on an opened tap, for what a well-behaved guest would never send.

import { readSync, writeSync } from 'node:fs';
import { parseIpv4 } from '@ironbark/core/ipv4.ts';
import { hasCode } from '@ironbark/platform/files.ts';

/** struct virtio_net_hdr, in front of every frame of a tap with IFF_VNET_HDR. */
const VNET_HEADER_BYTES = 10;
const MAX_FRAME_BYTES = 65_536;

export function sendFrame(fd: number, frame: Buffer): void {
  writeSync(fd, Buffer.concat([Buffer.alloc(VNET_HEADER_BYTES), frame]));
}

/** Every frame that has arrived by now at a tap. */
export function receiveFrames(fd: number): Buffer[] {
  return receiveRaw(fd).map((frame) => frame.subarray(VNET_HEADER_BYTES));
}

/** The same of a packet socket. */
export function receiveRaw(fd: number): Buffer[] {
  const frames: Buffer[] = [];
  const buffer = Buffer.alloc(MAX_FRAME_BYTES);
  for (;;) {
    try {
      const length = readSync(fd, buffer);
      frames.push(Buffer.from(buffer.subarray(0, length)));
    } catch (error) {
      if (hasCode(error, 'EAGAIN')) return frames;
      throw error;
    }
  }
}

export interface FrameAddresses {
  fromMac: string;
  toMac: string;
  fromIp: string;
  toIp: string;
}

export function ethernet(toMac: string, fromMac: string, type: number, payload: Buffer): Buffer {
  const header = Buffer.from(`${toMac}${fromMac}`.replaceAll(':', ''), 'hex');
  return Buffer.concat([header, uint16(type), payload]);
}

export function udpFrame(addresses: FrameAddresses, ports: [number, number], text: string): Buffer {
  const data = Buffer.from(text);
  const udp = Buffer.concat([...[...ports, 8 + data.length, 0].map(uint16), data]);
  const header = Buffer.alloc(20);
  header.set([0x45, 0, 0, 20 + udp.length, 0, 1, 0, 0, 64, 17], 0);
  header.writeUInt32BE(parseIpv4(addresses.fromIp)!, 12);
  header.writeUInt32BE(parseIpv4(addresses.toIp)!, 16);
  header.writeUInt16BE(checksum(header), 10);
  const packet = Buffer.concat([header, udp]);
  return ethernet(addresses.toMac, addresses.fromMac, 0x0800, packet);
}

/** `senderMac` is what the ARP packet itself claims; operation 1 asks, 2 answers. */
export function arpFrame(
  addresses: FrameAddresses,
  senderMac = addresses.fromMac,
  operation: 1 | 2 = 2,
): Buffer {
  const packet = Buffer.alloc(28);
  packet.set([0, 1, 8, 0, 6, 4, 0, operation], 0);
  packet.set(Buffer.from(senderMac.replaceAll(':', ''), 'hex'), 8);
  packet.writeUInt32BE(parseIpv4(addresses.fromIp)!, 14);
  packet.set(Buffer.from(addresses.toMac.replaceAll(':', ''), 'hex'), 18);
  packet.writeUInt32BE(parseIpv4(addresses.toIp)!, 24);
  return ethernet(addresses.toMac, addresses.fromMac, 0x0806, packet);
}

export function uint16(value: number): Buffer {
  return Buffer.from([value >>> 8, value & 0xff]);
}

export function checksum(bytes: Buffer): number {
  let sum = 0;
  for (let at = 0; at < bytes.length; at += 2) sum += bytes.readUInt16BE(at);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}
