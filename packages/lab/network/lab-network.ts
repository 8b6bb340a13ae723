// Owns the network of a lab run: name spaces of its own, so that nothing of the host's network is touched or measured.
//
//   side ──veth──┐
//                ├─ bridge in `host` ──veth, rate and MTU of the wire── peer
//   guest ─taps──┘
//
// `host` is the paper's driver domain, `peer` its other machine. What a guest is held against runs in `side`, which is
// where the guest is but for the guest.

import type { Commands } from '@ironbark/platform/commands.ts';
import type { WireModel } from '../testbeds.ts';

export interface LabNetworkOptions {
  commands: Commands;
  /** Begins the names of the name spaces. */
  prefix: string;
  /** Undefined: as fast as the host is, with the usual frames. */
  wire: WireModel | undefined;
  taps: readonly { name: string; queues: number }[];
}

/** RFC 2544 sets 198.18.0.0/15 aside for measurements. */
export const ADDRESSES = {
  host: '198.18.0.1',
  guest: '198.18.0.2',
  peer: '198.18.0.3',
  side: '198.18.0.4',
} as const;
export const PREFIX_LENGTH = 24;
export const USUAL_MTU = 1_500;

type Place = 'host' | 'peer' | 'side';
const PLACES: readonly Place[] = ['host', 'peer', 'side'];

/** Ends that the host sees packets at. */
export const BRIDGE = 'bridge';
export const SIDE = 'side';
const WIRE = 'wire';

/** What the bucket lets through at once, and how long packets may wait for it: a few frames, and the queue of a NIC. */
const BURST_BYTES = 128 * 1024;
const QUEUE_MS = 20;

export class LabNetwork implements AsyncDisposable {
  readonly #options: LabNetworkOptions;

  private constructor(options: LabNetworkOptions) {
    this.#options = options;
  }

  static async make(options: LabNetworkOptions): Promise<LabNetwork> {
    const network = new LabNetwork(options);
    try {
      await network.#make();
    } catch (error) {
      await network[Symbol.asyncDispose]();
      throw error;
    }
    return network;
  }

  get mtu(): number {
    return this.#options.wire?.mtu ?? USUAL_MTU;
  }

  nameOf(place: Place): string {
    return `${this.#options.prefix}-${place}`;
  }

  /** Its interfaces go with a name space. */
  async [Symbol.asyncDispose](): Promise<void> {
    await removeNameSpaces(this.#options.commands, this.#options.prefix);
  }

  async #make(): Promise<void> {
    const { commands, taps, wire } = this.#options;
    const [host, peer, side] = [this.nameOf('host'), this.nameOf('peer'), this.nameOf('side')];
    for (const place of PLACES) await commands.run('ip', ['netns', 'add', this.nameOf(place)]);
    const veth = (name: string, to: string) =>
      `link add ${name} mtu ${this.mtu} type veth peer name ${name} mtu ${this.mtu} netns ${to}`;
    const plugged = [WIRE, SIDE, ...taps.map(({ name }) => name)];
    await this.#ip('host', [
      'link set lo up',
      `link add ${BRIDGE} mtu ${this.mtu} type bridge stp_state 0 forward_delay 0`,
      ...taps.map(({ name, queues }) => `tuntap add dev ${name} mode tap${tapFlags(queues)}`),
      veth(WIRE, peer),
      veth(SIDE, side),
      ...plugged.map((name) => `link set ${name} mtu ${this.mtu} master ${BRIDGE} up`),
      `address add ${ADDRESSES.host}/${PREFIX_LENGTH} dev ${BRIDGE}`,
      `link set ${BRIDGE} up`,
    ]);
    for (const [place, name] of [
      ['peer', WIRE],
      ['side', SIDE],
    ] as const) {
      await this.#ip(place, [
        'link set lo up',
        `address add ${ADDRESSES[place]}/${PREFIX_LENGTH} dev ${name}`,
        `link set ${name} up`,
      ]);
    }
    if (wire === undefined) return;
    for (const name of [host, peer]) {
      const bucket = `rate ${Math.round(wire.bitsPerSecond)}bit burst ${BURST_BYTES} latency ${QUEUE_MS}ms`;
      const args = ['-n', name, 'qdisc', 'add', 'dev', WIRE, 'root', 'tbf', ...bucket.split(' ')];
      await commands.run('tc', args);
    }
  }

  async #ip(place: Place, lines: readonly string[]): Promise<void> {
    const input = `${lines.join('\n')}\n`;
    await this.#options.commands.run('ip', ['-n', this.nameOf(place), '-batch', '-'], { input });
  }
}

function tapFlags(queues: number): string {
  return queues > 1 ? ' vnet_hdr multi_queue' : ' vnet_hdr';
}

/** Those of one run; without any, nothing. */
export async function removeNameSpaces(commands: Commands, prefix: string): Promise<void> {
  const { stdout } = await commands.run('ip', ['-j', 'netns', 'list']);
  const names = (JSON.parse(stdout.trim() === '' ? '[]' : stdout) as { name: string }[]).map(
    ({ name }) => name,
  );
  for (const name of names.filter((each) =>
    PLACES.some((place) => each === `${prefix}-${place}`),
  )) {
    await commands.run('ip', ['netns', 'delete', name]);
  }
}
