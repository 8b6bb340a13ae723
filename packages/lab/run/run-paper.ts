// Owns a run of the matrix: targets made, a guest for each group of rows, the host's own dd in the same rounds, and
// everything gone afterwards, however it ends.

import { join } from 'node:path';
import type { AioEngine } from '@ironbark/core/io-profile.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { LabGuest } from '../guest/lab-guest.ts';
import { withNetworkDisk } from '../guest/network-disk.ts';
import type { Accelerator, LabGuestDisk } from '../guest/qemu-arguments.ts';
import type { Configuration, MatrixRow } from '../matrix/configuration.ts';
import { openTargets, type Targets } from '../targets/targets.ts';
import type { Testbed } from '../testbeds.ts';
import { groupForGuests } from './guest-groups.ts';
import { hostKeyOf, withHostRows } from './host-rows.ts';
import { describeRow, type RowResult, resultOf, type Taken } from './row-result.ts';
import { type GuestPlace, type Sample, sampleGuest, sampleHost } from './sample.ts';

export interface LabRunOptions {
  commands: Commands;
  clock: Clock;
  /** Empty; everything of the run is in it, and nothing of it is left there. */
  folder: string;
  testbed: Testbed;
  rows: readonly MatrixRow[];
  sizeBytes: number;
  repeat: number;
  guest: LabGuestChoices;
  signal: AbortSignal;
  onProgress(text: string): void;
}

export interface LabGuestChoices {
  accelerator: Accelerator;
  /** The best of QEMU's engines that this host lets it use. */
  engine: AioEngine;
  kernelPath: string;
  initrdPath: string;
}

/** A guest's memory is small against what is moved, as the paper's was: what it caches is not what is measured. */
const MEMORY_MIB = 384;
const VCPUS = 2;
const NO_VOLUME = 'The native testbed has no volume: the host itself would have to serve it.';
const INTERRUPTED = 'The run was ended before this row.';

/** In the order of `rows`, the host's own before them where they are needed. */
export async function runPaper(options: LabRunOptions): Promise<RowResult[]> {
  const run = new LabRun(options);
  try {
    await run.measure();
  } catch (error) {
    if (!options.signal.aborted) throw error;
  }
  return run.results();
}

interface Round {
  targets: Targets;
  /** The host's own rates, by target, direction and workload. */
  host: Map<string, number>;
}

class LabRun {
  readonly #options: LabRunOptions;
  readonly #rows: readonly MatrixRow[];
  readonly #taken = new Map<string, Taken[]>();
  readonly #reasons = new Map<string, string>();
  #done = 0;
  #planned = 0;

  constructor(options: LabRunOptions) {
    this.#options = options;
    this.#rows = withHostRows(options.rows);
    for (const { id, configuration } of this.#rows) {
      const reason = configuration.reason ?? whyNotHere(configuration, options.guest.engine);
      if (reason !== undefined) this.#reasons.set(id, reason);
    }
  }

