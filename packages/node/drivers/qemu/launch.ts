// Owns how a QEMU process comes to life: taps opened, privileges dropped, detached, and answering on its socket.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import {
  type ConfinedProgram,
  nameSpacesOf,
  startConfined,
} from '@ironbark/platform/confined-start.ts';
import type { ControlGroups } from '@ironbark/platform/control-groups.ts';
import type { Enclosure } from '@ironbark/platform/enclosure.ts';
import { statIfPresent } from '@ironbark/platform/files.ts';
import { findProcess } from '@ironbark/platform/processes.ts';
import type { PortAttachment } from '../../host/host-network.ts';
import type { GuestHandle, GuestNic, GuestSpec } from '../hypervisor-driver.ts';
import { type Accelerator, type InheritedTap, QEMU, renderArguments } from './argv.ts';
import { guestProcessLimits, guestResources } from './guest-limits.ts';
import { confinementFor } from './probe.ts';

/** A tap's descriptors in this process; the guest inherits them. */
export interface OpenedTap {
  fds: number[];
  vhostFds: number[];
  close(): void;
}

export type OpenTap = (
  interfaceName: string,
  options: { queues: number; vhost: boolean; namespace?: string },
) => OpenedTap | Promise<OpenedTap>;

export interface LaunchContext {
  commands: Commands;
  clock: Clock;
  accelerator: Accelerator;
  openTap: OpenTap;
  /** Undefined: the host does not allow it. */
  enclosure: Enclosure | undefined;
  controlGroups: ControlGroups;
  isolationGaps: readonly string[];
  /** The guest's own name for the socket of its root disk's target. */
  rootSocket?: string;
}

export const LOG_FILE = 'qemu.log';
/** QEMU says little; a guest that makes it say more does not get to fill the disk. */
export const LOG_LIMIT_BYTES = 256 * 1024;
const LOG_TAIL_BYTES = 2_000;
/** Standard input, output and error come first. */
const FIRST_INHERITED_FD = 3;

/** Starts the process and returns as soon as it exists; whether it serves is for the caller to find out. */
export async function launchGuest(spec: GuestSpec, context: LaunchContext): Promise<GuestHandle> {
  const opened: { nic: GuestNic; tap: OpenedTap }[] = [];
  const log = await openLog(spec.directory);
  try {
    for (const nic of spec.nics) {
      if (nic.port.kind !== 'tap') continue;
      opened.push({ nic, tap: await openPort(context, nic.port) });
    }
    return await spawnGuest(spec, context, log, opened);
  } finally {
    for (const { tap } of opened) tap.close();
    await log.close();
  }
}

export async function openPort(
  { openTap }: Pick<LaunchContext, 'openTap'>,
  { interfaceName, queues, vhost, namespace }: Extract<PortAttachment, { kind: 'tap' }>,
): Promise<OpenedTap> {
  const place = namespace === undefined ? {} : { namespace };
  // Several queues without vhost end QEMU 7.2 on an assertion.
  return openTap(interfaceName, { queues: vhost ? queues : 1, vhost, ...place });
}

async function spawnGuest(
  spec: GuestSpec,
  context: LaunchContext,
  log: FileHandle,
  opened: readonly { nic: GuestNic; tap: OpenedTap }[],
): Promise<GuestHandle> {
  const inherited: number[] = [];
  const taps = new Map<string, InheritedTap>();
  const inherit = (fd: number) => FIRST_INHERITED_FD + inherited.push(fd) - 1;
  for (const { nic, tap } of opened) {
    taps.set(nic.id, { fds: tap.fds.map(inherit), vhostFds: tap.vhostFds.map(inherit) });
  }
  const { accelerator, rootSocket } = context;
  const root = rootSocket === undefined ? {} : { rootSocket };
  const args = renderArguments(spec, { accelerator, taps, ...root });
  const program = await confinedGuest(spec, context, args);
  const { pid } = await startConfined(context.commands, program, { log: log.fd, inherited });
  const identity = await findProcess(pid);
  if (identity === undefined) throw await startFailure(spec.directory, undefined);
  const resources = guestResources(spec, context.accelerator);
  const controlGroups = await context.controlGroups.limit(spec.id, pid, resources);
  return {
    id: spec.id,
    driver: 'qemu',
    pid,
    pidStartTicks: identity.startTicks,
    directory: spec.directory,
    startedAt: renderTime(context.clock.nowMs()),
    ...(spec.uid === undefined ? {} : { uid: spec.uid }),
    isolation: {
      nameSpaces: nameSpacesOf(program),
      controlGroups,
      gaps: [...context.isolationGaps],
    },
  };
}

/** QEMU's own user-mode network is made of the host's sockets. */
async function confinedGuest(
  spec: GuestSpec,
  { enclosure }: LaunchContext,
  args: readonly string[],
): Promise<ConfinedProgram> {
  const diskBytes = await sizeOfRoot(spec);
  return {
    file: QEMU,
    args,
    confinement: await confinementFor(spec.uid),
    limits: guestProcessLimits(spec.vcpus, diskBytes),
    enclosure,
    folder: spec.directory,
    workingDirectory: 'run',
    ownNetwork: spec.nics.every(({ port }) => port.kind === 'tap'),
  };
}

/** QEMU itself says what is wrong with a disk that is not there. A volume is no file of the guest's process. */
async function sizeOfRoot({ directory, rootDisk: { source } }: GuestSpec): Promise<number> {
  if (source.kind !== 'file') return 0;
  return (await statIfPresent(join(directory, 'run', source.path)))?.size ?? 0;
}

async function openLog(directory: string): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND, O_NOFOLLOW } = constants;
  const flags = O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_NOFOLLOW;
  return open(join(directory, LOG_FILE), flags, 0o600);
}

/** Why QEMU ended, in its own words. */
export async function startFailure(directory: string, cause: unknown): Promise<ServiceError> {
  const log = await readLogTail(directory);
  const isMemory = log.includes('Cannot allocate memory');
  return new ServiceError({
    kind: isMemory ? 'insufficient-capacity' : 'unavailable',
    resource: 'host',
    message: isMemory
      ? 'The host has too little free memory to start this instance.'
      : 'The hypervisor could not start the instance.',
    cause: new Error(log === '' ? 'QEMU ended without a word' : log, { cause }),
  });
}

async function readLogTail(directory: string): Promise<string> {
  const handle = await open(join(directory, LOG_FILE), 'r').catch(() => undefined);
  if (handle === undefined) return '';
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, LOG_TAIL_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8').trim();
  } finally {
    await handle.close();
  }
}

/** QEMU appends, so a cut log goes on from its new end. */
export async function boundLog(directory: string): Promise<void> {
  const handle = await open(join(directory, LOG_FILE), 'r+').catch(() => undefined);
  if (handle === undefined) return;
  try {
    const { size } = await handle.stat();
    if (size > LOG_LIMIT_BYTES) await handle.truncate(0);
  } finally {
    await handle.close();
  }
}
