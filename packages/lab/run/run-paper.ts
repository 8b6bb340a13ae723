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
import { MEMORY_MIB, VCPUS } from './machine.ts';
import { INTERRUPTED, sentenceOf } from './reasons.ts';
import { RowOutcomes } from './row-outcomes.ts';
import {
  calmOf,
  describeRow,
  type RowResult,
  ratiosOf,
  resultOf,
  type Taken,
} from './row-result.ts';
import {
  type GuestPlace,
  type Sample,
  type SampleContext,
  sampleGuest,
  sampleHost,
  warmUp,
} from './sample.ts';
import { leastCertain } from './settling.ts';
import { meanOf } from './statistics.ts';
import { transferBytes } from './transfer-size.ts';

export interface LabRunOptions {
  commands: Commands;
  clock: Clock;
  /** Empty; everything of the run is in it, and nothing of it is left there. */
  folder: string;
  testbed: Testbed;
  /** A file or device that is measured instead of one in the folder; only without a model. */
  ownDisk?: string;
  rows: readonly MatrixRow[];
  sizeBytes: number;
  /** Modelled disks have their bytes in memory, so that the host's own disk has no part in what they do. */
  isInMemory?: boolean;
  /** False: without ratios, and without the host's own rows that only they need. */
  isHeldAgainstHost?: boolean;
  /** Of jobs that have a time and no end. */
  seconds: number;
  repeat: number;
  /** On the monotonic clock: rows whose ratio could still come out differently are measured again until then. */
  moreUntilMs?: number;
  guest: LabGuestChoices;
  /** Of guests, among the host's processes; as everybody when absent. */
  niceness?: number;
  /** The folder of the programs that the host runs too. */
  tools: string;
  signal: AbortSignal;
  onProgress(text: string): void;
  /** How long a guest took from its start to its first command. */
  onBoot?(ms: number): void;
}

export interface LabRun {
  /** In the order of the rows that were asked for, the host's own before them where they are needed. */
  rows: RowResult[];
  /** What kept the run from going on; a whole sentence. */
  failure?: string;
}

export interface LabGuestChoices {
  accelerator: Accelerator;
  /** The best of QEMU's engines that this host lets it use. */
  engine: AioEngine;
  kernelPath: string;
  initrdPath: string;
}

const NO_VOLUME = 'The native testbed has no volume: the host itself would have to serve it.';

/** Whatever ends it, what was measured before stays. */
export async function runPaper(options: LabRunOptions): Promise<LabRun> {
  if (options.rows.length === 0) return { rows: [] };
  const run = new DiskRun(options);
  try {
    await run.measure();
  } catch (error) {
    if (!options.signal.aborted) return run.results(sentenceOf(error));
  }
  return run.results();
}

interface Place {
  targets: Targets;
  group: readonly Configuration[];
  guest: LabGuest | undefined;
  /** No row is begun later. */
  endsMs: number;
}

class DiskRun {
  readonly #options: LabRunOptions;
  readonly #rows: readonly MatrixRow[];
  readonly #outcomes: RowOutcomes<Taken>;
  readonly #sampling: SampleContext;

  constructor(options: LabRunOptions) {
    this.#options = options;
    this.#sampling = { ...options, records: new Map() };
    this.#outcomes = new RowOutcomes(options);
    const { rows, isHeldAgainstHost = true } = options;
    this.#rows = isHeldAgainstHost ? withHostRows(rows) : rows;
    for (const { id, configuration } of this.#rows) {
      const reason = configuration.reason ?? whyNotHere(configuration, options.guest.engine);
      if (reason !== undefined) this.#outcomes.giveUp(id, reason);
    }
  }

