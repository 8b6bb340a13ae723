// Owns the processes of storage daemons: starting one detached, recognising it later, ending it.
//
// A daemon is recognised by what it is, not by a remembered number: its arguments name its volume and its
// working directory is this data folder.

import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import {
  type ConfinedProgram,
  type ProcessLimits,
  startConfined,
} from '@ironbark/platform/confined-start.ts';
import { asUser } from '@ironbark/platform/confinement.ts';
import type { ResourceLimits } from '@ironbark/platform/control-groups.ts';
import { type Enclosure, withDevice } from '@ironbark/platform/enclosure.ts';
import { readFileIfPresent, writeUnsynced } from '@ironbark/platform/files.ts';
import {
  endProcess,
  findProcess,
  findProcesses,
  type HostProcess,
  type ProcessIdentity,
  readProcess,
  worksIn,
} from '@ironbark/platform/processes.ts';
import {
  DAEMON,
  type DaemonEngine,
  daemonArguments,
  daemonMark,
  daemonPaths,
} from './daemon-arguments.ts';
import { prepareVolume } from './daemon-directories.ts';
import type { DaemonHost } from './daemon-host.ts';
import { bottomNodes, deviceNodePath, ENCLOSED_DEVICE, type VolumePlace } from './volume-place.ts';

/** It needs 50 MiB with all that it has under way; what it reads past the page cache is not counted. */
const RESOURCES: ResourceLimits = { memoryBytes: GIB, vcpus: 1, processes: 1_024 };
const LIMITS: ProcessLimits = { openFiles: 1_024, processes: RESOURCES.processes };

/** A daemon that was asked to end flushes its file first. */
const GRACE_MS = 10_000;

/** Undefined when it has ended already. */
export async function startDaemon(
  host: DaemonHost,
  id: VolumeId,
  { engine, isSealed }: DaemonEngine,
): Promise<ProcessIdentity | undefined> {
  const flags = constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_APPEND;
  const log = await open(join(host.dataDir, daemonPaths(id).log), flags, 0o600);
  try {
    const place = await host.findPlace(id);
    await prepareVolume(host, id, place);
    const enclosure = await enclosureFor(host, id, place);
    const isEnclosed = enclosure !== undefined;
    const bottom = bottomNodes(id, place, { engine, isEnclosed, isSealed });
    const program = confinedDaemon(
      { ...host, enclosure },
      {
        uid: host.users?.uidOf(id),
        args: daemonArguments(id, bottom),
        ownNetwork: place.kind !== 'rbd',
      },
    );
    const pidFile = join(host.dataDir, daemonPaths(id).pidFile);
    return await startLimited(host, program, { log, pidFile, name: id });
  } finally {
    await log.close();
  }
}

export interface LimitedStart {
  log: FileHandle;
  pidFile: string;
  /** Of its control group. */
  name: string;
  /** As {@link startConfined} has it. */
  inherited?: readonly number[];
}

/** Undefined when it has ended already. */
export async function startLimited(
  host: DaemonHost,
  program: ConfinedProgram,
  { log, pidFile, name, inherited = [] }: LimitedStart,
): Promise<ProcessIdentity | undefined> {
  const { pid } = await startConfined(host.commands, program, { log: log.fd, inherited });
  await notePid(pidFile, pid);
  const identity = await findProcess(pid);
  if (identity !== undefined) await host.controlGroups.limit(name, pid, RESOURCES);
  return identity;
}

/** With the volume's disk in it, if it has one. */
async function enclosureFor(
  host: DaemonHost,
  id: VolumeId,
  place: VolumePlace,
): Promise<Enclosure | undefined> {
  if (host.enclosure === undefined || place.kind !== 'device') return host.enclosure;
  const source = join(host.dataDir, deviceNodePath(id));
  const table = join(host.dataDir, daemonPaths(id).mounts);
  return await withDevice(host.enclosure, { source, target: ENCLOSED_DEVICE, table });
}

/** Every daemon sees the data folder, in which its user may open its own volume and nothing else. */
export function confinedDaemon(
  { dataDir, users, enclosure }: Pick<DaemonHost, 'dataDir' | 'users' | 'enclosure'>,
  program: { uid: number | undefined; args: readonly string[]; ownNetwork?: boolean },
): ConfinedProgram {
  // Without one it reaches the host's networks: Ceph's monitors and disks are on them.
  const { uid, args, ownNetwork = true } = program;
  return {
    file: DAEMON,
    args,
    confinement: asUser(uid, users === undefined ? [] : [users.gid]),
    limits: LIMITS,
    enclosure,
    folder: dataDir,
    workingDirectory: '',
    ownNetwork,
  };
}

export function writePidFile(host: DaemonHost, id: VolumeId, pid: number): Promise<void> {
  return notePid(join(host.dataDir, daemonPaths(id).pidFile), pid);
}

function notePid(path: string, pid: number): Promise<void> {
  return writeUnsynced(path, `${pid}\n`, { mode: 0o600 });
}

/** What a daemon wrote before it ended, for the reason that people see in the log. */
export function readDaemonLog(host: DaemonHost, id: VolumeId): Promise<string> {
  return readLogTail(join(host.dataDir, daemonPaths(id).log));
}

export async function readLogTail(path: string): Promise<string> {
  const bytes = await readFileIfPresent(path);
  return bytes?.toString('utf8').trim().split('\n').slice(-5).join('\n') ?? '';
}

export async function findDaemon(
  host: DaemonHost,
  id: VolumeId,
): Promise<ProcessIdentity | undefined> {
  const pid = await readPid(join(host.dataDir, daemonPaths(id).pidFile));
  const found = pid === undefined ? undefined : await readProcess(pid);
  return found !== undefined && (await isMarked(host, found, daemonMark(id))) ? found : undefined;
}

/** Undefined where none was written down. */
export async function readPid(path: string): Promise<number | undefined> {
  const pid = Number((await readFileIfPresent(path))?.toString('utf8').trim());
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

/** Every daemon of this data folder, also one whose pid was not written down. */
export async function scanDaemons(
  host: DaemonHost,
): Promise<{ id: VolumeId; process: ProcessIdentity }[]> {
  const found: { id: VolumeId; process: ProcessIdentity }[] = [];
  for (const process of await findProcesses((argument) => MARK.test(argument))) {
    const id = MARK.exec(process.argv.join(' '))![1] as VolumeId;
    if (await isMarked(host, process, daemonMark(id))) found.push({ id, process });
  }
  return found;
}

const MARK = /path=run\/control\/(vol-[0-9a-f]+)\/qmp,/;

/** It has the mark in its arguments, and is of this data folder. */
export async function isMarked(
  host: DaemonHost,
  found: HostProcess,
  mark: string,
): Promise<boolean> {
  if (!found.argv.some((argument) => argument.includes(mark))) return false;
  return worksIn(found.pid, host.dataDir);
}

export function endDaemon(
  host: DaemonHost,
  found: ProcessIdentity,
  options: { isAsked: boolean },
): Promise<void> {
  return endProcess(found, { clock: host.clock, graceMs: GRACE_MS, ...options });
}
