// Owns the tap of a port: it exists, belongs to one user, is plugged into its bridge and is up.

import type { Commands } from '@ironbark/platform/commands.ts';
import { type Link, runIp } from './links.ts';
import { type NetworkPlace, putSettings } from './network-place.ts';

export interface TapSpec {
  name: string;
  bridge: string;
  mtu: number;
  multiQueue: boolean;
  /** Nobody else may open it. A tap without an owner is open to every user of the host. */
  ownerUid: number;
  alias: string;
}

/** Makes the tap, not yet plugged in: its filter comes first. True when it was made now. */
export async function ensureTap(
  commands: Commands,
  spec: TapSpec,
  existing: Link | undefined,
): Promise<boolean> {
  if (existing !== undefined && !mustBeRemade(spec, existing)) return false;
  const queues = spec.multiQueue ? ' multi_queue' : '';
  await runIp(commands, [
    ...(existing === undefined ? [] : [`link delete dev ${spec.name}`]),
    `tuntap add dev ${spec.name} mode tap user ${spec.ownerUid} vnet_hdr${queues}`,
    `link set dev ${spec.name} alias ${spec.alias}`,
  ]);
  return true;
}

export async function plugTap(place: NetworkPlace, spec: TapSpec): Promise<void> {
  await putSettings(place, { [`ipv6/conf/${spec.name}/disable_ipv6`]: '1' });
  await runIp(place.commands, [
    `link set dev ${spec.name} mtu ${spec.mtu}`,
    `link set dev ${spec.name} master ${spec.bridge}`,
    isolatePort(spec.name),
    `link set dev ${spec.name} up`,
  ]);
}

/** Its frames reach the bridge and no other guest; what is for one of those goes through the bridge's router. */
export function isolatePort(name: string): string {
  return `link set dev ${name} type bridge_slave isolated on`;
}

/** A guest that has the tap open keeps the one it has. What is no tap has no queues, and stays. */
function mustBeRemade(spec: TapSpec, existing: Link): boolean {
  if (existing.hasCarrier || existing.isMultiQueue === undefined) return false;
  return existing.isMultiQueue !== spec.multiQueue;
}
