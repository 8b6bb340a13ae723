// Owns the tap of a port: it exists, belongs to one user, is plugged into its bridge and is up.

import { readFile } from 'node:fs/promises';
import type { Commands } from '@ironbark/platform/commands.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import { disableIpv6, type Link, runIp } from './links.ts';
import { IFF_MULTI_QUEUE } from './tap-device.ts';

export interface TapSpec {
  name: string;
  bridge: string;
  mtu: number;
  multiQueue: boolean;
  /** Nobody else may open it. A tap without an owner is open to every user of the host. */
  ownerUid: number;
  alias: string;
}

/** Makes the tap, not yet plugged in: its filter comes first. */
export async function ensureTap(
  commands: Commands,
  spec: TapSpec,
  existing: Link | undefined,
): Promise<void> {
  if (existing !== undefined && !(await mustBeRemade(spec, existing))) return;
  const queues = spec.multiQueue ? ' multi_queue' : '';
  await runIp(commands, [
    ...(existing === undefined ? [] : [`link delete dev ${spec.name}`]),
    `tuntap add dev ${spec.name} mode tap user ${spec.ownerUid} vnet_hdr${queues}`,
    `link set dev ${spec.name} alias ${spec.alias}`,
  ]);
}

export async function plugTap(commands: Commands, spec: TapSpec): Promise<void> {
  await disableIpv6(spec.name);
  await runIp(commands, [
    `link set dev ${spec.name} mtu ${spec.mtu}`,
    `link set dev ${spec.name} master ${spec.bridge}`,
    `link set dev ${spec.name} up`,
  ]);
}

/** A guest that has the tap open keeps the one it has. */
async function mustBeRemade(spec: TapSpec, existing: Link): Promise<boolean> {
  if (existing.hasCarrier) return false;
  const flags = await readTapFlags(spec.name);
  return flags !== undefined && ((flags & IFF_MULTI_QUEUE) !== 0) !== spec.multiQueue;
}

async function readTapFlags(name: string): Promise<number | undefined> {
  try {
    return Number((await readFile(`/sys/class/net/${name}/tun_flags`, 'utf8')).trim());
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
