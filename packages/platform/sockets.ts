// Owns who may connect to a Unix socket in a folder whose owner is not trusted: links that are planted there are
// never followed, or this process would change a file elsewhere.

import { once } from 'node:events';
import { constants } from 'node:fs';
import { chmod, chown, type FileHandle, link, lstat, open, rename } from 'node:fs/promises';
import { createConnection, type Server, type Socket } from 'node:net';
import { basename, dirname } from 'node:path';
import { hasCode, removeFile } from './files.ts';

export interface SocketAccess {
  uid: number;
  gid: number;
  mode: number;
}

/** Linux's O_PATH, which node:fs does not name: a handle on a place, whatever lies there. */
const O_PATH = 0o10000000;
const PERMISSION_BITS = 0o777;
const OWNER_ALONE = 0o600;

/** A handle on what lies at the path, a link itself included; its folder is not a link either. */
export async function openPlace(path: string): Promise<FileHandle> {
  const flags = O_PATH | constants.O_DIRECTORY | constants.O_NOFOLLOW;
  const directory = await open(dirname(path), flags);
  try {
    const name = `/proc/self/fd/${directory.fd}/${basename(path)}`;
    return await open(name, O_PATH | constants.O_NOFOLLOW);
  } finally {
    await directory.close();
  }
}

/** Undefined when there is no socket at the path. */
export async function readSocketAccess(path: string): Promise<SocketAccess | undefined> {
  const stats = await lstat(path).catch(() => undefined);
  if (stats?.isSocket() !== true) return undefined;
  return { uid: stats.uid, gid: stats.gid, mode: stats.mode & PERMISSION_BITS };
}

/** Gives the socket the owner and mode; `uid` absent leaves the owner. Throws for what is no socket. */
export async function grantSocketAccess(
  path: string,
  access: { mode: number } & Partial<SocketAccess>,
): Promise<void> {
  const handle = await openPlace(path);
  try {
    if (!(await handle.stat()).isSocket()) throw new Error(`${path} is no socket`);
    const place = `/proc/self/fd/${handle.fd}`;
    await chmod(place, access.mode);
    if (access.uid !== undefined) await chown(place, access.uid, access.gid ?? access.uid);
  } finally {
    await handle.close();
  }
}

/** Gives the socket a second name, which replaces what was there in one step and leads to a socket or stays as it was. */
export async function linkSocket(from: string, to: string): Promise<void> {
  const temporary = `${to}.new`;
  await removeFile(temporary);
  await link(from, temporary);
  if ((await readSocketAccess(temporary)) === undefined) {
    await removeFile(temporary);
    throw new Error(`${from} is no socket`);
  }
  await rename(temporary, to);
}

/**
 * Leads whoever comes by the second name to this socket, and lets in whom the one before let in. Of the first one that is
 * nobody yet but root: whose guest opens it is known to others, who make it that user's own.
 */
export async function leadTo(socketPath: string, name: string): Promise<void> {
  await grantSocketAccess(socketPath, (await readSocketAccess(name)) ?? { mode: OWNER_ALONE });
  await linkSocket(socketPath, name);
}

/** A socket's name has so many bytes (unix(7)). */
const MAX_NAME_BYTES = 107;

/**
 * Listens at a path of any length; what was there goes. Closing the server removes the socket. A handle on the folder is
 * to be closed after that: where the path is too long for a name, the way to the socket leads over it.
 */
export async function listenAt(server: Server, path: string): Promise<FileHandle | undefined> {
  await removeFile(path);
  if (Buffer.byteLength(path) <= MAX_NAME_BYTES) {
    server.listen(path);
    await once(server, 'listening');
    return undefined;
  }
  const directory = await open(dirname(path), O_PATH | constants.O_DIRECTORY);
  try {
    server.listen(`/proc/self/fd/${directory.fd}/${basename(path)}`);
    await once(server, 'listening');
    return directory;
  } catch (error) {
    await directory.close();
    throw error;
  }
}

/** Where a second name of a socket leads; another one lies at the socket's path once its server has started again. */
export type SecondName = 'same' | 'other' | 'absent' | 'socket-gone';

export async function readSecondName(socketPath: string, name: string): Promise<SecondName> {
  const [socket, second] = await Promise.all([findFacts(socketPath), findFacts(name)]);
  if (socket === undefined) return 'socket-gone';
  if (second === undefined) return 'absent';
  return socket.dev === second.dev && socket.ino === second.ino ? 'same' : 'other';
}

async function findFacts(path: string) {
  try {
    return await lstat(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/** Somebody takes connections at the path. */
export async function isListening(path: string): Promise<boolean> {
  const handle = await openPlace(path).catch(() => undefined);
  if (handle === undefined) return false;
  const socket = createConnection(`/proc/self/fd/${handle.fd}`);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
    await handle.close();
  }
}

/**
 * Connects to a socket that belongs to this user. The place is held while it is looked at and connected to, so that a
 * link, or somebody else's socket, is found out and cannot be put there in between.
 */
export async function connectToSocketOf(ownerUid: number, path: string): Promise<Socket> {
  const handle = await openPlace(path);
  try {
    const facts = await handle.stat();
    if (!facts.isSocket() || facts.uid !== ownerUid) {
      throw new Error(`${path} is not a socket of user ${ownerUid}`);
    }
    const socket = createConnection(`/proc/self/fd/${handle.fd}`);
    await once(socket, 'connect');
    return socket;
  } finally {
    await handle.close();
  }
}