  results(failure?: string): LabRun {
    const { accelerator } = this.#options.guest;
    const rows = this.#rows.map((row) => {
      const taken = this.#outcomes.takenOf(row.id);
      if (taken !== undefined) return resultOf(row, taken, accelerator);
      const reason = this.#outcomes.reasonOf(row.id) ?? failure ?? INTERRUPTED;
      return { ...describeRow(row, accelerator), reason };
    });
    return failure === undefined ? { rows } : { rows, failure };
  }

  async measure(): Promise<void> {
    const configurations = uniqueConfigurations(this.#open());
    if (configurations.length === 0) return;
    this.#options.onProgress('making the disks');
    await using targets = await openTargets({ ...this.#options, configurations });
    for (const row of this.#open()) {
      if (targets.find(row.configuration) === undefined) this.#outcomes.giveUp(row.id, NO_VOLUME);
    }
    const guests = uniqueConfigurations(this.#open()).filter(({ vmm }) => vmm === 'guest');
    const grouped = groupForGuests(guests);
    // The host's own rows that no guest's is held against need no guest.
    const groups = this.#hostRowsFor([]).length === 0 ? grouped : [[], ...grouped];
    this.#outcomes.planned = groups.reduce((sum, group) => sum + this.#samplesOf(group), 0);
    for (const [index, group] of groups.entries()) await this.#measureGroup(targets, group, index);
  }

  /** Rows that nothing is known against. */
  #open(): MatrixRow[] {
    return this.#rows.filter(({ id }) => this.#outcomes.reasonOf(id) === undefined);
  }

  #rowsOf(group: readonly Configuration[]): MatrixRow[] {
    return this.#open().filter(({ configuration }) => group.includes(configuration));
  }

  /** The host's own before and after those that are held against them. */
  #samplesOf(group: readonly Configuration[]): number {
    const rows = this.#rowsOf(group);
    return this.#options.repeat * this.#samplesOfRound(rows);
  }

  #samplesOfRound(rows: readonly MatrixRow[]): number {
    return rows.length + (rows.length > 0 ? 2 : 1) * this.#hostRowsFor(rows).length;
  }

  async #measureGroup(
    targets: Targets,
    group: readonly Configuration[],
    index: number,
  ): Promise<void> {
    const { repeat } = this.#options;
    const rows = this.#rowsOf(group);
    await using stack = new AsyncDisposableStack();
    const disks = disksOf(group, targets);
    const guest = group.length === 0 ? undefined : await this.#boot(disks, index, rows);
    if (guest !== undefined) stack.use(guest);
    const place = { targets, group, guest, endsMs: Number.POSITIVE_INFINITY };
    for (let n = 0; n < repeat; n++) await this.#measureRound(rows, place);
    for (;;) {
      const open = this.#unsettled(rows);
      if (open.length === 0) return;
      this.#outcomes.planned += this.#samplesOfRound(open);
      await this.#measureRound(open, { ...place, endsMs: this.#options.moreUntilMs! });
    }
  }

  /** Rows that are held against the same follow each other, with the host's own around them. */
  async #measureRound(rows: readonly MatrixRow[], place: Place): Promise<void> {
    const hosts = this.#hostRowsFor(rows);
    for (const key of new Set([...hosts, ...rows].map(hostKeyOf))) {
      const isSo = (row: MatrixRow) => hostKeyOf(row) === key;
      await this.#measureBeside(hosts.find(isSo), rows.filter(isSo), place);
    }
  }

  /** The host's own rate before and after: what it does in the meantime changes both alike. */
  async #measureBeside(
    host: MatrixRow | undefined,
    rows: readonly MatrixRow[],
    { targets, group, guest, endsMs }: Place,
  ): Promise<void> {
    const { clock } = this.#options;
    const rates: number[] = [];
    const taken: [id: string, sample: Sample][] = [];
    if (clock.monotonicMs() >= endsMs) return;
    if (host !== undefined) rates.push(...(await this.#measureHost(host, targets)));
    if (guest === undefined || rows.length === 0) return;
    try {
      for (const row of rows) {
        if (clock.monotonicMs() >= endsMs) break;
        if (this.#outcomes.reasonOf(row.id) !== undefined) continue;
        const serial = serialOf(group, row.configuration);
        const sample = await this.#measureGuest(row, targets, { guest, serial });
        if (sample !== undefined) taken.push([row.id, sample]);
      }
      if (host !== undefined) rates.push(...(await this.#measureHost(host, targets)));
    } finally {
      // Also of a run that was ended in between.
      const hostMbps = meanOf(rates);
      for (const [id, sample] of taken) {
        this.#outcomes.keep(id, { sample, ...(hostMbps === undefined ? {} : { hostMbps }) });
      }
    }
  }

  /** What is worth another round, while there is time for one: defaults first, since it may end in the midst. */
  #unsettled(rows: readonly MatrixRow[]): MatrixRow[] {
    const { clock, moreUntilMs = 0 } = this.#options;
    if (clock.monotonicMs() >= moreUntilMs) return [];
    const possible = rows.filter(({ id }) => this.#outcomes.reasonOf(id) === undefined);
    const open = leastCertain(
      possible.map((row) => {
        const ratios = ratiosOf(calmOf(this.#outcomes.takenOf(row.id) ?? []));
        return { row, key: hostKeyOf(row), ratios };
      }),
    );
    const rank = ({ configuration: { mark } }: MatrixRow) => (mark === undefined ? 1 : 0);
    return open.toSorted((one, other) => rank(one) - rank(other));
  }

  async #boot(
    disks: readonly LabGuestDisk[],
    index: number,
    rows: readonly MatrixRow[],
  ): Promise<LabGuest | undefined> {
    const { signal, folder, onProgress, onBoot, guest } = this.#options;
    onProgress(`starting a guest with ${disks.length} disks`);
    const machine = { ...guest, vcpus: VCPUS, memoryMib: MEMORY_MIB, disks };
    try {
      const booted = await LabGuest.boot({
        ...this.#options,
        ...machine,
        folder: join(folder, `guest-${index}`),
      });
      onBoot?.(booted.bootMs);
      return booted;
    } catch (error) {
      if (signal.aborted) throw error;
      for (const { id } of rows) this.#outcomes.giveUp(id, sentenceOf(error));
      return undefined;
    }
  }

  /** Every round has the host's own rates for its rows; without a guest, for what was asked of the host. */
  #hostRowsFor(rows: readonly MatrixRow[]): MatrixRow[] {
    const isHost = ({ configuration }: MatrixRow) => configuration.vmm === 'none';
    const held = rows.length > 0 ? rows : this.#open().filter((row) => !isHost(row));
    const wanted = new Set(held.map(hostKeyOf));
    return this.#open().filter(
      (row) => isHost(row) && wanted.has(hostKeyOf(row)) === rows.length > 0,
    );
  }

  /** MB/s; none when it failed. */
  async #measureHost(row: MatrixRow, targets: Targets): Promise<number[]> {
    const target = targets.find(row.configuration)!;
    const sample = await this.#outcomes.take(row.id, () => sampleHost(this.#sampling, target, row));
    if (sample === undefined) return [];
    this.#outcomes.keep(row.id, { sample });
    return [sample.mbps];
  }

  async #measureGuest(
    row: MatrixRow,
    targets: Targets,
    { guest, serial }: { guest: LabGuest; serial: string },
  ): Promise<Sample | undefined> {
    const target = targets.find(row.configuration)!;
    const isFirst = this.#outcomes.takenOf(row.id) === undefined;
    const measure = async (device: string | undefined) => {
      if (device === undefined) throw new Error('the guest’s kernel has no driver for this disk');
      const sizeBytes = transferBytes(row, this.#options.sizeBytes);
      const context = { ...this.#sampling, sizeBytes };
      const place: GuestPlace = { guest, device };
      if (isFirst) await warmUp(context, target, row, place);
      return await sampleGuest(context, target, row, place);
    };
    const { port } = target;
    return await this.#outcomes.take(row.id, () =>
      port === undefined
        ? measure(guest.deviceOf(serial))
        : withNetworkDisk(guest, port, (device) => measure(device)),
    );
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
    const { profile, limit } = each;
    const limited = limit === undefined ? {} : { limit };
    return [{ serial: serialOf(group, each), source, profile: profile!, ...limited }];
  });
}

/** All of one length, so that none is the end of another. */
function serialOf(group: readonly Configuration[], configuration: Configuration): string {
  return `lab${String(group.indexOf(configuration)).padStart(2, '0')}`;
}
