// Owns the processes of storage daemons: starting one detached, recognising it later, ending it.
//
// A daemon is recognised by what it is, not by a remembered number: its arguments name its volume and its
// working directory is this data folder.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import type { ConfinedProgram, ProcessLimits } from '@ironbark/platform/confined-start.ts';
import { asUser } from '@ironbark/platform/confinement.ts';
import type { ResourceLimits } from '@ironbark/platform/control-groups.ts';
import { type Enclosure, withDevice } from '@ironbark/platform/enclosure.ts';
import {
  findNoted,
  isMarked,
  type LimitedStart,
  type ProcessMark,
  readLogTail,
  startLimited,
  writePid,
} from '@ironbark/platform/marked-processes.ts';
import { endProcess, findProcesses, type ProcessIdentity } from '@ironbark/platform/processes.ts';
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
    return await startServing(host, program, { log, pidFile, name: id });
  } finally {
    await log.close();
  }
}

/** As all that serves a volume is; undefined when it has ended already. */
export function startServing(
  host: DaemonHost,
  program: ConfinedProgram,
  how: Omit<LimitedStart, 'resources'>,
): Promise<ProcessIdentity | undefined> {
  return startLimited(host, program, { ...how, resources: RESOURCES });
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
  return writePid(join(host.dataDir, daemonPaths(id).pidFile), pid);
}

/** What a daemon wrote before it ended, for the reason that people see in the log. */
export function readDaemonLog(host: DaemonHost, id: VolumeId): Promise<string> {
  return readLogTail(join(host.dataDir, daemonPaths(id).log));
}

export function findDaemon(host: DaemonHost, id: VolumeId): Promise<ProcessIdentity | undefined> {
  const { pidFile } = daemonPaths(id);
  return findNoted(join(host.dataDir, pidFile), markIn(host, daemonMark(id)));
}

/** Every daemon of this data folder, also one whose pid was not written down. */
export async function scanDaemons(
  host: DaemonHost,
): Promise<{ id: VolumeId; process: ProcessIdentity }[]> {
  const found: { id: VolumeId; process: ProcessIdentity }[] = [];
  for (const process of await findProcesses((argument) => MARK.test(argument))) {
    const id = MARK.exec(process.argv.join(' '))![1] as VolumeId;
    if (await isMarked(process, markIn(host, daemonMark(id)))) found.push({ id, process });
  }
  return found;
}

const MARK = /path=run\/control\/(vol-[0-9a-f]+)\/qmp,/;

/** Of what works in this data folder. */
export function markIn({ dataDir }: Pick<DaemonHost, 'dataDir'>, mark: string): ProcessMark {
  return { mark, folder: dataDir };
}

export function endDaemon(
  host: DaemonHost,
  found: ProcessIdentity,
  options: { isAsked: boolean },
): Promise<void> {
  return endProcess(found, { clock: host.clock, graceMs: GRACE_MS, ...options });
}
