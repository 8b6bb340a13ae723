// Owns telling a network that addresses are here now: whoever has their hardware address from before sends there from
// then on, instead of when its entry has grown old.

import { parseIpv4 } from '@ironbark/core/ipv4.ts';
import { inNetworkNamespace } from '@ironbark/platform/network-namespace.ts';
import { openPacketSocket } from '@ironbark/platform/packet-socket.ts';
import type { NetworkPlace } from './network-place.ts';

const ARP = 0x0806;
const BROADCAST = 'ff'.repeat(6);
/** An ARP request over Ethernet for IPv4. */
const REQUEST_HEAD = '0001' + '0800' + '06' + '04' + '0001';
const NOBODY = '00'.repeat(6);

/**
 * ARP Announcements (RFC 5227, 1.1): requests for the sender's own address. Each is sent once; one that is lost costs no
 * more than what was so without it. An interface that is no Ethernet needs none.
 */
export async function announceAddresses(
  { commands, namespace }: Pick<NetworkPlace, 'commands' | 'namespace'>,
  interfaceName: string,
  addresses: readonly string[],
): Promise<void> {
  const { stdout } = await commands.run('ip', ['-j', 'link', 'show', 'dev', interfaceName]);
  const [link] = JSON.parse(stdout) as { ifindex: number; link_type: string; address: string }[];
  if (link?.link_type !== 'ether') return;
  const open = () => openPacketSocket({ interfaceIndex: link.ifindex, protocol: ARP });
  const socket = namespace === undefined ? open() : inNetworkNamespace(namespace, open);
  try {
    for (const each of addresses) socket.send(renderAnnouncement(link.address, each));
  } finally {
    socket.close();
  }
}

/** A whole Ethernet frame. `macAddress`: with colons. */
export function renderAnnouncement(macAddress: string, address: string): Buffer {
  const mac = macAddress.replaceAll(':', '');
  const ip = parseIpv4(address)!.toString(16).padStart(8, '0');
  return Buffer.from(`${BROADCAST}${mac}0806${REQUEST_HEAD}${mac}${ip}${NOBODY}${ip}`, 'hex');
}
