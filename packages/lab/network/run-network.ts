// Owns a run of the network matrix: name spaces, one guest with every card, the same paths without it in the same rounds,
// and everything gone afterwards.

import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { LabGuest } from '../guest/lab-guest.ts';
import type { LabGuestNic } from '../guest/qemu-arguments.ts';
import { MEMORY_MIB, VCPUS } from '../run/machine.ts';
import { INTERRUPTED, sentenceOf } from '../run/reasons.ts';
import { RowOutcomes } from '../run/row-outcomes.ts';
import type { LabGuestChoices } from '../run/run-paper.ts';
import { leastCertain } from '../run/settling.ts';
import type { WireModel } from '../testbeds.ts';
import { startFarEnds } from './far-ends.ts';
import { ADDRESSES, LabNetwork, PREFIX_LENGTH, USUAL_MTU } from './lab-network.ts';
import {
  describeNetworkRow,
  type NetworkResult,
  type NetworkSample,
  type NetworkSurroundings,
  type NetworkTaken,
  networkRatiosOf,
  networkResultOf,
} from './network-result.ts';
import {
  isBaselineOf,
  modelOf,
  type NetworkNic,
  type NetworkRow,
  withBaselines,
} from './network-rows.ts';
import {
  type NetworkSampleContext,
  sampleGuestNetwork,
  sampleSide,
  warmUpNetwork,
} from './network-sample.ts';

export interface NetworkRunOptions {
  commands: Commands;
  clock: Clock;
  folder: string;
  /** Begins the names of the name spaces. */
  prefix: string;
  wire: WireModel | undefined;
  rows: readonly NetworkRow[];
  /** Of each stream. */
  seconds: number;
  repeat: number;
  /** On the monotonic clock: rows whose ratio could still come out differently are measured again until then. */
  moreUntilMs?: number;
  guest: LabGuestChoices;
  /** Of guests, among the host's processes; as everybody when absent. */
  niceness?: number;
  tools: string;
  signal: AbortSignal;
  onProgress(text: string): void;
  onBoot?(ms: number): void;
}

const VHOST_DEVICE = '/dev/vhost-net';
const LINK_TIMEOUT_MS = 30_000;

/** In the order of `rows`, those without a guest before them where they are needed. */
export async function runNetwork(options: NetworkRunOptions): Promise<NetworkResult[]> {
  if (options.rows.length === 0) return [];
  const run = new NetworkRun(options, await mayUseVhost());
  try {
    await run.measure();
  } catch (error) {
    if (!options.signal.aborted) return run.results(sentenceOf(error));
  }
  return run.results();
}

