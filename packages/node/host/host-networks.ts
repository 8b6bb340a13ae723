// Owns which networks this host already reaches, as `ip` tells.

import { type Cidr, parseCidr } from '@ironbark/core/ipv4.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { AddressRecord } from './links.ts';

export interface HostNetworkRange {
  cidr: Cidr;
  device: string;
}

interface RouteRecord {
  /** `default`, an address, or a network. */
  dst: string;
  dev?: string;
  type?: string;
}

export async function readHostNetworks(commands: Commands): Promise<HostNetworkRange[]> {
  const ip = (...args: string[]) => commands.run('ip', ['-j', '-4', ...args]);
  const routes = await ip('route', 'show', 'table', 'all');
  const addresses = await ip('address', 'show');
  return parseHostNetworks(routes.stdout, addresses.stdout);
}

/** The default route leads everywhere, so it is no network of its own; nor are broadcasts and the loopback. */
export function parseHostNetworks(routes: string, addresses: string): HostNetworkRange[] {
  const routed = (JSON.parse(routes || '[]') as RouteRecord[])
    .filter(({ dst, type }) => dst !== 'default' && type !== 'broadcast' && type !== 'multicast')
    .map(({ dst, dev }) => ({ text: dst, device: dev ?? 'a route' }));
  const assigned = (JSON.parse(addresses || '[]') as AddressRecord[]).flatMap((record) =>
    (record.addr_info ?? []).map(({ local, prefixlen }) => ({
      text: `${local}/${prefixlen}`,
      device: record.ifname,
    })),
  );
  return [...routed, ...assigned].flatMap(({ text, device }) => {
    const cidr = parseCidr(text);
    return cidr === undefined || cidr.prefix === 0 || device === 'lo' ? [] : [{ cidr, device }];
  });
}
