// Owns IPv6 frames made by hand, and what a guest does to have an address.

import { parseIpv6 } from '@ironbark/core/ipv6.ts';
import { checksum, ethernet, type FrameAddresses, uint16 } from './frames.ts';

const [UDP, ICMPV6] = [17, 58];
export const ETHERTYPE_IPV6 = 0x86dd;

/** Types of ICMPv6: RFC 4861. */
export const ICMP6 = { routerAdvert: 134, solicit: 135, advert: 136, redirect: 137 } as const;

function addressBytes(text: string): Buffer {
  return Buffer.from(parseIpv6(text)!.toString(16).padStart(32, '0'), 'hex');
}

function frame(addresses: FrameAddresses, protocol: number, payload: Buffer): Buffer {
  const [from, to] = [addressBytes(addresses.fromIp), addressBytes(addresses.toIp)];
  const pseudo = Buffer.concat([from, to, uint16(0), uint16(payload.length), uint16(0)]);
  const even = payload.length % 2 === 0 ? payload : Buffer.concat([payload, Buffer.alloc(1)]);
  const sum = checksum(Buffer.concat([pseudo, uint16(protocol), even]));
  payload.writeUInt16BE(sum, protocol === UDP ? 6 : 2);
  // A hop limit of 255 shows that no router has passed it on.
  const header = Buffer.from([0x60, 0, 0, 0, ...uint16(payload.length), protocol, 255]);
  const packet = Buffer.concat([header, from, to, payload]);
  return ethernet(addresses.toMac, addresses.fromMac, ETHERTYPE_IPV6, packet);
}

export function udp6Frame(
  addresses: FrameAddresses,
  ports: [number, number],
  text: string,
): Buffer {
  const data = Buffer.from(text);
  const head = [...ports, 8 + data.length, 0].map(uint16);
  return frame(addresses, UDP, Buffer.concat([...head, data]));
}

/** With the address that it is about, and the hardware address that it says. */
export function neighbourFrame(
  addresses: FrameAddresses,
  type: number,
  { target, mac }: { target: string; mac: string },
): Buffer {
  const isAdvert = type === ICMP6.advert;
  // An advertisement that nobody has asked for, and that overrides what is known.
  const flags = Buffer.from([isAdvert ? 0x20 : 0, 0, 0, 0]);
  const option = Buffer.from([isAdvert ? 2 : 1, 1, ...Buffer.from(mac.replaceAll(':', ''), 'hex')]);
  const head = Buffer.from([type, 0, 0, 0]);
  return frame(addresses, ICMPV6, Buffer.concat([head, flags, addressBytes(target), option]));
}

/** A router that everybody should use for half an hour. */
export function routerAdvert(addresses: FrameAddresses): Buffer {
  const body = [ICMP6.routerAdvert, 0, 0, 0, 64, 0, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
  return frame(addresses, ICMPV6, Buffer.from(body));
}

/** Prints the address of a lease of DHCPv6, or `no offer`. Asks in two messages, as RFC 8415 says it is shortest. */
export const ASK_FOR_LEASE6 = `
  import { createSocket } from 'node:dgram';
  import { readFileSync } from 'node:fs';
  const mac = Buffer.from(readFileSync('/sys/class/net/eth0/address', 'utf8').trim().replaceAll(':', ''), 'hex');
  const option = (code, data) => {
    const head = Buffer.alloc(4);
    head.writeUInt16BE(code, 0);
    head.writeUInt16BE(data.length, 2);
    return Buffer.concat([head, data]);
  };
  const duid = option(1, Buffer.concat([Buffer.from([0, 3, 0, 1]), mac]));
  const association = option(3, Buffer.from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]));
  const rapid = option(14, Buffer.alloc(0));
  const elapsed = option(8, Buffer.alloc(2));
  const find = (bytes, start, wanted) => {
    for (let at = start; at + 4 <= bytes.length; at += 4 + bytes.readUInt16BE(at + 2)) {
      const data = bytes.subarray(at + 4, at + 4 + bytes.readUInt16BE(at + 2));
      if (bytes.readUInt16BE(at) === wanted) return data;
    }
  };
  const socket = createSocket('udp6');
  const ask = () => {
    const solicit = Buffer.concat([Buffer.from([1, 1, 2, 3]), duid, association, rapid, elapsed]);
    socket.send(solicit, 547, 'ff02::1:2%eth0');
  };
  const done = (text) => { console.log(text); socket.close(); clearTimeout(timer); clearInterval(again); };
  const again = setInterval(ask, 300);
  const timer = setTimeout(() => done('no offer'), Number(process.argv[1] ?? 8000));
  socket.on('error', () => {});
  socket.on('message', (bytes) => {
    const own = find(bytes, 4, 3);
    const lease = own && find(own, 12, 5);
    if (lease === undefined) return;
    const groups = Array.from({ length: 8 }, (_, at) => lease.readUInt16BE(2 * at).toString(16));
    done(groups.join(':'));
  });
  socket.bind(546, ask);
`;
