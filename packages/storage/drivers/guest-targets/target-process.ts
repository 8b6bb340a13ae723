// Owns the process of a target for guests from the outside: starting one that has no rights, finding it again, ending
// it. It outlives whoever started it.

import { constants } from 'node:fs';
import { chown, lchown, lstat, open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import {
  type ConfinedProgram,
  startConfined,
  tryConfined,
} from '@ironbark/platform/confined-start.ts';
import { asUser, CLEAN_ENVIRONMENT } from '@ironbark/platform/confinement.ts';
import { type Enclosure, ensureEnclosure } from '@ironbark/platform/enclosure.ts';
import { ensureDirectory, readFileIfPresent, removeFile } from '@ironbark/platform/files.ts';
import {
  endProcess,
  findProcess,
  findProcesses,
  type HostProcess,
  type ProcessIdentity,
  worksIn,
} from '@ironbark/platform/processes.ts';
import { askTarget, CONTROL_SOCKET } from './control-line.ts';

export interface TargetHost {
  /** The target's own: all that it sees of the host's files besides its program. Absolute, without symbolic links. */
  folder: string;
  commands: Commands;
  clock: Clock;
  /** The user that it runs as; undefined: this process is not root. */
  uid: number | undefined;
}

/** What runs as a target, and how it is recognised. */
export interface TargetProgram {
  /** For people. */
  what: string;
  /** The module that is its process. */
  main: string;
  args: readonly string[];
  /** The socket that it inherits as {@link INHERITED_FD}. */
  socketFd: number;
  /** Threads that wait for disks. */
  threads: number;
}

/** The first that a program inherits besides its standard streams. */
export const INHERITED_FD = 3;
/** Where a target may write, below its folder. */
export const LEFT = 'left';

const PACKAGES = join(import.meta.dirname, '../../../../packages');
const MODULES = join(import.meta.dirname, '../../../../node_modules');
const LIMITS = { openFiles: 4_096, processes: 512 };
const START_TIMEOUT_MS = 15_000;
const START_POLL_MS = 10;
const GRACE_MS = 5_000;

/** Beside the target's folder: what it puts in there is nothing for root to write to. */
function logOf(folder: string): string {
  return `${folder}.log`;
}

/** The program's socket may be closed afterwards. Throws when the target does not come up. */
export async function startTarget(
  host: TargetHost,
  program: TargetProgram,
): Promise<ProcessIdentity> {
  await prepareFolder(host);
  // A socket that a target before it left would be taken for its own.
  await removeFile(join(host.folder, CONTROL_SOCKET));
  const flags = constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_APPEND;
  const log = await open(logOf(host.folder), flags, 0o600);
  try {
    const confined = await confinedTarget(host, program);
    const inherited = [program.socketFd];
    const { pid } = await startConfined(host.commands, confined, { log: log.fd, inherited });
    return await untilReady(host, program, pid);
  } finally {
    await log.close();
  }
}

/** What the target runs as and sees; the host may not allow name spaces of its own. */
async function confinedTarget(
  host: TargetHost,
  { main, args, threads }: TargetProgram,
): Promise<ConfinedProgram> {
  const program: ConfinedProgram = {
    file: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', main, `--control=${CONTROL_SOCKET}`, ...args],
    confinement: asUser(host.uid),
    limits: LIMITS,
    environment: { UV_THREADPOOL_SIZE: `${threads}` },
    folder: host.folder,
    workingDirectory: '',
    ownNetwork: true,
  };
  const enclosure = host.uid === undefined ? undefined : await enclosureOf(host);
  const trial = { ...program, enclosure, args: ['--version'] };
  const isPossible =
    enclosure !== undefined && (await tryConfined(host.commands, trial)) === undefined;
  return isPossible ? { ...program, enclosure } : program;
}

function enclosureOf({ folder }: TargetHost): Promise<Enclosure> {
  return ensureEnclosure({
    directory: `${folder}.enclosure`,
    programs: [],
    searchPath: CLEAN_ENVIRONMENT['PATH']!,
    devices: ['/dev/null'],
    readOnly: [process.execPath, PACKAGES, MODULES],
  });
}

/** The folder is root's until all of it is as it has to be: a link that a target left there leads root nowhere. */
async function prepareFolder({ folder, uid }: TargetHost): Promise<void> {
  const left = join(folder, LEFT);
  await ensureDirectory(folder, 0o700);
  if (uid !== undefined) await chown(folder, 0, 0);
  const found = await lstat(left).catch(() => undefined);
  if (found?.isDirectory() === false) await removeFile(left);
  await ensureDirectory(left, 0o700);
  if (uid === undefined) return;
  await lchown(left, uid, uid);
  await chown(folder, uid, uid);
}

async function untilReady(
  host: TargetHost,
  { what }: TargetProgram,
  pid: number,
): Promise<ProcessIdentity> {
  const ready = async () => {
    const found = await findProcess(pid);
    if (found === undefined) return 'ended';
    return askTarget(host, { verb: 'status' }).then(
      () => found,
      () => undefined,
    );
  };
  const timing = {
    clock: host.clock,
    timeoutMs: START_TIMEOUT_MS,
    intervalMs: START_POLL_MS,
    what: `start of the ${what} in ${host.folder}`,
  };
  const outcome = await waitFor(ready, timing);
  if (outcome !== 'ended') return outcome;
  const log = await readFileIfPresent(logOf(host.folder));
  throw new Error(`the ${what} ended at once: ${log?.toString('utf8').trim()}`);
}

/** The target of this folder, whoever started it. */
export async function findTarget(
  { folder }: Pick<TargetHost, 'folder'>,
  main: string,
): Promise<HostProcess | undefined> {
  for (const found of await findProcesses((argument) => argument === main)) {
    if (await worksIn(found.pid, folder)) return found;
  }
  return undefined;
}

export async function endTarget(host: TargetHost, main: string): Promise<void> {
  const found = await findTarget(host, main);
  if (found !== undefined) await endProcess(found, { clock: host.clock, graceMs: GRACE_MS });
}
