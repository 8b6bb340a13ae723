// Owns the processes of storage daemons: starting one detached, recognising it later, ending it.
//
// A daemon is recognised by what it is, not by a remembered number: its arguments name its volume and its
// working directory is this data folder.

import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { asUser, CLEAN_ENVIRONMENT, confine } from '@ironbark/platform/confinement.ts';
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
  daemonArguments,
  daemonMark,
  daemonPaths,
  type Engine,
} from './daemon-arguments.ts';

export interface DaemonHost {
  /** Absolute and without symbolic links. */
  dataDir: string;
  commands: Commands;
  clock: Clock;
  owner: { uid: number; gid: number } | undefined;
}

/** A daemon that was asked to end flushes its file first. */
const GRACE_MS = 10_000;

/** Undefined when it has ended already. */
export async function startDaemon(
  host: DaemonHost,
  id: VolumeId,
  engine: Engine,
): Promise<ProcessIdentity | undefined> {
  const flags = constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_APPEND;
  const log = await open(join(host.dataDir, daemonPaths(id).log), flags, 0o600);
  try {
    const { file, args } = confine(asUser(host.owner?.uid), DAEMON, daemonArguments(id, engine));
    const { pid } = await host.commands.startDetached(file, args, {
      cwd: host.dataDir,
      env: CLEAN_ENVIRONMENT,
      stdio: ['ignore', log.fd, log.fd],
    });
    await writePidFile(host, id, pid);
    return await findProcess(pid);
  } finally {
    await log.close();
  }
}

export async function writePidFile(host: DaemonHost, id: VolumeId, pid: number): Promise<void> {
  await writeUnsynced(join(host.dataDir, daemonPaths(id).pidFile), `${pid}\n`);
}

/** What a daemon wrote before it ended, for the reason that people see in the log. */
export async function readDaemonLog(host: DaemonHost, id: VolumeId): Promise<string> {
  const bytes = await readFileIfPresent(join(host.dataDir, daemonPaths(id).log));
  return bytes?.toString('utf8').trim().split('\n').slice(-5).join('\n') ?? '';
}

export async function findDaemon(
  host: DaemonHost,
  id: VolumeId,
): Promise<ProcessIdentity | undefined> {
  const text = await readFileIfPresent(join(host.dataDir, daemonPaths(id).pidFile));
  const pid = Number(text?.toString('utf8').trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const found = await readProcess(pid);
  return found !== undefined && (await isDaemonOf(host, found, id)) ? found : undefined;
}

/** Every daemon of this data folder, also one whose pid was not written down. */
export async function scanDaemons(
  host: DaemonHost,
): Promise<{ id: VolumeId; process: ProcessIdentity }[]> {
  const found: { id: VolumeId; process: ProcessIdentity }[] = [];
  for (const process of await findProcesses((argument) => MARK.test(argument))) {
    const id = MARK.exec(process.argv.join(' '))![1] as VolumeId;
    if (await isDaemonOf(host, process, id)) found.push({ id, process });
  }
  return found;
}

const MARK = /path=run\/control\/(vol-[0-9a-f]+)\.qmp,/;

async function isDaemonOf(host: DaemonHost, found: HostProcess, id: VolumeId): Promise<boolean> {
  if (!found.argv.some((argument) => argument.includes(daemonMark(id)))) return false;
  return worksIn(found.pid, host.dataDir);
}

export function endDaemon(
  host: DaemonHost,
  found: ProcessIdentity,
  options: { isAsked: boolean },
): Promise<void> {
  return endProcess(found, { clock: host.clock, graceMs: GRACE_MS, ...options });
}
