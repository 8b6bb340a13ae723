// Owns a guest's way to the socket of a volume's target: a second name of it in the guest's own folder, since the
// folders above the target's are closed to guests. A target that was started again has another socket, and the
// guest's name still leads to the old one until it is led to the new one here.

import { createConnection } from 'node:net';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { hasCode, removeFile } from '@ironbark/platform/files.ts';
import { grantSocketAccess, linkSocket, readSecondName } from '@ironbark/platform/sockets.ts';
import { notServed } from '@ironbark/protocol/internal/block-target.ts';
import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestHandle } from '../hypervisor-driver.ts';

/** A target greets within milliseconds; QEMU, which stands still meanwhile, is not sent to one that does not. */
const GREETING_TIMEOUT_MS = 2_000;
/** The first bytes of every NBD server (NBD protocol, "newstyle negotiation"). */
const GREETING = 'NBDMAGIC';

function nameFor(handle: { directory: string }, serial: string) {
  const relative = `${serial}.sock`;
  return { relative, absolute: join(handle.directory, 'run', relative) };
}

interface Disk {
  serial: string;
  source: BlockExport;
}

/** The target's socket as the guest's process names it; empty for one that is no socket. Repeats safely. */
export function ensureReachable(handle: GuestHandle, disk: Disk): Promise<string> {
  const { directory, uid, isolation } = handle;
  const isEnclosed = isolation?.nameSpaces.includes('mnt') === true;
  return makeReachable({ directory, isEnclosed, ...(uid === undefined ? {} : { uid }) }, disk);
}

/** The same for a guest that has no process yet. */
export async function makeReachable(
  guest: { directory: string; uid?: number; isEnclosed: boolean },
  { serial, source }: Disk,
): Promise<string> {
  if (source.kind !== 'nbd-unix') return '';
  const { socketPath } = source;
  if (guest.uid !== undefined) await ownSocket(socketPath, guest.uid);
  const { relative, absolute } = nameFor(guest, serial);
  if ((await readSecondName(socketPath, absolute)) === 'same') return relative;
  try {
    // The old name or the new one is there at every moment: its absence says that the volume is not plugged.
    await linkSocket(socketPath, absolute);
    return relative;
  } catch (error) {
    if (!hasCode(error, 'EXDEV')) throw error;
    if (guest.isEnclosed) throw otherFileSystem(error);
    return socketPath;
  }
}

/** The guest has a way, and it leads to what was the target's socket before. */
export async function isCutOff(
  handle: GuestHandle,
  { serial, source }: { serial: string; source: BlockExport },
): Promise<boolean> {
  if (source.kind !== 'nbd-unix') return false;
  const { absolute } = nameFor(handle, serial);
  return (await readSecondName(source.socketPath, absolute)) === 'other';
}

export async function removeWay(handle: GuestHandle, serial: string): Promise<void> {
  await removeFile(nameFor(handle, serial).absolute);
}

/** Throws unless somebody serves at the other end. */
export async function requireServed(source: BlockExport): Promise<void> {
  if (source.kind === 'nbd-gate') throw notServed(undefined);
  const address =
    source.kind === 'nbd-unix'
      ? { path: source.socketPath }
      : { host: source.host, port: source.port };
  const socket = createConnection({ ...address, timeout: GREETING_TIMEOUT_MS });
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.once('timeout', () => reject(new Error('the target does not greet')));
      socket.once('close', () => reject(new Error('the target hung up')));
      socket.once('data', (bytes) => {
        if (bytes.toString('latin1').startsWith(GREETING)) resolve();
        else reject(new Error('the target is no NBD server'));
      });
    });
  } catch (error) {
    throw notServed(error);
  } finally {
    socket.destroy();
  }
}

/** From here on nobody else's guest can open it, whatever it knows of its path. */
async function ownSocket(path: string, uid: number): Promise<void> {
  try {
    await grantSocketAccess(path, { uid, mode: 0o600 });
  } catch (error) {
    throw hasCode(error, 'ENOENT') ? notServed(error) : error;
  }
}

/** A guest sees its own folder and no other path. */
function otherFileSystem(cause: unknown): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'volume',
    message:
      'Volumes and guests have to be on one file system of the host: one data folder holds both.',
    cause,
  });
}
