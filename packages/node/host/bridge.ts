// Owns the bridge of a subnet: it exists, has the gateway's address and nothing else, and is up.

import type { SubnetIpv6 } from '@ironbark/protocol/internal/network-messages.ts';
import { ensureBridgeIpv6 } from './bridge-ipv6.ts';
import { type Link, listAddresses, runIp } from './links.ts';
import { type NetworkPlace, putSettings } from './network-place.ts';

export interface BridgeSpec {
  name: string;
  macAddress: string;
  /** `address/prefix` of the gateway. */
  gateway: string;
  /** For people who look at `ip link`. */
  alias: string;
  ipv6?: SubnetIpv6;
}

export async function ensureBridge(
  place: NetworkPlace,
  spec: BridgeSpec,
  existing: Link | undefined,
): Promise<void> {
  const { commands } = place;
  const device = `dev ${spec.name}`;
  if (existing === undefined) {
    // Fixed delay 0: a port would otherwise be silent for its first 15 seconds.
    const options = 'type bridge stp_state 0 forward_delay 0';
    await runIp(commands, [
      `link add name ${spec.name} address ${spec.macAddress} ${options}`,
      `link set ${device} alias ${spec.alias}`,
    ]);
  }
  await putSettings(place, routerSettings(spec.name));
  // Before the bridge is up: it would make an address by itself.
  if (spec.ipv6 === undefined) await ensureBridgeIpv6(place, { ...spec, ipv6: undefined });
  const addresses = existing === undefined ? [] : await listAddresses(commands, spec.name);
  const strange = addresses.filter((address) => address !== spec.gateway);
  await runIp(commands, [
    ...strange.map((address) => `address delete ${address} ${device}`),
    ...(addresses.includes(spec.gateway) ? [] : [`address add ${spec.gateway} brd + ${device}`]),
    `link set ${device} up`,
  ]);
  if (spec.ipv6 !== undefined) await ensureBridgeIpv6(place, { ...spec, ipv6: spec.ipv6 });
}

/**
 * Guests of one bridge do not reach each other on it, but through the host: it answers for each of them when another
 * asks for its hardware address, and forwards, so that every packet between two guests passes the filters that know
 * connections. Stock kernels have those for what is routed everywhere, for what is bridged only with a module.
 */
function routerSettings(bridge: string): Record<string, string> {
  return {
    [`ipv4/conf/${bridge}/proxy_arp_pvlan`]: '1',
    // Of its subnet's guests some may be on other nodes, where another interface leads.
    [`ipv4/conf/${bridge}/proxy_arp`]: '1',
    [`ipv4/conf/${bridge}/send_redirects`]: '0',
    [`ipv4/neigh/${bridge}/proxy_delay`]: '0',
  };
}
