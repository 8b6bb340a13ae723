// Owns how a guest's process is recognised: by pid and start time, or by the folder that it works in.

import { readdir, readFile, readlink, realpath } from 'node:fs/promises';
import { hasCode } from '@ironbark/platform/files.ts';

export interface ProcessIdentity {
  pid: number;
  /** Start time in clock ticks since boot; with the pid it names one process for good. */
  startTicks: number;
}

/** In /proc/<pid>/stat, counted from the field after the name in parentheses (proc(5): fields 3 and 22). */
const STATE_FIELD = 0;
const START_TICKS_FIELD = 19;

/** Undefined when there is no such process or only its exit status is left. */
export async function findProcess(pid: number): Promise<ProcessIdentity | undefined> {
  const stat = await readProc(() => readFile(`/proc/${pid}/stat`, 'utf8'));
  if (stat === undefined) return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const state = fields[STATE_FIELD];
  if (state === 'Z' || state === 'X') return undefined;
  return { pid, startTicks: Number(fields[START_TICKS_FIELD]) };
}

export async function isAlive(identity: ProcessIdentity): Promise<boolean> {
  const found = await findProcess(identity.pid);
  return found?.startTicks === identity.startTicks;
}

/** The process whose working directory this is: how a guest is found whose pid was never written down. */
export async function findProcessIn(directory: string): Promise<ProcessIdentity | undefined> {
  const wanted = await readProc(() => realpath(directory));
  if (wanted === undefined) return undefined;
  for (const entry of await readdir('/proc')) {
    if (!/^[0-9]+$/.test(entry)) continue;
    const directoryOf = await readProc(() => readlink(`/proc/${entry}/cwd`));
    if (directoryOf !== wanted) continue;
    const found = await findProcess(Number(entry));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Signals the process unless its pid belongs to another one by now. */
export async function signalProcess(
  identity: ProcessIdentity,
  signal: 'SIGTERM' | 'SIGKILL',
): Promise<void> {
  if (!(await isAlive(identity))) return;
  try {
    process.kill(identity.pid, signal);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}

/** A process may end while it is being read: that is the answer "no such process". */
async function readProc<T>(read: () => Promise<T>): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].some((code) => hasCode(error, code)))
      return undefined;
    throw error;
  }
}
