// Owns what becomes of what a command has started when it is interrupted: its guests, disks and clouds end with it.

import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { endProcess, findProcesses, findProcessIn } from '@ironbark/platform/processes.ts';

/** The last comes first, as things that need each other end. */
const held: (() => Promise<unknown>)[] = [];
const SIGNALS = ['SIGINT', 'SIGTERM'] as const;
/** What a shell reports of a command that a signal ended is this more than the signal's number. */
const SIGNALLED = 128;
const GRACE_MS = 3_000;

/** Until it is disposed, `end` is called when the command is interrupted. */
export function onInterruption(end: () => Promise<unknown>): Disposable {
  held.push(end);
  return {
    [Symbol.dispose]: () => {
      const at = held.indexOf(end);
      if (at >= 0) held.splice(at, 1);
    },
  };
}

/** Runs a command; once it is interrupted it ends what it holds and then itself, whatever its work makes of that. */
export async function runInterruptibly(work: () => Promise<void>): Promise<void> {
  const interrupted = Promise.withResolvers<never>();
  let isEnding = false;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      if (isEnding) return;
      isEnding = true;
      void endAll().then(() => process.exit(SIGNALLED + constants.signals[signal]));
    });
  }
  try {
    await work();
  } catch (error) {
    if (!isEnding) throw error;
  }
  // The end of the work is then its own doing.
  if (isEnding) await interrupted.promise;
}

async function endAll(): Promise<void> {
  for (const end of held.toReversed()) {
    await end().catch((error: unknown) => console.error(error));
  }
}

/** Ends every process that works in the folder or names it, and removes the folder with what is mounted there. */
export async function clearFolder(folder: string): Promise<void> {
  const named = await findProcesses((argument) => argument.includes(folder));
  const working = await Promise.all((await listFolders(folder)).map(findProcessIn));
  const found = [...named, ...working].filter((each) => each !== undefined);
  const others = found.filter(({ pid }) => pid !== process.pid);
  const timing = { clock: systemClock, graceMs: GRACE_MS };
  await Promise.all(others.map((each) => endProcess(each, timing)));
  for (const path of await listMounts(folder)) await systemCommands.run('umount', ['-l', path]);
  await rm(folder, { recursive: true, force: true });
}

async function listFolders(folder: string): Promise<string[]> {
  const isThere = await stat(folder).then(
    () => true,
    () => false,
  );
  if (!isThere) return [];
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const inside = entries.filter((entry) => entry.isDirectory());
  return [folder, ...inside.map(({ parentPath, name }) => join(parentPath, name))];
}

async function listMounts(folder: string): Promise<string[]> {
  const lines = (await readFile('/proc/self/mounts', 'utf8')).split('\n');
  const places = lines.map((line) => line.split(' ')[1] ?? '');
  return places.filter((place) => place.startsWith(`${folder}/`));
}
