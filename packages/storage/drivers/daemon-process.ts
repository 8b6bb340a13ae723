// Owns the processes of storage daemons: starting one detached, recognising it later, ending it.
//
// A daemon is recognised by what it is, not by a remembered number: its arguments name its volume and its
// working directory is this data folder. The number is looked at again, with the process's start time,
// right before a signal is sent, since the host may have given it to somebody else.

import { constants } from 'node:fs';
import { open, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { readFileIfPresent, writeUnsynced } from '@ironbark/platform/files.ts';
import {
  DAEMON,
  daemonArguments,
  daemonMark,
  daemonPaths,
  type Engine,
  unprivilegedCommand,
} from './daemon-arguments.ts';

export interface DaemonHost {
  /** Absolute and without symbolic links. */
  dataDir: string;
  commands: Commands;
  clock: Clock;
  owner: { uid: number; gid: number } | undefined;
}

export interface DaemonProcess {
  pid: number;
  /** Field 22 of /proc/pid/stat: with the pid it names a process for good. */
  startTicks: string;
}

/** A daemon that was asked to end flushes its file first. */
const GRACE_MS = 10_000;
const KILL_WAIT_MS = 10_000;
const POLL_MS = 10;

export async function startDaemon(
  host: DaemonHost,
  id: VolumeId,
  engine: Engine,
): Promise<DaemonProcess> {
  const flags = constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_APPEND;
  const log = await open(join(host.dataDir, daemonPaths(id).log), flags, 0o600);
  try {
    const [file, ...prefix] = unprivilegedCommand(host.owner);
    const args = [...prefix, DAEMON, ...daemonArguments(id, engine)];
    const { pid } = await host.commands.startDetached(file!, args, {
      cwd: host.dataDir,
      stdio: ['ignore', log.fd, log.fd],
    });
    await writePidFile(host, id, pid);
    return { pid, startTicks: (await readStat(pid))?.startTicks ?? '' };
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
): Promise<DaemonProcess | undefined> {
  const text = await readFileIfPresent(join(host.dataDir, daemonPaths(id).pidFile));
  const pid = Number(text?.toString('utf8').trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  return recogniseDaemon(host, pid, id);
}

/** Every daemon of this data folder, also one whose pid was not written down. */
export async function scanDaemons(
  host: DaemonHost,
): Promise<{ id: VolumeId; process: DaemonProcess }[]> {
  const found: { id: VolumeId; process: DaemonProcess }[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^[1-9][0-9]*$/.test(name)) continue;
    const id = /path=run\/control\/(vol-[0-9a-f]+)\.qmp,/.exec(await readArguments(Number(name)));
    if (id === null) continue;
    const process = await recogniseDaemon(host, Number(name), id[1] as VolumeId);
    if (process !== undefined) found.push({ id: id[1] as VolumeId, process });
  }
  return found;
}

export async function isAlive(process: DaemonProcess): Promise<boolean> {
  const now = await readStat(process.pid);
  return now !== undefined && now.state !== 'Z' && now.startTicks === process.startTicks;
}

/** Waits for a daemon that was asked to end, and makes it end when it does not. */
export async function endDaemon(host: DaemonHost, process: DaemonProcess): Promise<void> {
  if (await isGone(host, process, GRACE_MS)) return;
  if (await isAlive(process)) signal(process, 'SIGKILL');
  if (await isGone(host, process, KILL_WAIT_MS)) return;
  throw new Error(`the storage daemon ${process.pid} does not end`);
}

export async function terminateDaemon(host: DaemonHost, found: DaemonProcess): Promise<void> {
  if (await isAlive(found)) signal(found, 'SIGTERM');
  await endDaemon(host, found);
}

function signal(found: DaemonProcess, name: NodeJS.Signals): void {
  try {
    process.kill(found.pid, name);
  } catch {
    // It has ended by itself in the meantime; the wait that follows sees it.
  }
}

async function isGone(
  host: DaemonHost,
  process: DaemonProcess,
  timeoutMs: number,
): Promise<boolean> {
  const gone = async () => !(await isAlive(process));
  const options = { clock: host.clock, timeoutMs, what: 'end of a daemon', intervalMs: POLL_MS };
  return waitFor(gone, options).catch(() => false);
}

async function recogniseDaemon(
  host: DaemonHost,
  pid: number,
  id: VolumeId,
): Promise<DaemonProcess | undefined> {
  if (!(await readArguments(pid)).includes(daemonMark(id))) return undefined;
  const directory = await readlink(`/proc/${pid}/cwd`).catch(() => undefined);
  const stat = await readStat(pid);
  if (directory !== host.dataDir || stat === undefined || stat.state === 'Z') return undefined;
  return { pid, startTicks: stat.startTicks };
}

/** Empty for processes that are gone, and for what is left of ended ones. */
function readArguments(pid: number): Promise<string> {
  return readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
}

async function readStat(pid: number): Promise<{ state: string; startTicks: string } | undefined> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (text === undefined) return undefined;
  // The second field is the program's name in parentheses and may hold anything.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0]!, startTicks: fields[19]! };
}