async function mayUseVhost(): Promise<boolean> {
  return await access(VHOST_DEVICE, constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

type Card = Exclude<NetworkNic, 'none'>;

class NetworkRun {
  readonly #options: NetworkRunOptions;
  readonly #hasVhost: boolean;
  readonly #rows: readonly NetworkRow[];
  readonly #outcomes: RowOutcomes<NetworkTaken>;

  constructor(options: NetworkRunOptions, hasVhost: boolean) {
    this.#options = options;
    this.#hasVhost = hasVhost;
    this.#rows = withBaselines(options.rows);
    this.#outcomes = new RowOutcomes(options);
    this.#outcomes.planned = this.#rows.length * options.repeat;
  }

  /** What was measured before a failure stays. */
  results(failure = INTERRUPTED): NetworkResult[] {
    const surroundings = this.#surroundings();
    return this.#rows.map((row) => {
      const taken = this.#outcomes.takenOf(row.id);
      if (taken !== undefined) return networkResultOf(row, taken, surroundings);
      const reason = this.#outcomes.reasonOf(row.id) ?? failure;
      return { ...describeNetworkRow(row, surroundings), reason };
    });
  }

  async measure(): Promise<void> {
    const { folder, onProgress, repeat } = this.#options;
    await mkdir(folder, { recursive: true });
    onProgress('making name spaces');
    const cards = this.#cards();
    const taps = cards.map(({ tap, queues }) => ({ name: tap, queues }));
    await using network = await LabNetwork.make({ ...this.#options, taps });
    await using _far = await startFarEnds({ ...this.#options, network });
    await using stack = new AsyncDisposableStack();
    const guest = cards.length === 0 ? undefined : stack.use(await this.#boot(cards, network));
    const context: NetworkSampleContext = { ...this.#options, network };
    const endsMs = Number.POSITIVE_INFINITY;
    const place: Place = { context, cards, guest, endsMs, basesAgain: false };
    for (let round = 0; round < repeat; round++) await this.#measureRound(this.#rows, place);
    for (;;) {
      const open = this.#unsettled();
      if (open.length === 0) return;
      this.#outcomes.planned += open.length + open.filter(isBase).length;
      const endsMs = this.#options.moreUntilMs!;
      await this.#measureRound(open, { ...place, endsMs, basesAgain: true });
    }
  }

  /** What is worth another round, with what it is held against before and after, while there is time for one. */
  #unsettled(): NetworkRow[] {
    const { clock, moreUntilMs = 0 } = this.#options;
    if (clock.monotonicMs() >= moreUntilMs) return [];
    const possible = this.#rows.filter(
      (row) => !isBase(row) && this.#outcomes.reasonOf(row.id) === undefined,
    );
    const open = leastCertain(
      possible.map((row) => {
        const ratios = networkRatiosOf(this.#outcomes.takenOf(row.id) ?? []);
        return { row, key: pathKeyOf(row), ratios };
      }),
    );
    return withBaselines(open);
  }

  /** In this order, but that each card's rows follow each other: changing the card takes a while. */
  async #measureRound(rows: readonly NetworkRow[], place: Place): Promise<void> {
    const baseRows = rows.filter(isBase);
    const bases = await this.#measureBases(baseRows, place);
    const taken: [row: NetworkRow, sample: NetworkSample][] = [];
    try {
      await this.#measureGuests(rows, place, (row, sample) => taken.push([row, sample]));
      if (place.basesAgain) bases.push(...(await this.#measureBases(baseRows, place)));
    } finally {
      // Also of a run that was ended in between.
      for (const [row, sample] of taken) {
        const own = bases.filter(([each]) => isBaselineOf(each, row)).map(([, base]) => base);
        this.#outcomes.keep(row.id, { sample, ...(own.length === 0 ? {} : { bases: own }) });
      }
    }
  }

  async #measureBases(rows: readonly NetworkRow[], { context }: Place): Promise<Base[]> {
    const bases: Base[] = [];
    for (const row of rows) {
      const sample = await this.#outcomes.take(row.id, () => sampleSide(context, row));
      if (sample === undefined) continue;
      bases.push([row, sample]);
      this.#outcomes.keep(row.id, { sample });
    }
    return bases;
  }

  async #measureGuests(
    rows: readonly NetworkRow[],
    { context, cards, guest, endsMs }: Place,
    onSample: (row: NetworkRow, sample: NetworkSample) => void,
  ): Promise<void> {
    let inUse: string | undefined;
    for (const row of inCardOrder(rows)) {
      if (context.clock.monotonicMs() >= endsMs) return;
      const card = cards.find(({ nic }) => nic === row.nic)!;
      const mtu = row.mtu ?? context.network.mtu;
      const use = `${card.tap} ${mtu}`;
      const sample = await this.#outcomes.take(row.id, async () => {
        if (use !== inUse) await this.#useCard(guest!, card, mtu);
        inUse = use;
        if (this.#outcomes.takenOf(row.id) === undefined) await warmUpNetwork(row, guest!);
        return await sampleGuestNetwork(context, row, { guest: guest!, tap: card.tap });
      });
      if (sample !== undefined) onSample(row, sample);
    }
  }

  #surroundings(): NetworkSurroundings {
    const { wire, guest } = this.#options;
    return {
      mtu: wire?.mtu ?? USUAL_MTU,
      wireBitsPerSecond: wire?.bitsPerSecond,
      vcpus: VCPUS,
      queues: this.#hasVhost ? VCPUS : 1,
      isEmulated: guest.accelerator === 'tcg',
    };
  }

  #cards(): GuestCard[] {
    const models = [...new Set(this.#rows.map(({ nic }) => nic))].filter((nic) => nic !== 'none');
    const { mtu } = this.#surroundings();
    return models.map((nic, index) => {
      const vhost = this.#hasVhost && nic !== 'e1000';
      return {
        ...{ nic, model: modelOf(nic), offloads: nic !== 'virtio-net-plain', vhost, mtu },
        macAddress: `52:54:00:1a:b0:0${index + 1}`,
        tap: `tap${index}`,
        queues: vhost ? VCPUS : 1,
      };
    });
  }

  async #boot(cards: readonly GuestCard[], network: LabNetwork): Promise<LabGuest> {
    const { folder, guest, onProgress, onBoot } = this.#options;
    onProgress(`starting a guest with ${cards.length} network cards`);
    const booted = await LabGuest.boot({
      ...this.#options,
      ...{ ...guest, vcpus: VCPUS, memoryMib: MEMORY_MIB, disks: [], nics: cards },
      nameSpace: network.nameOf('host'),
      folder: join(folder, 'network-guest'),
    });
    onBoot?.(booted.bootMs);
    return booted;
  }

  /** One card at a time has the guest's address. */
  async #useCard(guest: LabGuest, { macAddress }: GuestCard, mtu: number): Promise<void> {
    const { clock, signal } = this.#options;
    const address = `${ADDRESSES.guest}/${PREFIX_LENGTH}`;
    await guest.run(
      [
        'for i in /sys/class/net/eth*; do n=${i##*/}; ip address flush dev $n; ip link set $n down;',
        `[ "$(cat $i/address)" = ${macAddress} ] && c=$n; done;`,
        `ip link set $c mtu ${mtu} up && ip address add ${address} dev $c`,
      ].join(' '),
    );
    const isUp = () =>
      guest.run(`ping -c 1 -W 1 ${ADDRESSES.peer} > /dev/null`).then(
        () => true,
        () => false,
      );
    const what = 'the guest’s way to the other host';
    await waitFor(isUp, { clock, signal, timeoutMs: LINK_TIMEOUT_MS, intervalMs: 200, what });
  }
}

/** Changing the card takes a while. */
function inCardOrder(rows: readonly NetworkRow[]): NetworkRow[] {
  const key = ({ nic, mtu }: NetworkRow) => `${nic} ${mtu ?? 0}`;
  const guests = rows.filter((row) => !isBase(row));
  const order = [...new Set(guests.map(key))];
  return guests.toSorted((a, b) => order.indexOf(key(a)) - order.indexOf(key(b)));
}

function isBase({ nic }: NetworkRow): boolean {
  return nic === 'none';
}

type Base = [row: NetworkRow, sample: NetworkSample];

/** Rows with the same one are held against the same. */
function pathKeyOf({ peer, measure, streams }: NetworkRow): string {
  return `${peer} ${measure} ${streams}`;
}

interface Place {
  context: NetworkSampleContext;
  cards: readonly GuestCard[];
  guest: LabGuest | undefined;
  /** No row is begun later. */
  endsMs: number;
  /** What rows are held against is measured after them too. */
  basesAgain: boolean;
}

interface GuestCard extends LabGuestNic {
  nic: Card;
}
