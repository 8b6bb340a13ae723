// Owns what AoE's targets for guests have of their own: they hear an interface, by a packet socket that root opens.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { openPacketSocket } from '@ironbark/platform/packet-socket.ts';
import { SECTOR_BYTES } from '@ironbark/protocol/aoe/ata.ts';
import { ETHERTYPE_AOE, parseMac } from '@ironbark/protocol/aoe/frame.ts';
import type { GuestDisk } from '@ironbark/protocol/internal/guest-targets.ts';
import type { OpenDisk, TargetKind } from '../guest-targets/subnet-targets.ts';
import type { TargetHost } from '../guest-targets/target-process.ts';
import { socketNameOf } from '../guest-targets/volume-socket.ts';
import { closeExport, openExports, readTargetStatus } from './control-client.ts';
import type { ExportStatus } from './control-server.ts';
import { readPort } from './interface-facts.ts';
import { AOE_MAIN, listensOn, startAoeTarget } from './target-process.ts';

export function aoeTargets(commands: Commands): TargetKind {
  return {
    what: 'AoE',
    folder: 'run/aoe',
    main: AOE_MAIN,
    hears: async (found, _host, { interfaceName }) => {
      const port = await readPort(commands, interfaceName);
      return port !== undefined && listensOn(found, port);
    },
    start,
    open: async (host, disk) => {
      await openExports(host, [settingsOf(disk)]);
    },
    find: async ({ pid }, host, disk) => {
      const { exports } = await readTargetStatus(host);
      const { shelf, slot, serial } = settingsOf(disk);
      const found = exports.find(
        (each) => each.shelf === shelf && each.slot === slot && each.serial === serial,
      );
      return found === undefined ? undefined : openDisk(pid, found);
    },
    close: async (host, disk, { isForced }) => {
      const left = await closeExport(host, disk, isForced ? 'revoke' : 'close');
      return left.exports.length === 0 && left.revoked === 0;
    },
  };
}

async function start(host: TargetHost, { interfaceName }: GuestDisk) {
  const port = await readPort(host.commands, interfaceName);
  if (port === undefined) throw noInterface(interfaceName);
  const { interfaceIndex } = port;
  const socket = openPacketSocket({ interfaceIndex: interfaceIndex!, protocol: ETHERTYPE_AOE });
  try {
    return await startAoeTarget(host, { ...port, fd: socket.fd });
  } finally {
    socket.close();
  }
}

function settingsOf(disk: GuestDisk) {
  const { volumeId, shelf, slot, macAddress } = disk;
  return {
    ...{ shelf, slot },
    // As QEMU shows the same volume: 20 characters, without the dash.
    serial: volumeId.replace('-', ''),
    path: socketNameOf(volumeId),
    exportName: volumeId,
    admits: [parseMac(macAddress)!],
    isReadOnly: false,
    // Linux's driver never sends a flush.
    writeCache: 'off' as const,
  };
}

function openDisk(pid: number, { sectors, openedAtMs, counters }: ExportStatus): OpenDisk {
  const { reads: readOps, readBytes, readNs, writes: writeOps, writeBytes, writeNs } = counters;
  const { flushes: flushOps, flushNs, faults: failedOps } = counters;
  return {
    sizeBytes: sectors * SECTOR_BYTES,
    work: {
      countedSince: `${pid} ${openedAtMs}`,
      counters: {
        ...{ readOps, readBytes, readNs, writeOps, writeBytes, writeNs },
        ...{ flushOps, flushNs, failedOps },
      },
    },
  };
}

function noInterface(interfaceName: string): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'network-interface',
    message: `The network ${interfaceName} of the guest is not there yet; the node tries again.`,
  });
}
