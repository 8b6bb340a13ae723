// Owns what this host has of the network that the nodes share.

import type { Commands } from '@ironbark/platform/commands.ts';

/** Marks routes and neighbours as ours. Nobody has this number in rt_protos. */
export const PROTOCOL = '145';

export interface Underlay {
  name: string;
  mtu: number;
}

/** The interface that has the address; undefined while none has. */
export async function findUnderlay(
  commands: Commands,
  address: string,
): Promise<Underlay | undefined> {
  const { stdout } = await commands.run('ip', ['-j', '-4', 'address', 'show', 'to', address]);
  const links = JSON.parse(stdout.trim() || '[]') as { ifname?: string; mtu?: number }[];
  const found = links.find(({ ifname, mtu }) => ifname !== undefined && mtu !== undefined);
  return found === undefined ? undefined : { name: found.ifname!, mtu: found.mtu! };
}
