// Owns what NBD's targets for guests have of their own: they listen at the host's address in the subnet, on a socket that
// root opens.

import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import {
  GUEST_NBD_PORT,
  type GuestDisk,
  type NbdAccess,
} from '@ironbark/protocol/internal/guest-targets.ts';
import { askTarget } from '../guest-targets/control-line.ts';
import type { OpenDisk, TargetKind } from '../guest-targets/subnet-targets.ts';
import { INHERITED_FD, startTarget, type TargetHost } from '../guest-targets/target-process.ts';
import { socketNameOf } from '../guest-targets/volume-socket.ts';
import { openTcpListener, type TcpListener } from '../tcp-listener.ts';
import type { NbdTargetStatus } from './control-server.ts';
import type { NbdDiskSettings } from './disk-settings.ts';
import type { DiskStatus } from './served-disk.ts';

export const NBD_MAIN = join(import.meta.dirname, 'main.ts');
/** Everything goes over sockets, which take none. */
const THREADS = 4;

export function nbdTargets(): TargetKind {
  return {
    what: 'NBD',
    folder: 'run/nbd',
    main: NBD_MAIN,
    hears: async (found, _host, disk) => found.argv.includes(addressArgument(disk)),
    start,
    open: async (host, disk) => {
      await askTarget(host, { verb: 'open', disks: [settingsOf(disk)] });
    },
    find: async ({ pid }, host, disk) => {
      const { disks } = await askTarget<NbdTargetStatus>(host, { verb: 'status' });
      const found = disks.find(({ serial }) => serial === serialOf(disk));
      return found === undefined ? undefined : openDisk(pid, found);
    },
    close: async (host, disk, { isForced }) => {
      const asked = { verb: isForced ? 'revoke' : 'close', serials: [serialOf(disk)] };
      const { disks, revoked } = await askTarget<NbdTargetStatus>(host, asked);
      return disks.length === 0 && revoked === 0;
    },
  };
}

async function start(host: TargetHost, disk: GuestDisk) {
  const listener = await listen(accessOf(disk));
  try {
    const args = [`--socket=${INHERITED_FD}`, addressArgument(disk)];
    const { fd: socketFd } = listener;
    const program = { what: 'NBD target', main: NBD_MAIN, args, socketFd, threads: THREADS };
    return await startTarget(host, program);
  } finally {
    listener.close();
  }
}

async function listen({ hostAddress }: NbdAccess): Promise<TcpListener> {
  try {
    return await openTcpListener(hostAddress, GUEST_NBD_PORT);
  } catch (error) {
    if (hasCode(error, 'EADDRNOTAVAIL')) throw noNetwork(hostAddress);
    if (hasCode(error, 'EADDRINUSE')) throw portTaken();
    throw error;
  }
}

function addressArgument(disk: GuestDisk): string {
  return `--address=${accessOf(disk).hostAddress}`;
}

function settingsOf(disk: GuestDisk): NbdDiskSettings {
  const { volumeId: exportName } = disk;
  const { guestAddress, key } = accessOf(disk);
  return {
    serial: serialOf(disk),
    path: socketNameOf(exportName),
    exportName,
    guestAddress,
    key,
  };
}

/** As QEMU shows the same volume: 20 characters, without the dash. */
function serialOf({ volumeId }: GuestDisk): string {
  return volumeId.replace('-', '');
}

function accessOf({ nbd, volumeId }: GuestDisk): NbdAccess {
  if (nbd === undefined) throw new Error(`${volumeId} is not reached over NBD`);
  return nbd;
}

function openDisk(pid: number, { sizeBytes, openedAtMs, counters }: DiskStatus): OpenDisk {
  return { sizeBytes, work: { countedSince: `${pid} ${openedAtMs}`, counters } };
}

function noNetwork(address: string): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'network-interface',
    message: `The host does not have the address ${address} of the guest's network yet; the node tries again.`,
  });
}

function portTaken(): ServiceError {
  return new ServiceError({
    kind: 'in-use',
    resource: 'host',
    message: `Port ${GUEST_NBD_PORT} is another program's on this host (an NBD server that listens at every address?); guests cannot have volumes over NBD until it is free.`,
  });
}
