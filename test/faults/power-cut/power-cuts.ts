// Owns the run of power cuts against stores, each on a disk of its own under one power: their writer is started, the
// power goes at a moment of the seed's choosing, the disks come back, and the next writer tells what it finds there.

import { join } from 'node:path';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import { CRASH_CALLS } from '../../support/crash-points/traced.ts';
import { PowerCutDisk } from '../../support/power-cut/power-cut-disk.ts';
import { Promises } from '../workloads/promises.ts';
import { WORKLOADS, type WorkloadName } from '../workloads/workloads.ts';
import type { WriterTask } from '../workloads/writer.ts';
import { WriterFailedError, WriterProcess } from '../workloads/writer-process.ts';
import { type CutPlan, planCrash, planCut } from './cut-plan.ts';

export interface PowerCutRun {
  /** All of them meet every cut. */
  workloads: readonly WorkloadName[];
  cuts: number;
  /** Every choice follows from it: what is written, when the power goes, what survives. */
  seed: number;
  /** Ends with the first loss: more would show nothing new. */
  untilBroken?: boolean;
  /** After each cut, with its number. */
  onCut?: (number: number) => void;
  /** What was broken, as it is found. */
  onBroken?: (sentence: string) => void;
}

export interface PowerCutResult {
  acknowledged: number;
  /** Promises that were not kept, a sentence for each. */
  broken: string[];
}

/**
 * After so many cuts there is another one, in which a store's process has died first, in place of a sync: what it
 * left in the page cache was read, and believed, by the next process before the power went.
 */
const CUTS_A_CRASH = 10;

export async function runPowerCuts(run: PowerCutRun): Promise<Map<WorkloadName, PowerCutResult>> {
  const { seed, workloads: names } = run;
  await using disk = await PowerCutDisk.create({ seed, names });
  await using series = new Series(run, disk);
  try {
    for (let number = 1; number <= run.cuts; number++) {
      if (run.untilBroken === true && series.isBroken) break;
      await series.run(number);
      run.onCut?.(number);
    }
    await series.finish();
  } catch (error) {
    // A store that cannot be opened or read any more has lost all of it.
    if (!(error instanceof WriterFailedError)) throw error;
    series.fail(error);
  }
  return series.results();
}

class Series implements AsyncDisposable {
  readonly #run: PowerCutRun;
  readonly #disk: PowerCutDisk;
  readonly #random: RandomSource;
  readonly #promises: ReadonlyMap<WorkloadName, Promises>;
  #sessions = 0;
  #next: WriterProcess;
  #current: WriterProcess | undefined;

  constructor(run: PowerCutRun, disk: PowerCutDisk) {
    this.#run = run;
    this.#disk = disk;
    this.#random = seededRandom(run.seed);
    const { onBroken = () => {} } = run;
    this.#promises = new Map(run.workloads.map((name) => [name, new Promises(onBroken)]));
    this.#next = this.#load();
  }

  get isBroken(): boolean {
    return [...this.#promises.values()].some(({ broken }) => broken.length > 0);
  }

  /** One cut, and one after a crash where it is its turn. */
  async run(number: number): Promise<void> {
    const { workloads } = this.#run;
    const { moments } = WORKLOADS[workloads[0]!];
    if (moments !== 'after-a-crash') await this.#cut(planCut(workloads, number, this.#random));
    if (moments === 'any' && number % CUTS_A_CRASH !== 0) return;
    if (moments === 'writing') return;
    const turn = moments === 'any' ? number / CUTS_A_CRASH : number;
    await this.#crashAndCut(workloads[turn % workloads.length]!);
  }

  /** Looks at what the last cut has left. */
  async finish(): Promise<void> {
    const writer = this.#start('look');
    await writer.whenFound();
    await writer.kill();
    const complaints = await this.#disk.complaints();
    if (complaints !== '') this.#breakAll(`e2fsck: ${complaints}`);
  }

  fail(error: WriterFailedError): void {
    this.#breakAll(error.message);
  }

  results(): Map<WorkloadName, PowerCutResult> {
    return new Map(
      [...this.#promises].map(([name, { acknowledged, broken }]) => [
        name,
        { acknowledged, broken },
      ]),
    );
  }

  #breakAll(sentence: string): void {
    for (const promises of this.#promises.values()) promises.break(sentence);
  }

  async #cut({ moment, patienceMs, of, ...plan }: CutPlan): Promise<void> {
    const writer = this.#start('write', of);
    if (moment === 'writing') await writer.whenFound();
    const options = { ...plan, kill: [writer.pid], ...(of === undefined ? {} : { disk: of }) };
    await this.#disk.cutAfterRequests(options);
    const timer = setTimeout(() => void this.#disk.cut(options), patienceMs);
    try {
      await Promise.race([this.#disk.whenCut(), writer.whenFailed()]);
    } finally {
      clearTimeout(timer);
    }
    await writer.whenEnded();
    await this.#disk.remount();
  }

  async #crashAndCut(store: WorkloadName): Promise<void> {
    const { killedAtSync, mode } = planCrash(this.#random);
    await this.#crash(store, killedAtSync);
    const writer = this.#start('look');
    await writer.whenFound();
    await this.#disk.cut({ mode, kill: [writer.pid] });
    await writer.whenEnded();
    await this.#disk.remount();
  }

  /** The process dies in place of a sync; the host goes on. */
  async #crash(store: WorkloadName, nth: number): Promise<void> {
    const killedAt = { calls: CRASH_CALLS.syncs, nth };
    const writer = this.#begin(this.#load({ workloads: [store], killedAt }), 'write');
    const timer = setTimeout(() => void writer.kill(), WORKLOADS[store].patienceMs);
    await writer.whenEnded();
    clearTimeout(timer);
  }

  #start(task: WriterTask, first?: WorkloadName): WriterProcess {
    const writer = this.#begin(this.#next, task, first);
    // It loads its modules meanwhile.
    this.#next = this.#load();
    return writer;
  }

  #begin(writer: WriterProcess, task: WriterTask, first?: WorkloadName): WriterProcess {
    this.#sessions += 1;
    const seed = Math.floor(this.#random.fraction() * 2 ** 31);
    const session = this.#sessions;
    const places = this.#run.workloads.map((name) => [name, this.#disk.mountPathOf(name)]);
    const orders = { folders: Object.fromEntries(places), seed, session, task };
    writer.begin(first === undefined ? orders : { ...orders, first }, this.#promises);
    this.#current = writer;
    return writer;
  }

  #load(
    options: {
      workloads: readonly WorkloadName[];
      killedAt?: { calls: string; nth: number };
    } = this.#run,
  ): WriterProcess {
    const { workloads, killedAt } = options;
    const cache = join(this.#disk.scratchPath, 'compiled');
    const kill = killedAt === undefined ? {} : { killedAt };
    return new WriterProcess({ workloads, cache, ...kill });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#next.kill();
    await this.#current?.kill();
  }
}
