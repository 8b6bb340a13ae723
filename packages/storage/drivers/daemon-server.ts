// Owns where a storage daemon's one NBD server listens: for hosts, or for this service alone.

import { removeFile } from '@ironbark/platform/files.ts';
import { type QmpClient, QmpError } from '@ironbark/platform/qmp.ts';
import {
  grantSocketAccess,
  linkSocket,
  readSecondName,
  readSocketAccess,
  type SocketAccess,
} from '@ironbark/platform/sockets.ts';
import type { DaemonPaths } from './daemon-arguments.ts';

export interface ServedPlaces {
  /** Absolute. */
  paths: DaemonPaths;
  /** As the daemon names them. */
  relative: DaemonPaths;
  /** Every socket that there may be now; when another one is listened at, they go. */
  stale: readonly string[];
  /** Whom hosts' socket belonged to before. */
  granted: SocketAccess | undefined;
}

/** Whose guest opens a volume is only known to the node, which makes the socket that guest's user's own. */
const SOCKET_MODE = 0o600;

/** For hosts that come by `exportSocket`, or without one for this service. */
export async function listenFor(
  qmp: QmpClient,
  exportSocket: string | undefined,
  { paths, relative, stale, granted }: ServedPlaces,
): Promise<void> {
  const { ownSocket, privateSocket } = paths;
  const isForHosts = exportSocket !== undefined;
  // The name for hosts may be that of a daemon that has ended.
  const isServing = isForHosts
    ? (await readSecondName(ownSocket, exportSocket)) === 'same'
    : (await readSocketAccess(privateSocket)) !== undefined;
  // Its access may have been narrowed since.
  if (isServing && isForHosts) return;
  if (!isServing) {
    await stopServer(qmp);
    for (const path of stale) if (path !== exportSocket) await removeFile(path);
    const path = isForHosts ? relative.ownSocket : relative.privateSocket;
    const addr = { type: 'unix', data: { path } };
    await qmp.execute('nbd-server-start', { addr, 'max-connections': 0 });
  }
  const access = isForHosts ? granted : undefined;
  await grantSocketAccess(isForHosts ? ownSocket : privateSocket, access ?? { mode: SOCKET_MODE });
  if (isForHosts) await linkSocket(ownSocket, exportSocket);
}

async function stopServer(qmp: QmpClient): Promise<void> {
  try {
    await qmp.execute('nbd-server-stop');
  } catch (error) {
    if (!(error instanceof QmpError)) throw error;
    // It was not running, which is what was wanted.
  }
}
