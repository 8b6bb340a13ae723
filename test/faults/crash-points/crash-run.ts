// Owns a run of crashes against one store: its script is started again and again, each time the process dies at
// another point, and the next process tells what it finds: what was acknowledged is there, what was not is whole or
// absent, and nothing else is left once the store has come to rest.

import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import type { CrashPoint } from '../../support/crash-points/points.ts';
import { CRASH_CALLS } from '../../support/crash-points/traced.ts';
import { killProcessesNaming, processesNaming } from '../../support/host-snapshot.ts';
import { Promises } from '../workloads/promises.ts';
import type { WorkloadName } from '../workloads/workloads.ts';
import type { WriterTask } from '../workloads/writer.ts';
import {
  WriterFailedError,
  WriterProcess,
  type WriterProcessOptions,
} from '../workloads/writer-process.ts';

export interface CrashRun {
  workload: WorkloadName;
  /** So many points of the script, chosen by the seed; all of them when undefined. */
  count: number | undefined;
  seed: number;
  onBroken?: (sentence: string) => void;
}

export interface CrashResult {
  /** In a script on a store that is there already. */
  points: number;
  /** How often the process died at the point that was meant. */
  crashes: number;
  acknowledged: number;
  /** Promises that were not kept, a sentence for each. */
  broken: string[];
}

/** To open a store, do its script and check it takes a second or two on a busy host. */
const SCRIPT_TIMEOUT_MS = 120_000;
/** One crash in so many comes inside a library, by strace. */
const TRACED_EVERY = 4;
/** System calls of one thread; SQLite makes a handful in each commit. */
const MAX_TRACED_CALL = 60;
/** One in so many meets an empty folder, where the store is made first. */
const FRESH_EVERY = 5;

export async function runCrashes(run: CrashRun): Promise<CrashResult> {
  const promises = new Promises(run.onBroken);
  await using scratch = await makeFolder();
  const kept = new CrashSeries(run, promises, scratch.path);
  try {
    await kept.run();
  } catch (error) {
    // A store that cannot be opened, read or brought to rest any more has lost all of it.
    if (!(error instanceof WriterFailedError)) throw error;
    promises.break(error.message);
  }
  const { acknowledged, broken } = promises;
  return { points: kept.points, crashes: kept.crashes, acknowledged, broken };
}

async function makeFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'ironbark-crash-'));
  const remove = async () => {
    killProcessesNaming(path);
    await rm(path, { recursive: true, force: true });
  };
  return { path, [Symbol.asyncDispose]: remove };
}

class CrashSeries {
  points = 0;
  crashes = 0;
  readonly #run: CrashRun;
  readonly #promises: Promises;
  readonly #scratch: string;
  readonly #random: RandomSource;
  #sessions = 0;

  constructor(run: CrashRun, promises: Promises, scratch: string) {
    this.#run = run;
    this.#promises = promises;
    this.#scratch = scratch;
    this.#random = seededRandom(run.seed);
  }

  async run(): Promise<void> {
    const folder = await this.#makeFolder('kept');
    const first = await this.#script(folder);
    const second = await this.#script(folder);
    this.points = second.points!;
    for (const [turn, at] of this.#choosePoints(this.points).entries()) {
      const point = { at, side: turn % 2 === 0 ? 'before' : 'after' } as const;
      if (turn % FRESH_EVERY === FRESH_EVERY - 1) {
        const fromStart = { ...point, at: 1 + Math.floor(this.#random.fraction() * first.points!) };
        await this.#crashFresh(await this.#makeFolder(`new-${turn}`), fromStart);
      }
      if (turn % TRACED_EVERY === TRACED_EVERY - 1) await this.#crashInside(folder);
      await this.#script(folder, point);
    }
    await this.#halt(folder, this.#promises);
  }

  async #makeFolder(name: string): Promise<string> {
    const folder = join(this.#scratch, name);
    await mkdir(folder);
    return folder;
  }

  #choosePoints(points: number): number[] {
    const { count } = this.#run;
    if (count === undefined) return Array.from({ length: points }, (_, at) => at + 1);
    const share = points / count;
    // One of each stretch, so that the whole script is met.
    return Array.from({ length: count }, (_, at) =>
      Math.min(points, 1 + Math.floor((at + this.#random.fraction()) * share)),
    );
  }

  async #script(
    folder: string,
    crash?: CrashPoint,
    promises: Promises = this.#promises,
  ): Promise<WriterProcess> {
    const writer = this.#begin(folder, promises, { task: 'script', ...(crash && { crash }) });
    await writer.whenDone(SCRIPT_TIMEOUT_MS);
    if (crash !== undefined && writer.points === undefined) this.crashes += 1;
    return writer;
  }

  /** It dies in place of a system call, such as one of SQLite's own. */
  async #crashInside(folder: string): Promise<void> {
    const nth = 1 + Math.floor(this.#random.fraction() * MAX_TRACED_CALL);
    const killedAt = { calls: CRASH_CALLS.writes, nth };
    const writer = this.#begin(folder, this.#promises, { task: 'script' }, { killedAt });
    await writer.whenDone(SCRIPT_TIMEOUT_MS);
    if (writer.points === undefined) this.crashes += 1;
  }

  /** The store is half made when its process dies. */
  async #crashFresh(folder: string, point: CrashPoint): Promise<void> {
    const promises = new Promises((sentence) => this.#promises.break(`new store: ${sentence}`));
    await this.#script(folder, point, promises);
    await this.#halt(folder, promises);
    await rm(folder, { recursive: true });
  }

  /** Looks once more, and then nothing of it runs. */
  async #halt(folder: string, promises: Promises): Promise<void> {
    const writer = this.#begin(folder, promises, { task: 'halt' });
    await writer.whenDone(SCRIPT_TIMEOUT_MS);
    for (const line of processesNaming(folder)) this.#promises.break(`still runs: ${line}`);
  }

  #begin(
    folder: string,
    promises: Promises,
    orders: { task: WriterTask; crash?: CrashPoint },
    options: Pick<WriterProcessOptions, 'killedAt'> = {},
  ): WriterProcess {
    const { workload } = this.#run;
    this.#sessions += 1;
    const cache = join(this.#scratch, 'compiled');
    const writer = new WriterProcess({ workloads: [workload], cache, ...options });
    const seed = Math.floor(this.#random.fraction() * 2 ** 31);
    const folders = { [workload]: folder };
    writer.begin(
      { folders, seed, session: this.#sessions, ...orders },
      new Map([[workload, promises]]),
    );
    return writer;
  }
}
