// Owns the calibration of a new node, in the daemon and in the background: once nobody needs the host, it measures the
// disk without a guest and writes the host's I/O profile. What is measured for a busy host says nothing, so it waits.
//
//   none --begin--> waiting --quiet--> measuring --> done
//                     ^--- a guest began ---'

import { rm } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { CALIBRATION_FILE, type IoCalibration } from '@ironbark/core/io-calibration.ts';
import type { HostNetwork } from '@ironbark/lab/tune/findings.ts';
import { calibrateHost } from '@ironbark/lab/tune/host-calibration.ts';
import { type Clock, renderTime } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { replaceFile } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type {
  InstanceObservation,
  ObservedPower,
} from '@ironbark/protocol/internal/instance-messages.ts';

export type AutopilotState = 'off' | 'waiting' | 'measuring' | 'done' | 'failed';

export interface AutopilotReport {
  state: AutopilotState;
  /** Why it waits or has failed; a sentence. */
  reason?: string;
}

export interface AutopilotOptions {
  clock: Clock;
  commands: Commands;
  logger: Logger;
  /** The node's folder. */
  folder: string;
  /** As `countGuests` counts them. */
  countGuests(): Promise<number>;
  findCalibration(): Promise<IoCalibration | undefined>;
  readNetwork(): Promise<HostNetwork>;
  /** Over the last minute; the host's own when absent. */
  readLoad?: () => number;
}

const LOOK_MS = 10_000;
/** In the node's folder. */
const SCRATCH = 'calibration';
const ENDED = 'the daemon ends';

class NotQuiet extends Error {}

/** They use the disk, or are about to. */
const THERE: ReadonlySet<ObservedPower> = new Set(['preparing', 'starting', 'running', 'stopping']);

export function countGuests(instances: readonly Pick<InstanceObservation, 'power'>[]): number {
  return instances.filter(({ power }) => THERE.has(power)).length;
}

/** What a daemon that was killed has left. For whoever holds the lock of the data folder. */
export async function clearCalibration(nodeFolder: string): Promise<void> {
  await rm(join(nodeFolder, SCRATCH), { recursive: true, force: true });
}

export class Autopilot implements AsyncDisposable {
  readonly #options: AutopilotOptions;
  readonly #ended = new AbortController();
  #report: AutopilotReport = { state: 'off' };
  #work: Promise<void> | undefined;

  constructor(options: AutopilotOptions) {
    this.#options = options;
  }

  get report(): AutopilotReport {
    return this.#report;
  }

  /** Settled when there is nothing more to do. */
  get work(): Promise<void> {
    return this.#work ?? Promise.resolve();
  }

  /** Answers at once. A node that was measured is left as it is. */
  begin(): void {
    this.#work ??= this.#run().catch((error: unknown) => {
      if (this.#ended.signal.aborted) return;
      const reason = error instanceof Error ? error.message : String(error);
      this.#report = { state: 'failed', reason };
      this.#options.logger.warn('the host could not be measured', { error });
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended.abort(new Error(ENDED));
    await this.#work;
  }

  async #run(): Promise<void> {
    while (!(await this.#tryOnce())) await this.#options.clock.sleep(LOOK_MS, this.#ended.signal);
  }

  async #tryOnce(): Promise<boolean> {
    try {
      if (await this.#isMeasured()) {
        this.#report = { state: 'done' };
        return true;
      }
      await this.#requireQuiet(isBusyForStart);
      this.#report = { state: 'measuring' };
      await this.#measure();
      this.#report = { state: 'done' };
      return true;
    } catch (error) {
      if (!(error instanceof NotQuiet)) throw error;
      this.#report = { state: 'waiting', reason: error.message };
      return false;
    }
  }

  /** Perhaps meanwhile, by `lab tune`: what is there wins. */
  async #isMeasured(): Promise<boolean> {
    return (await this.#options.findCalibration()) !== undefined;
  }

  async #measure(): Promise<void> {
    const { clock, commands, folder, logger, readNetwork } = this.#options;
    const beganMs = clock.monotonicMs();
    const calibration = await calibrateHost({
      ...{ commands, clock, signal: this.#ended.signal },
      ...{ folder: join(folder, SCRATCH), measuredAt: renderTime(clock.nowMs()) },
      ...{ processors: cpus().length, network: await readNetwork() },
      // Its own work is load: only guests end it.
      proceed: () => this.#requireQuiet(() => false),
    });
    if (await this.#isMeasured()) return;
    const text = `${JSON.stringify(calibration, undefined, 2)}\n`;
    await replaceFile(join(folder, CALIBRATION_FILE), text);
    const tookSeconds = Math.round((clock.monotonicMs() - beganMs) / 1_000);
    logger.info('the host was measured', { tookSeconds, aio: calibration.aio });
    for (const { name, sentence } of calibration.warnings ?? []) {
      logger.warn('a known-bad choice', { name, sentence });
    }
  }

  async #requireQuiet(isBusy: (load: number) => boolean): Promise<void> {
    this.#ended.signal.throwIfAborted();
    const guests = await this.#options.countGuests();
    if (guests > 0) throw new NotQuiet('Guests run, or are about to, and would be slower.');
    const load = (this.#options.readLoad ?? (() => loadavg()[0]!))();
    if (isBusy(load)) throw new NotQuiet(`This host is busy (load ${load.toFixed(1)}).`);
  }
}

/** More to run than there are processors: which candidate comes out fastest says little. */
function isBusyForStart(load: number): boolean {
  return load > cpus().length;
}
