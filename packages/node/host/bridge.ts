// Owns the bridge of a subnet: it exists, has the gateway's address and nothing else, and is up.

import type { Commands } from '@ironbark/platform/commands.ts';
import { disableIpv6, type Link, listAddresses, runIp } from './links.ts';

export interface BridgeSpec {
  name: string;
  macAddress: string;
  /** `address/prefix` of the gateway. */
  gateway: string;
  /** For people who look at `ip link`. */
  alias: string;
}

export async function ensureBridge(
  commands: Commands,
  spec: BridgeSpec,
  existing: Link | undefined,
): Promise<void> {
  const device = `dev ${spec.name}`;
  if (existing === undefined) {
    // Fixed delay 0: a port would otherwise be silent for its first 15 seconds.
    const options = 'type bridge stp_state 0 forward_delay 0';
    await runIp(commands, [
      `link add name ${spec.name} address ${spec.macAddress} ${options}`,
      `link set ${device} alias ${spec.alias}`,
    ]);
  }
  await disableIpv6(spec.name);
  const addresses = existing === undefined ? [] : await listAddresses(commands, spec.name);
  const strange = addresses.filter((address) => address !== spec.gateway);
  await runIp(commands, [
    ...strange.map((address) => `address delete ${address} ${device}`),
    ...(addresses.includes(spec.gateway) ? [] : [`address add ${spec.gateway} brd + ${device}`]),
    `link set ${device} up`,
  ]);
}
