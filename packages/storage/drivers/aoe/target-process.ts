// Owns the process of an AoE target from the outside: starting one that has no rights, finding it again, ending it. It
// outlives whoever started it.

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
import { renderMac } from '@ironbark/protocol/aoe/frame.ts';
import { CONTROL_SOCKET, readTargetStatus } from './control-client.ts';
import type { PortFacts } from './frame-port.ts';

export interface AoeTargetHost {
  /** The target's own: all that it sees of the host's files besides its program. Absolute, without symbolic links. */
  folder: string;
  commands: Commands;
  clock: Clock;
  /** The user that it runs as; undefined: this process is not root. */
  uid: number | undefined;
}

const PACKAGES = join(import.meta.dirname, '../../../../packages');
const MODULES = join(import.meta.dirname, '../../../../node_modules');
const MAIN = join(import.meta.dirname, 'main.ts');

const LEFT = 'left';
const LIMITS = { openFiles: 4_096, processes: 512 };
/** The first that a program inherits besides its standard streams. */
const INHERITED_FD = 3;
/**
 * Threads that wait for disks. Each disk has up to nine calls under way, so that a dozen disks that hang hold up
 * nobody else's.
 */
const THREADS = 128;
const START_TIMEOUT_MS = 15_000;
const START_POLL_MS = 10;
const GRACE_MS = 5_000;

/** Beside the target's folder: what it puts in there is nothing for root to write to. */
function logOf(folder: string): string {
  return `${folder}.log`;
}

/** The socket in `port` may be closed afterwards. Throws when a target does not come up. */
export async function startAoeTarget(
  host: AoeTargetHost,
  port: PortFacts,
): Promise<ProcessIdentity> {
  await prepareFolder(host);
  // A socket that a target before it left would be taken for its own.
  await removeFile(join(host.folder, CONTROL_SOCKET));
  const flags = constants.O_CREAT | constants.O_TRUNC | constants.O_WRONLY | constants.O_APPEND;
  const log = await open(logOf(host.folder), flags, 0o600);
  try {
    const program = await confinedTarget(host, targetArguments(port));
    const { pid } = await startConfined(host.commands, program, {
      log: log.fd,
      inherited: [port.fd],
    });
    return await untilReady(host, pid);
  } finally {
    await log.close();
  }
}

function interfaceArgument(index: number): string {
  return `--interface=${index}`;
}

/** A target whose interface was made anew hears nothing any more. */
export function listensOn(target: HostProcess, port: Omit<PortFacts, 'fd'>): boolean {
  const wanted = targetArguments(port).filter((each) => /^--(mac|mtu|interface)=/.test(each));
  return wanted.every((each) => target.argv.includes(each));
}

function targetArguments({ mac, mtuBytes, interfaceIndex }: Omit<PortFacts, 'fd'>): string[] {
  return [
    '--disable-warning=ExperimentalWarning',
    MAIN,
    `--control=${CONTROL_SOCKET}`,
    `--left=${LEFT}`,
    `--socket=${INHERITED_FD}`,
    `--mac=${renderMac(mac)}`,
    `--mtu=${mtuBytes}`,
    ...(interfaceIndex === undefined ? [] : [interfaceArgument(interfaceIndex)]),
  ];
}

/** What the target runs as and sees; the host may not allow name spaces of its own. */
async function confinedTarget(host: AoeTargetHost, args: string[]): Promise<ConfinedProgram> {
  const program: ConfinedProgram = {
    file: process.execPath,
    args,
    confinement: asUser(host.uid),
    limits: LIMITS,
    environment: { UV_THREADPOOL_SIZE: `${THREADS}` },
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

function enclosureOf({ folder }: AoeTargetHost): Promise<Enclosure> {
  return ensureEnclosure({
    directory: `${folder}.enclosure`,
    programs: [],
    searchPath: CLEAN_ENVIRONMENT['PATH']!,
    devices: ['/dev/null'],
    readOnly: [process.execPath, PACKAGES, MODULES],
  });
}

/** The folder is root's until all of it is as it has to be: a link that a target left there leads root nowhere. */
async function prepareFolder({ folder, uid }: AoeTargetHost): Promise<void> {
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

async function untilReady(host: AoeTargetHost, pid: number): Promise<ProcessIdentity> {
  const ready = async () => {
    const found = await findProcess(pid);
    if (found === undefined) return 'ended';
    return readTargetStatus(host).then(
      () => found,
      () => undefined,
    );
  };
  const what = `start of the AoE target in ${host.folder}`;
  const timing = { timeoutMs: START_TIMEOUT_MS, intervalMs: START_POLL_MS, what };
  const outcome = await waitFor(ready, { clock: host.clock, ...timing });
  if (outcome !== 'ended') return outcome;
  const log = await readFileIfPresent(logOf(host.folder));
  throw new Error(`the AoE target ended at once: ${log?.toString('utf8').trim()}`);
}

/** The target of this folder, whoever started it. */
export async function findAoeTarget({
  folder,
}: Pick<AoeTargetHost, 'folder'>): Promise<HostProcess | undefined> {
  for (const found of await findProcesses((argument) => argument === MAIN)) {
    if (await worksIn(found.pid, folder)) return found;
  }
  return undefined;
}

export async function endAoeTarget(host: AoeTargetHost): Promise<void> {
  const found = await findAoeTarget(host);
  if (found !== undefined) await endProcess(found, { clock: host.clock, graceMs: GRACE_MS });
}
