// Owns the host's network interfaces as `ip` shows and makes them.

import type { Commands } from '@ironbark/platform/commands.ts';

/**
 * What interfaces between routers are called, all of them: nobody sends there, but the kernel takes nothing from afar on an
 * interface without an address where the host looks at senders (`rp_filter`). Beyond those that name spaces have.
 */
export const ROUTER_ADDRESS = '169.254.192.1/32';

export interface Link {
  name: string;
  index: number;
  /** The bridge that it is plugged into. */
  master?: string;
  mtu: number;
  /** False on a tap that no process has open. */
  hasCarrier: boolean;
  /** A port of a bridge that reaches the bridge itself, and no other port like it. */
  isIsolated: boolean;
  /** Of a tap: it may have several queues. */
  isMultiQueue?: boolean;
}

interface LinkRecord {
  ifname: string;
  ifindex: number;
  master?: string;
  mtu: number;
  flags: string[];
  linkinfo?: { info_slave_data?: { isolated?: boolean }; info_data?: { multi_queue?: boolean } };
}

export async function listLinks(commands: Commands): Promise<Link[]> {
  return parseLinks((await commands.run('ip', ['-j', '-d', 'link', 'show'])).stdout);
}

/** Undefined when there is none of that name. */
export async function findLink(commands: Commands, name: string): Promise<Link | undefined> {
  const { stdout } = await commands.run('ip', ['-j', '-d', 'link', 'show', 'dev', name], {
    allowExitCodes: [0, NO_LINK],
  });
  return parseLinks(stdout)[0];
}

/** The exit code of `ip` when the kernel refuses. */
const NO_LINK = 1;

function parseLinks(text: string): Link[] {
  return (JSON.parse(text.trim() || '[]') as LinkRecord[]).map((record) => ({
    name: record.ifname,
    index: record.ifindex,
    ...(record.master === undefined ? {} : { master: record.master }),
    mtu: record.mtu,
    hasCarrier: record.flags.includes('LOWER_UP'),
    isIsolated: record.linkinfo?.info_slave_data?.isolated === true,
    ...queuesOf(record),
  }));
}

function queuesOf({ linkinfo }: LinkRecord): Pick<Link, 'isMultiQueue'> {
  const isMultiQueue = linkinfo?.info_data?.multi_queue;
  return isMultiQueue === undefined ? {} : { isMultiQueue };
}

/** Runs several `ip` commands in one process; the first that fails ends it. */
export async function runIp(commands: Commands, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await commands.run('ip', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}

/** Removes an interface; one that does not exist is fine. */
export async function removeLink(commands: Commands, name: string): Promise<void> {
  if ((await findLink(commands, name)) !== undefined)
    await commands.run('ip', ['link', 'delete', 'dev', name]);
}

export interface AddressRecord {
  ifname: string;
  addr_info: { family: string; local: string; prefixlen: number }[];
}

/** The addresses of one interface as `address/prefix`, of IPv4 unless told otherwise. */
export async function listAddresses(
  commands: Commands,
  name: string,
  family: 'inet' | 'inet6' = 'inet',
): Promise<string[]> {
  const args = ['-j', '-family', family, 'address', 'show', 'dev', name];
  const { stdout } = await commands.run('ip', args);
  const records = JSON.parse(stdout || '[]') as AddressRecord[];
  return records.flatMap((record) =>
    (record.addr_info ?? []).map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  );
}