  results(): RowResult[] {
    const { accelerator } = this.#options.guest;
    return this.#rows.map((row) => {
      const taken = this.#taken.get(row.id);
      if (taken !== undefined) return resultOf(row, taken, accelerator);
      const reason = this.#reasons.get(row.id) ?? INTERRUPTED;
      return { ...describeRow(row, accelerator), reason };
    });
  }

  async measure(): Promise<void> {
    const configurations = uniqueConfigurations(this.#open());
    if (configurations.length === 0) return;
    this.#options.onProgress('making the disks');
    await using targets = await openTargets({ ...this.#options, configurations });
    for (const row of this.#open()) {
      if (targets.find(row.configuration) === undefined) this.#reasons.set(row.id, NO_VOLUME);
    }
    const guests = uniqueConfigurations(this.#open()).filter(({ vmm }) => vmm === 'guest');
    const grouped = groupForGuests(guests);
    // The host's own rows alone need no guest.
    const groups = grouped.length === 0 ? [[]] : grouped;
    this.#planned = groups.reduce((sum, group) => sum + this.#samplesOf(group), 0);
    for (const [index, group] of groups.entries()) await this.#measureGroup(targets, group, index);
  }

  /** Rows that nothing is known against. */
  #open(): MatrixRow[] {
    return this.#rows.filter(({ id }) => !this.#reasons.has(id));
  }

  #rowsOf(group: readonly Configuration[]): MatrixRow[] {
    return this.#open().filter(({ configuration }) => group.includes(configuration));
  }

  #samplesOf(group: readonly Configuration[]): number {
    const rows = this.#rowsOf(group);
    return this.#options.repeat * (rows.length + this.#hostRowsFor(rows).length);
  }

  async #measureGroup(
    targets: Targets,
    group: readonly Configuration[],
    index: number,
  ): Promise<void> {
    const { signal, repeat } = this.#options;
    const rows = this.#rowsOf(group);
    await using stack = new AsyncDisposableStack();
    const disks = disksOf(group, targets);
    const guest = group.length === 0 ? undefined : await this.#boot(disks, index, rows);
    if (guest !== undefined) stack.use(guest);
    for (let n = 0; n < repeat; n++) {
      const round: Round = { targets, host: new Map() };
      for (const row of this.#hostRowsFor(rows)) await this.#measureHost(row, round);
      for (const row of rows) {
        signal.throwIfAborted();
        if (guest !== undefined && !this.#reasons.has(row.id)) {
          const serial = serialOf(group, row.configuration);
          await this.#measureGuest(row, round, { guest, serial });
        }
      }
    }
  }

  async #boot(
    disks: readonly LabGuestDisk[],
    index: number,
    rows: readonly MatrixRow[],
  ): Promise<LabGuest | undefined> {
    const { signal, folder, onProgress, guest } = this.#options;
    onProgress(`starting a guest with ${disks.length} disks`);
    const machine = { ...guest, vcpus: VCPUS, memoryMib: MEMORY_MIB, disks };
    try {
      return await LabGuest.boot({
        ...this.#options,
        ...machine,
        folder: join(folder, `guest-${index}`),
      });
    } catch (error) {
      if (signal.aborted) throw error;
      for (const { id } of rows) this.#reasons.set(id, sentence(error));
      return undefined;
    }
  }

  /** Every round has the host's own rates for its rows; without a guest, for what was asked of the host. */
  #hostRowsFor(rows: readonly MatrixRow[]): MatrixRow[] {
    const wanted = new Set(rows.map(hostKeyOf));
    const host = this.#open().filter(({ configuration }) => configuration.vmm === 'none');
    return rows.length === 0 ? host : host.filter((row) => wanted.has(hostKeyOf(row)));
  }

  async #measureHost(row: MatrixRow, { targets, host }: Round): Promise<void> {
    const target = targets.find(row.configuration)!;
    const sample = await this.#take(row, () => sampleHost(this.#options, target, row));
    if (sample === undefined) return;
    host.set(hostKeyOf(row), sample.mbps);
    this.#keep(row, { sample });
  }

  async #measureGuest(
    row: MatrixRow,
    { targets, host }: Round,
    { guest, serial }: { guest: LabGuest; serial: string },
  ): Promise<void> {
    const target = targets.find(row.configuration)!;
    const measure = async (device: string | undefined) => {
      if (device === undefined) throw new Error('the guest’s kernel has no driver for this disk');
      const place: GuestPlace = { guest, vcpus: VCPUS, device };
      return await sampleGuest(this.#options, target, row, place);
    };
    const { port } = target;
    const sample = await this.#take(row, () =>
      port === undefined
        ? measure(guest.deviceOf(serial))
        : withNetworkDisk(guest, port, (device) => measure(device)),
    );
    const hostMbps = host.get(hostKeyOf(row));
    if (sample !== undefined) {
      this.#keep(row, { sample, ...(hostMbps === undefined ? {} : { hostMbps }) });
    }
  }

  /** Undefined where it failed, which is that row's story alone. */
  async #take(row: MatrixRow, measure: () => Promise<Sample>): Promise<Sample | undefined> {
    const { signal, onProgress } = this.#options;
    this.#done += 1;
    onProgress(`${this.#done} of ${this.#planned}, ${row.id}`);
    try {
      return await measure();
    } catch (error) {
      signal.throwIfAborted();
      this.#reasons.set(row.id, sentence(error));
      return undefined;
    }
  }

  #keep({ id }: MatrixRow, taken: Taken): void {
    const all = this.#taken.get(id);
    if (all === undefined) this.#taken.set(id, [taken]);
    else all.push(taken);
  }
}

const ENGINES: readonly AioEngine[] = ['threads', 'native', 'io_uring'];

/** QEMU ends at once when it is told to use an engine that the kernel refuses, with all rows of its guest. */
function whyNotHere({ profile }: Configuration, best: AioEngine): string | undefined {
  if (profile === undefined || ENGINES.indexOf(profile.aio) <= ENGINES.indexOf(best))
    return undefined;
  return `This host does not let QEMU use ${profile.aio}.`;
}

function uniqueConfigurations(rows: readonly MatrixRow[]): Configuration[] {
  return [...new Set(rows.map(({ configuration }) => configuration))];
}

function disksOf(group: readonly Configuration[], targets: Targets): LabGuestDisk[] {
  return group.flatMap((each) => {
    const source = targets.find(each)?.source;
    if (source === undefined) return [];
    return [{ serial: serialOf(group, each), source, profile: each.profile! }];
  });
}

/** All of one length, so that none is the end of another. */
function serialOf(group: readonly Configuration[], configuration: Configuration): string {
  return `lab${String(group.indexOf(configuration)).padStart(2, '0')}`;
}

function sentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const first = text.trim().split('\n')[0]!;
  const whole = first.charAt(0).toUpperCase() + first.slice(1);
  return /[.!?]$/.test(whole) ? whole : `${whole}.`;
}
