// Owns who may connect to a daemon's export socket, across restarts of the daemon.
//
// The directory belongs to the daemon's user, who is not trusted: paths in it are never followed through
// links, or a link that it plants would have this process change a file elsewhere.

import { type BigIntStats, constants } from 'node:fs';
import { chmod, chown, lstat, open, rm } from 'node:fs/promises';
import { ServiceError } from '@ironbark/core/errors.ts';

export interface SocketAccess {
  uid: number;
  gid: number;
  mode: number;
}

/** sun_path holds 108 bytes with its closing zero. */
const MAX_SOCKET_PATH_BYTES = 107;
/** Linux's O_PATH, which node:fs does not name: a handle on a place, whatever lies there. */
const O_PATH = 0o10000000;
const PERMISSION_BITS = 0o777n;

/** Undefined when there is no socket at the path. */
export async function readSocketAccess(path: string): Promise<SocketAccess | undefined> {
  const stats = await findSocket(path);
  if (stats === undefined) return undefined;
  return {
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    mode: Number(stats.mode & PERMISSION_BITS),
  };
}

/** Gives the socket the owner and mode; `uid` absent leaves the owner. */
export async function grantSocketAccess(
  path: string,
  access: { mode: number } & Partial<SocketAccess>,
): Promise<void> {
  const handle = await open(path, O_PATH | constants.O_NOFOLLOW);
  try {
    if (!(await handle.stat()).isSocket()) throw new Error(`${path} is no socket`);
    const place = `/proc/self/fd/${handle.fd}`;
    await chmod(place, access.mode);
    if (access.uid !== undefined) await chown(place, access.uid, access.gid ?? access.uid);
  } finally {
    await handle.close();
  }
}

export async function removeSocket(path: string): Promise<void> {
  await rm(path, { force: true });
}

export function requireSocketPath(path: string): void {
  if (Buffer.byteLength(path) <= MAX_SOCKET_PATH_BYTES) return;
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'host',
    message: `The data folder's path is too long for Unix sockets: ${path} has more than ${MAX_SOCKET_PATH_BYTES} bytes. Choose a shorter folder.`,
  });
}

async function findSocket(path: string): Promise<BigIntStats | undefined> {
  const stats = await lstat(path, { bigint: true }).catch(() => undefined);
  return stats?.isSocket() === true ? stats : undefined;
}
