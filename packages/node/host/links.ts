// Owns the host's network interfaces as `ip` shows and makes them.

import type { Commands } from '@ironbark/platform/commands.ts';
import { hasCode, writeUnsynced } from '@ironbark/platform/files.ts';

export interface Link {
  name: string;
  index: number;
  /** The bridge that it is plugged into. */
  master?: string;
  mtu: number;
  /** False on a tap that no process has open. */
  hasCarrier: boolean;
}

interface LinkRecord {
  ifname: string;
  ifindex: number;
  master?: string;
  mtu: number;
  flags: string[];
}

export async function listLinks(commands: Commands): Promise<Link[]> {
  const { stdout } = await commands.run('ip', ['-j', 'link', 'show']);
  return (JSON.parse(stdout || '[]') as LinkRecord[]).map((record) => ({
    name: record.ifname,
    index: record.ifindex,
    ...(record.master === undefined ? {} : { master: record.master }),
    mtu: record.mtu,
    hasCarrier: record.flags.includes('LOWER_UP'),
  }));
}

/** Runs several `ip` commands in one process; the first that fails ends it. */
export async function runIp(commands: Commands, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Removes an interface; one that does not exist is fine. */
export async function removeLink(commands: Commands, name: string): Promise<void> {
  const isThere = (await listLinks(commands)).some((link) => link.name === name);
  if (isThere) await commands.run('ip', ['link', 'delete', 'dev', name]);
}

export interface AddressRecord {
  ifname: string;
  addr_info: { family: string; local: string; prefixlen: number }[];
}

/** The IPv4 addresses of one interface as `address/prefix`. */
export async function listAddresses(commands: Commands, name: string): Promise<string[]> {
  const { stdout } = await commands.run('ip', ['-j', '-4', 'address', 'show', 'dev', name]);
  const records = JSON.parse(stdout || '[]') as AddressRecord[];
  return records.flatMap((record) =>
    (record.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  );
}

/** The networks of guests are IPv4; an address that the host makes up by itself would be a way around the rules. */
export async function disableIpv6(name: string): Promise<void> {
  try {
    await writeUnsynced(`/proc/sys/net/ipv6/conf/${name}/disable_ipv6`, '1');
  } catch (error) {
    // A kernel without IPv6 has nothing to disable.
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
