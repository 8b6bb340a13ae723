// Owns the kernel's counters of guests' ports, as `ip` shows them. What a tap receives is what its guest has sent.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { NicCounters } from '@ironbark/core/network-figures.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { NetworkNames } from './network-names.ts';

export interface PortCounters {
  interfaceId: InterfaceId;
  counters: NicCounters;
}

interface LinkRecord {
  ifname: string;
  stats64?: Record<'rx' | 'tx', { bytes: number; packets: number }>;
}

/** Of those that are in the name space of the commands. */
export async function readPortCounters(
  commands: Commands,
  ids: readonly InterfaceId[],
  names: Pick<NetworkNames, 'tap'>,
): Promise<PortCounters[]> {
  if (ids.length === 0) return [];
  const { stdout } = await commands.run('ip', ['-j', '-s', 'link', 'show']);
  const counted = parseLinkCounters(stdout);
  return ids.flatMap((interfaceId) => {
    const counters = counted.get(names.tap(interfaceId));
    return counters === undefined ? [] : [{ interfaceId, counters }];
  });
}

/** By the links' names. */
export function parseLinkCounters(text: string): Map<string, NicCounters> {
  const records = JSON.parse(text.trim() || '[]') as LinkRecord[];
  return new Map(
    records.flatMap(({ ifname, stats64 }) => {
      if (stats64 === undefined) return [];
      const { rx, tx } = stats64;
      const counters = { inBytes: tx.bytes, inPackets: tx.packets };
      return [[ifname, { ...counters, outBytes: rx.bytes, outPackets: rx.packets }] as const];
    }),
  );
}
