// Owns the run of power cuts against one store: its writer is started, the power goes at a moment of the seed's
// choosing, the disk comes back, and the next writer tells what it finds there.

import { join } from 'node:path';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import { PowerCutDisk } from '../../support/power-cut/power-cut-disk.ts';
import type { CutMode } from '../../support/power-cut/volatile-disk.ts';
import { Promises } from './promises.ts';
import { type CutMoment, WORKLOADS, type WorkloadName } from './workloads.ts';
import { WriterFailedError, WriterProcess } from './writer-process.ts';

export interface PowerCutRun {
  workload: WorkloadName;
  cuts: number;
  /** Every choice follows from it: what is written, when the power goes, what survives. */
  seed: number;
  onCut?: (cut: CutOutcome) => void;
}

export interface CutOutcome {
  number: number;
  plan: CutPlan;
  /** Operations that were acknowledged since the cut before. */
  acknowledged: number;
  /** Sectors in the cache when the power went, and how many of them reached the disk. */
  unflushed: number;
  survived: number;
  broken: string[];
}

export interface PowerCutResult {
  cuts: number;
  acknowledged: number;
  /** Promises that were not kept, a sentence for each. */
  broken: string[];
}

interface CutPlan {
  moment: CutMoment;
  mode: CutMode;
  /** Writes and flushes of the device. */
  afterRequests: number;
}

/** How often each comes up. */
const MOMENTS: readonly CutMoment[] = ['writing', 'writing', 'writing', 'opening', 'crashed'];
const DROP_ALL_SHARE = 0.25;
const MAX_REQUESTS_OF_OPENING = 40;
/** Syncs of one thread before the process dies in place of the next. */
const MAX_SYNCS = 30;
/** A store that has nothing to mend may write nothing. */
const OPENING_PATIENCE_MS = 300;

export async function runPowerCuts(run: PowerCutRun): Promise<PowerCutResult> {
  await using disk = await PowerCutDisk.create({ seed: run.seed });
  await using series = new Series(run, disk);
  try {
    for (let number = 1; number <= run.cuts; number++) await series.cut(number);
    return await series.finish();
  } catch (error) {
    // A store that cannot be opened or read any more has lost all of it.
    if (!(error instanceof WriterFailedError)) throw error;
    return series.fail(error);
  }
}

class Series implements AsyncDisposable {
  readonly #run: PowerCutRun;
  readonly #disk: PowerCutDisk;
  readonly #random: RandomSource;
  readonly #promises = new Promises();
  #sessions = 0;
  #next: WriterProcess;
  #current: WriterProcess | undefined;

  constructor(run: PowerCutRun, disk: PowerCutDisk) {
    this.#run = run;
    this.#disk = disk;
    this.#random = seededRandom(run.seed);
    this.#next = this.#load();
  }

  async cut(number: number): Promise<void> {
    const plan = this.#plan(number);
    const before = this.#promises.acknowledged;
    const brokenBefore = this.#promises.broken.length;
    if (plan.moment === 'crashed') await this.#crash();
    const writer = this.#start({ looksOnly: plan.moment === 'crashed' });
    if (plan.moment !== 'opening') await writer.whenFound();
    const { unflushed, survived } = await this.#cutPower(writer, plan);
    await writer.whenEnded();
    await this.#disk.remount();
    const acknowledged = this.#promises.acknowledged - before;
    const broken = this.#promises.broken.slice(brokenBefore);
    this.#run.onCut?.({ number, plan, acknowledged, unflushed, survived, broken });
  }

  /** Looks at what the last cut has left. */
  async finish(): Promise<PowerCutResult> {
    const writer = this.#start({ looksOnly: true });
    await writer.whenFound();
    await writer.kill();
    const complaints = await this.#disk.complaints();
    const { acknowledged, broken } = this.#promises;
    if (complaints !== '') broken.push(`e2fsck: ${complaints}`);
    return { cuts: this.#run.cuts, acknowledged, broken };
  }

  fail(error: WriterFailedError): PowerCutResult {
    const { acknowledged, broken } = this.#promises;
    return { cuts: this.#run.cuts, acknowledged, broken: [...broken, error.message] };
  }

  #plan(number: number): CutPlan {
    const { maxRequests, moments = MOMENTS } = WORKLOADS[this.#run.workload];
    const chosen = moments[Math.floor(this.#random.fraction() * moments.length)]!;
    // The first process makes the store.
    const moment = number === 1 ? 'writing' : chosen;
    const mode = this.#random.fraction() < DROP_ALL_SHARE ? 'drop-all' : 'torn';
    const most = moment === 'opening' ? MAX_REQUESTS_OF_OPENING : maxRequests;
    return { moment, mode, afterRequests: Math.floor(this.#random.fraction() ** 2 * most) };
  }

  async #cutPower(writer: WriterProcess, { mode, afterRequests, moment }: CutPlan) {
    const kill = [writer.pid];
    if (moment === 'crashed') {
      await this.#disk.cut({ mode, kill });
      return await this.#disk.whenCut();
    }
    await this.#disk.cutAfterRequests({ afterRequests, mode, kill });
    const { patienceMs } = WORKLOADS[this.#run.workload];
    const patience = moment === 'opening' ? OPENING_PATIENCE_MS : patienceMs;
    const timer = setTimeout(() => void this.#disk.cut({ mode, kill }), patience);
    try {
      return await Promise.race([this.#disk.whenCut(), writer.whenFailed()]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** The process dies in place of a sync; the host goes on. */
  async #crash(): Promise<void> {
    const killedAtSync = 1 + Math.floor(this.#random.fraction() ** 2 * MAX_SYNCS);
    const writer = this.#begin(this.#load({ killedAtSync }));
    const { patienceMs } = WORKLOADS[this.#run.workload];
    const timer = setTimeout(() => void writer.kill(), patienceMs);
    await writer.whenEnded();
    clearTimeout(timer);
  }

  #start(options: { looksOnly?: boolean } = {}): WriterProcess {
    const writer = this.#begin(this.#next, options);
    // It loads its modules meanwhile.
    this.#next = this.#load();
    return writer;
  }

  #begin(writer: WriterProcess, { looksOnly = false } = {}): WriterProcess {
    this.#sessions += 1;
    const seed = Math.floor(this.#random.fraction() * 2 ** 31);
    const session = this.#sessions;
    const folder = this.#disk.mountPath;
    writer.begin({ folder, seed, session, looksOnly }, this.#promises);
    this.#current = writer;
    return writer;
  }

  #load(options: { killedAtSync?: number } = {}): WriterProcess {
    const cache = join(this.#disk.scratchPath, 'compiled');
    return new WriterProcess({ workload: this.#run.workload, cache, ...options });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#next.kill();
    await this.#current?.kill();
  }
}
