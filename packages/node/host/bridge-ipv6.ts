// Owns what a subnet's bridge has of IPv6: the gateway's two addresses, or nothing at all.

import { linkLocalOf } from '@ironbark/core/ipv6.ts';
import type { SubnetIpv6 } from '@ironbark/protocol/internal/network-messages.ts';
import { listAddresses, runIp } from './links.ts';
import { type NetworkPlace, putSettings } from './network-place.ts';

export interface BridgeIpv6 {
  name: string;
  macAddress: string;
  /** Absent: the subnet has none. */
  ipv6: SubnetIpv6 | undefined;
}

/** The bridge is there. One without IPv6 is deaf to it: an address that it makes up by itself would be a way around the rules. */
export async function ensureBridgeIpv6(place: NetworkPlace, spec: BridgeIpv6): Promise<void> {
  const { name, macAddress, ipv6 } = spec;
  const settings = `ipv6/conf/${name}`;
  if (ipv6 === undefined) {
    await putSettings(place, { [`${settings}/disable_ipv6`]: '1' });
    return;
  }
  await putSettings(place, {
    // Its addresses are given, and nobody tells the router where to go.
    [`${settings}/addr_gen_mode`]: '1',
    [`${settings}/accept_ra`]: '0',
    [`${settings}/accept_redirects`]: '0',
    [`${settings}/disable_ipv6`]: '0',
    [`${settings}/forwarding`]: '1',
  });
  const wanted = [`${linkLocalOf(macAddress)}/64`, `${ipv6.gatewayIp}/64`];
  const found = await listAddresses(place.commands, name, 'inet6');
  await runIp(place.commands, [
    ...found
      .filter((address) => !wanted.includes(address))
      .map((address) => `address delete ${address} dev ${name}`),
    // Nobody else can have them, and what is tried first cannot be listened on.
    ...wanted
      .filter((address) => !found.includes(address))
      .map((address) => `address add ${address} dev ${name} nodad`),
  ]);
}
