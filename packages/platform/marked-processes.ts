// Owns programs that outlive whoever starts them, such as what serves a volume: started with limits, their number noted in a
// file, and found again by what they are. One is known by a mark, a part of its arguments that no other one has, and by
// the folder that it works in. The number is only where to look first.

import type { FileHandle } from 'node:fs/promises';
import type { Commands } from './commands.ts';
import { type ConfinedProgram, startConfined } from './confined-start.ts';
import type { ControlGroups, ResourceLimits } from './control-groups.ts';
import { readFileIfPresent, writeUnsynced } from './files.ts';
import {
  findProcess,
  findProcesses,
  type HostProcess,
  type ProcessIdentity,
  readProcess,
  worksIn,
} from './processes.ts';

export interface ProcessMark {
  /** In one of its arguments. */
  mark: string;
  /** Where it works. */
  folder: string;
}

export interface LimitedStart {
  log: FileHandle;
  pidFile: string;
  /** Of its control group. */
  name: string;
  resources: ResourceLimits;
  /** As {@link startConfined} has it. */
  inherited?: readonly number[];
}

/** Undefined when it has ended already. */
export async function startLimited(
  host: { commands: Commands; controlGroups: ControlGroups },
  program: ConfinedProgram,
  { log, pidFile, name, resources, inherited = [] }: LimitedStart,
): Promise<ProcessIdentity | undefined> {
  const { pid } = await startConfined(host.commands, program, { log: log.fd, inherited });
  await writePid(pidFile, pid);
  const identity = await findProcess(pid);
  if (identity !== undefined) await host.controlGroups.limit(name, pid, resources);
  return identity;
}

export function writePid(path: string, pid: number): Promise<void> {
  return writeUnsynced(path, `${pid}\n`, { mode: 0o600 });
}

/** Undefined where none was written down. */
export async function readPid(path: string): Promise<number | undefined> {
  const pid = Number((await readFileIfPresent(path))?.toString('utf8').trim());
  return Number.isSafeInteger(pid) && pid > 1 ? pid : undefined;
}

export async function isMarked(
  found: HostProcess,
  { mark, folder }: ProcessMark,
): Promise<boolean> {
  if (!found.argv.some((argument) => argument.includes(mark))) return false;
  return await worksIn(found.pid, folder);
}

/** By its number; undefined when that is another one's by now. */
export async function findNoted(
  pidFile: string,
  mark: ProcessMark,
): Promise<HostProcess | undefined> {
  const pid = await readPid(pidFile);
  const found = pid === undefined ? undefined : await readProcess(pid);
  return found !== undefined && (await isMarked(found, mark)) ? found : undefined;
}

/** Also those whose numbers were not written down. */
export async function findMarked(mark: ProcessMark): Promise<HostProcess[]> {
  const marked: HostProcess[] = [];
  for (const found of await findProcesses((argument) => argument.includes(mark.mark))) {
    if (await isMarked(found, mark)) marked.push(found);
  }
  return marked;
}

const TAIL_LINES = 5;

/** What it wrote last, for the reason that people see in the log. */
export async function readLogTail(path: string): Promise<string> {
  const bytes = await readFileIfPresent(path);
  return bytes?.toString('utf8').trim().split('\n').slice(-TAIL_LINES).join('\n') ?? '';
}
