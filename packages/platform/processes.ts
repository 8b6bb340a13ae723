// Owns the view of processes that outlive this one: finding them by their arguments, and ending them.

import { readdir } from 'node:fs/promises';
import type { Clock } from './clock.ts';
import { TimeoutError, waitFor } from './clock.ts';
import { hasCode, readFileIfPresent } from './files.ts';

export interface HostProcess {
  pid: number;
  argv: string[];
}

/** Undefined when there is no such process, or only its remains (a zombie has no arguments). */
export async function readProcess(pid: number): Promise<HostProcess | undefined> {
  try {
    const bytes = await readFileIfPresent(`/proc/${pid}/cmdline`);
    if (bytes === undefined || bytes.length === 0) return undefined;
    return { pid, argv: bytes.toString('utf8').replace(/\0$/, '').split('\0') };
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return undefined;
    throw error;
  }
}

/** Every process that has an argument for which `matches` holds. */
export async function findProcesses(
  matches: (argument: string) => boolean,
): Promise<HostProcess[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
  const found: HostProcess[] = [];
  for (const pid of pids) {
    const candidate = await readProcess(pid);
    if (candidate?.argv.some(matches) === true) found.push(candidate);
  }
  return found;
}

/** Sends a signal; false when the process is gone. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (hasCode(error, 'ESRCH')) return false;
    throw error;
  }
}

export interface EndProcessOptions {
  clock: Clock;
  /** How long the process may take to end by itself before it is killed. */
  graceMs: number;
}

/** After SIGKILL only a process stuck in the kernel remains. */
const KILLED_TIMEOUT_MS = 5_000;

/** Ends a process and returns when it is gone. One that is gone already is fine. */
export async function endProcess(target: HostProcess, options: EndProcessOptions): Promise<void> {
  const gone = async () => !isSame(target, await readProcess(target.pid));
  if ((await gone()) || !signalProcess(target.pid, 'SIGTERM')) return;
  const what = `end of process ${target.pid}`;
  const wait = (timeoutMs: number) =>
    waitFor(gone, { clock: options.clock, timeoutMs, what, intervalMs: 10 });
  try {
    await wait(options.graceMs);
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    signalProcess(target.pid, 'SIGKILL');
    await wait(KILLED_TIMEOUT_MS);
  }
}

/** A pid is reused sooner or later; the arguments tell whose it is now. */
function isSame(target: HostProcess, now: HostProcess | undefined): boolean {
  return now !== undefined && now.argv.join('\0') === target.argv.join('\0');
}
