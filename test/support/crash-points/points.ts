// Owns the points at which a process may die: each sync, rename, link, removal, write, commit and start of a program
// that it does itself, counted over all of its threads, so that the same number is the same place.
//
//   countCrashPoints({ at: 17, side: 'before' });   the process kills itself in place of its 17th step
//   ... the program under test ...
//
// What a library does inside (SQLite's own writes and syncs) is out of its sight: see traced.ts for those.

import childProcess from 'node:child_process';
import { type FileHandle, default as files } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync } from 'node:sqlite';

export interface CrashPoint {
  /** From 1; more than there are: it lives. */
  at: number;
  /** In place of the step, or when the step is done and nobody has heard of it. */
  side: 'before' | 'after';
}

// biome-ignore lint/suspicious/noExplicitAny: functions of every shape are wrapped
type Function = (...args: any[]) => any;

const STEPS_OF_FILES = ['rename', 'link', 'unlink', 'mkdir', 'rm', 'truncate', 'open'] as const;
const STEPS_OF_HANDLES = ['sync', 'datasync', 'write', 'truncate', 'chown'] as const;

/** Counts from now on, in code that is loaded already too. `counted` tells how many there were so far. */
export async function countCrashPoints(point: CrashPoint): Promise<{ counted(): number }> {
  const points = new Points(point);
  for (const name of STEPS_OF_FILES) {
    points.wrap(files, name, name === 'open' ? isForWriting : undefined);
  }
  points.wrap(DatabaseSync.prototype, 'exec', isCommit);
  points.wrap(childProcess, 'spawn');
  const prototype = await prototypeOfHandles();
  for (const name of STEPS_OF_HANDLES) points.wrap(prototype, name);
  syncBuiltinESMExports();
  return { counted: () => points.count };
}

class Points {
  count = 0;
  readonly #point: CrashPoint;

  constructor(point: CrashPoint) {
    this.#point = point;
  }

  wrap(owner: object, name: string, counts: Function = () => true): void {
    const methods = owner as Record<string, Function>;
    const original = methods[name]!;
    const points = this;
    methods[name] = function (this: unknown, ...args: unknown[]) {
      return counts(...args)
        ? points.#pass(() => original.apply(this, args))
        : original.apply(this, args);
    };
  }

  #pass(step: () => unknown): unknown {
    this.count += 1;
    const isChosen = this.count === this.#point.at;
    if (isChosen && this.#point.side === 'before') die();
    const result = step();
    if (!isChosen) return result;
    if (!(result instanceof Promise)) die();
    return (result as Promise<unknown>).finally(die);
  }
}

function isForWriting(_path: unknown, flags: unknown = 'r'): boolean {
  return typeof flags === 'string' ? flags !== 'r' : true;
}

function isCommit(sql: string): boolean {
  return /^(?:COMMIT|PRAGMA wal_checkpoint)/.test(sql);
}

async function prototypeOfHandles(): Promise<object> {
  const handle: FileHandle = await files.open(process.execPath, 'r');
  await handle.close();
  return Object.getPrototypeOf(handle) as object;
}

/** Nothing of this process runs after the signal. */
function die(): never {
  process.kill(process.pid, 'SIGKILL');
  throw new Error('still alive');
}
