// Owns what guests' cards have of this host: whether the kernel carries their packets, and the interface that leads out.

import { existsSync } from 'node:fs';
import type { Commands } from '@ironbark/platform/commands.ts';
import { readFileIfPresent } from '@ironbark/platform/files.ts';

export interface Uplink {
  hasVhostNet: boolean;
  /** Absent where no route leads everywhere. */
  outwards?: { name: string; mtu: number };
}

const NAME = /^[^/\s]{1,15}$/;

export async function readUplink(commands: Commands): Promise<Uplink> {
  const hasVhostNet = existsSync('/dev/vhost-net');
  const found = await commands.run('ip', ['-j', '-4', 'route', 'show', 'default']).catch(() => {});
  const routes = JSON.parse(found?.stdout.trim() || '[]') as { dev?: string }[];
  const name = routes.find(({ dev }) => dev !== undefined && NAME.test(dev))?.dev;
  if (name === undefined) return { hasVhostNet };
  const mtu = Number((await readFileIfPresent(`/sys/class/net/${name}/mtu`))?.toString().trim());
  return Number.isSafeInteger(mtu) && mtu > 0
    ? { hasVhostNet, outwards: { name, mtu } }
    : { hasVhostNet };
}
