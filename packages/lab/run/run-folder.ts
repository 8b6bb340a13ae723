// Owns the folder of one run: everything that the run makes on the host is below it, works in it or has its name, so that
// what a killed run has left is found and taken away by the next one.

import { lstat, mkdtemp, readFile, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Clock } from '@ironbark/platform/clock.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';
import { listIfPresent, readFileIfPresent, writeUnsynced } from '@ironbark/platform/files.ts';
import {
  endProcess,
  findProcess,
  findProcesses,
  findProcessIn,
  isAlive,
  type ProcessIdentity,
} from '@ironbark/platform/processes.ts';
import { removeNameSpaces } from '../network/lab-network.ts';

export interface RunFolderOptions {
  commands: Commands;
  clock: Clock;
  /** Of the folders of all runs. */
  parent: string;
}

const PREFIX = 'ironbark-lab-';
const OWNER = 'owner.json';
const GRACE_MS = 3_000;

/** A folder of this process; its name begins those of the run's name spaces. */
export async function makeRunFolder(
  { parent }: Pick<RunFolderOptions, 'parent'>,
  ownDisk?: string,
): Promise<string> {
  const folder = await mkdtemp(join(parent, PREFIX));
  const owner: Owner = { ...(await findProcess(process.pid))!, ...(ownDisk && { ownDisk }) };
  await writeUnsynced(join(folder, OWNER), JSON.stringify(owner));
  return folder;
}

interface Owner extends ProcessIdentity {
  /** What is measured outside of the folder, over which the run has loop devices. */
  ownDisk?: string;
}

/** Takes away what runs have left that no process owns any more; the folders' paths. */
export async function sweepRunFolders(options: RunFolderOptions): Promise<string[]> {
  const swept: string[] = [];
  for (const name of await listIfPresent(options.parent)) {
    const folder = join(options.parent, name);
    if (!name.startsWith(PREFIX) || !(await isAbandoned(folder))) continue;
    await clearRunFolder(options, folder);
    swept.push(folder);
  }
  return swept;
}

/** Without an owner's mark it is nobody's to take, and where anybody may make folders a mark of another user says nothing. */
async function isAbandoned(folder: string): Promise<boolean> {
  const facts = await lstat(folder).catch(() => undefined);
  if (facts?.isDirectory() !== true || facts.uid !== process.getuid?.()) return false;
  const owner = await readOwner(folder);
  return owner !== undefined && !(await isAlive(owner));
}

async function readOwner(folder: string): Promise<Owner | undefined> {
  const text = await readFileIfPresent(join(folder, OWNER)).catch(() => undefined);
  try {
    const { pid, startTicks, ownDisk } = JSON.parse(text?.toString() ?? '{}') as Partial<Owner>;
    if (!Number.isInteger(pid) || !Number.isInteger(startTicks)) return undefined;
    return { pid: pid!, startTicks: startTicks!, ...(ownDisk && { ownDisk }) };
  } catch {
    return undefined;
  }
}

/** Devices, then processes, then what they held, the last that was made first. */
export async function clearRunFolder(
  { commands, clock }: RunFolderOptions,
  folder: string,
): Promise<void> {
  const ownDisk = (await readOwner(folder))?.ownDisk;
  // First: whoever shows a disk as a file takes it away when it ends, and the device's file has no path any more. A device
  // that is in use goes with its last user.
  await detachLoops(commands, (file) => file === ownDisk || file.startsWith(`${folder}/`));
  await endProcessesOf(folder, clock);
  for (const place of (await mountsBelow(folder)).toReversed()) {
    await commands.run('umount', ['--lazy', place]);
  }
  await removeNameSpaces(commands, basename(folder)).catch((error: unknown) => {
    // A host without `ip` has had no name spaces of ours.
    if (!(error instanceof CommandError) || error.exitCode !== undefined) throw error;
  });
  await rm(folder, { recursive: true, force: true });
}

async function endProcessesOf(folder: string, clock: Clock): Promise<void> {
  const end = (each: ProcessIdentity) => endProcess(each, { clock, graceMs: GRACE_MS });
  const named = await findProcesses((argument) => argument.includes(`${folder}/`));
  await Promise.all(named.filter(({ pid }) => pid !== process.pid).map(end));
  for (const inside of await foldersBelow(folder)) {
    for (;;) {
      const found = await findProcessIn(inside).catch(() => undefined);
      if (found === undefined || found.pid === process.pid) break;
      await end(found);
    }
  }
}

/** One level is all there is: a folder each for disks and guests. What is mounted there may no longer answer. */
async function foldersBelow(folder: string): Promise<string[]> {
  return [folder, ...(await listIfPresent(folder)).map((name) => join(folder, name))];
}

async function mountsBelow(folder: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
  const places = lines.map((line) => line.split(' ')[1] ?? '');
  return places.filter((place) => place.startsWith(`${folder}/`));
}

interface LoopList {
  loopdevices: { name: string; 'back-file': string | null }[];
}

async function detachLoops(commands: Commands, isOwn: (file: string) => boolean): Promise<void> {
  const { stdout } = await commands.run('losetup', [
    '--json',
    '--list',
    '--output',
    'NAME,BACK-FILE',
  ]);
  if (stdout.trim() === '') return;
  const { loopdevices } = JSON.parse(stdout) as LoopList;
  const own = loopdevices.filter((each) => isOwn(each['back-file'] ?? ''));
  for (const { name } of own) await commands.run('losetup', ['--detach', name]);
}
