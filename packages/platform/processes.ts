// Owns the view of processes that outlive this one: finding them again by what they are, and ending them.
//
// A pid is given to somebody else sooner or later, so a process is named by its pid and its start time, and both
// are looked at again right before a signal is sent.

import { readdir, readFile, stat } from 'node:fs/promises';
import { type Clock, TimeoutError, waitFor } from './clock.ts';
import { hasCode } from './files.ts';

/** Names one process for good, until the host restarts. */
export interface ProcessIdentity {
  pid: number;
  /** Start time in clock ticks since boot. */
  startTicks: number;
}

export interface HostProcess extends ProcessIdentity {
  argv: string[];
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

/** With its arguments; undefined when there is no such process or it has none, as what ended or the kernel's own. */
export async function readProcess(pid: number): Promise<HostProcess | undefined> {
  const text = await readProc(() => readFile(`/proc/${pid}/cmdline`, 'utf8'));
  if (text === undefined || text === '') return undefined;
  const identity = await findProcess(pid);
  return identity && { ...identity, argv: text.replace(/\0$/, '').split('\0') };
}

/** Every process that has an argument for which `matches` holds. */
export async function findProcesses(
  matches: (argument: string) => boolean,
): Promise<HostProcess[]> {
  const found: HostProcess[] = [];
  for (const pid of await listPids()) {
    const candidate = await readProcess(pid);
    if (candidate?.argv.some(matches) === true) found.push(candidate);
  }
  return found;
}

/** The process whose working directory this is, by whatever name it sees it. */
export async function findProcessIn(directory: string): Promise<ProcessIdentity | undefined> {
  const wanted = await fileIdentity(directory);
  if (wanted === undefined) return undefined;
  for (const pid of await listPids()) {
    if ((await fileIdentity(`/proc/${pid}/cwd`)) !== wanted) continue;
    const found = await findProcess(pid);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** False also when the process is gone or may not be looked at. */
export async function worksIn(pid: number, directory: string): Promise<boolean> {
  const wanted = await fileIdentity(directory);
  return wanted !== undefined && (await fileIdentity(`/proc/${pid}/cwd`)) === wanted;
}

/** The same for every name of a folder, also in another mount name space. */
async function fileIdentity(path: string): Promise<string | undefined> {
  const facts = await readProc(() => stat(path, { bigint: true }));
  return facts && `${facts.dev}:${facts.ino}`;
}

async function listPids(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^[0-9]+$/.test(name)).map(Number);
}

/** Signals the process; false when it is gone, also when its pid belongs to another one by now. */
export async function signalProcess(
  identity: ProcessIdentity,
  signal: NodeJS.Signals,
): Promise<boolean> {
  if (!(await isAlive(identity))) return false;
  try {
    return process.kill(identity.pid, signal);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    throw error;
  }
}

export interface EndProcessOptions {
  clock: Clock;
  /** How long the process may take to end by itself before it is killed. */
  graceMs: number;
  /** It has been told to end in another way already. */
  isAsked?: boolean;
}

/** After SIGKILL a process remains only while the kernel finishes what it does for it, such as a write. */
const KILLED_TIMEOUT_MS = 15_000;
const LOOK_MS = 10;

/** Ends a process and returns when it is gone. One that is gone already is fine. */
export async function endProcess(
  identity: ProcessIdentity,
  options: EndProcessOptions,
): Promise<void> {
  if (options.isAsked !== true && !(await signalProcess(identity, 'SIGTERM'))) return;
  const wait = (what: string, timeoutMs: number) =>
    waitFor(async () => !(await isAlive(identity)), {
      clock: options.clock,
      timeoutMs,
      what: `process ${identity.pid} ${what}`,
      intervalMs: LOOK_MS,
    });
  try {
    await wait('ends', options.graceMs);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    await signalProcess(identity, 'SIGKILL');
    await wait('ends after SIGKILL', KILLED_TIMEOUT_MS);
  }
}

/** Kills whatever runs as a user that is one cloud's own, and returns when all of it is gone. */
export async function endProcessesOfUser(uid: number, clock: Clock): Promise<void> {
  const gone = async () => {
    const left = await listProcessesOfUser(uid);
    for (const process of left) await signalProcess(process, 'SIGKILL');
    return left.length === 0;
  };
  const what = `end of the processes of user ${uid}`;
  await waitFor(gone, { clock, timeoutMs: KILLED_TIMEOUT_MS, what, intervalMs: LOOK_MS });
}

async function listProcessesOfUser(uid: number): Promise<ProcessIdentity[]> {
  const found: ProcessIdentity[] = [];
  for (const pid of await listPids()) {
    const status = await readProc(() => readFile(`/proc/${pid}/status`, 'utf8'));
    if (Number(/^Uid:\s+(\d+)/m.exec(status ?? '')?.[1]) !== uid) continue;
    const identity = await findProcess(pid);
    if (identity !== undefined) found.push(identity);
  }
  return found;
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
