// Owns which gates' clients there are on a host that has joined: one for each volume of its document, for as long as the
// front end says that the attachment is not over.
//
//   in the document -> asked for -> started -> (ended by itself) -> started again
//   the front end says that it is over -> ended and removed, whatever the document says
//
// A front end that does not answer ends nothing.

import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { GateKey, KnownGate } from '@ironbark/protocol/internal/wire/gate-wire.ts';
import { clientName, clientPaths, type GatePlace, parseClientName } from './client-arguments.ts';
import {
  type ClientHost,
  ensureClient,
  isServing,
  listClients,
  readPlace,
  removeClient,
} from './client-processes.ts';

/** As the document has it. */
export interface FollowedVolume {
  /** Others than a client's are none of this. */
  socketPath: string;
  sizeBytes: number;
}

export interface GateClientsOptions {
  host: ClientHost;
  clock: Clock;
  logger: Logger;
  /** IPv4 of the front end as it is reached from here. */
  findFront(): Promise<string>;
  /** Undefined: the attachment is over. Throws while that cannot be said. */
  findGate(key: GateKey): Promise<KnownGate | undefined>;
}

/** How soon the end of a client is seen; its guest waits, and loses nothing. */
const LOOK_MS = 1_000;
/** Whether one that is not in the document any more is over, or one that is shorter than there has grown. */
const ASK_SOON_MS = 1_000;
/** Whether one that serves still has the right key and port. */
const ASK_SERVING_MS = 15_000;
const SOCKET = /\/(vol-[0-9a-f]+\.[1-9][0-9]*)\.nbd$/;

export class GateClients implements AsyncDisposable {
  readonly #options: GateClientsOptions;
  readonly #stop = new AbortController();
  readonly #known = new Map<string, GateKey>();
  readonly #askAtMs = new Map<string, number>();
  readonly #problems = new Map<string, string>();
  /** What those that serve were told last. */
  readonly #lengths = new Map<string, number>();
  /** With their lengths. */
  #wanted = new Map<string, number>();
  #pause = new AbortController();
  readonly #running: Promise<void>;

  private constructor(options: GateClientsOptions, known: readonly GateKey[]) {
    this.#options = options;
    for (const key of known) this.#known.set(clientName(key), key);
    this.#running = this.#run();
  }

  /** Takes up those that run. None is ended before it is known what the document says. */
  static async open(options: GateClientsOptions): Promise<GateClients> {
    return new GateClients(options, await listClients(options.host));
  }

  /** Where guests find a volume. */
  socketOf = (id: VolumeId, opening: number): string =>
    join(this.#options.host.directory, clientPaths({ id, opening }).exported);

  /**
   * A guest may ask what is at this socket for a volume of so many bytes. While its gate is shorter it is on its way
   * out, and whoever asked would wait for the next one with its whole guest. True of what is no client's.
   */
  isLongEnough = ({ socketPath, sizeBytes }: FollowedVolume): boolean => {
    const key = parseClientName(SOCKET.exec(socketPath)?.[1] ?? '');
    if (key === undefined || this.socketOf(key.id, key.opening) !== socketPath) return true;
    return (this.#lengths.get(clientName(key)) ?? 0) >= sizeBytes;
  };

  /** What the document names, all of it. */
  follow(volumes: Iterable<FollowedVolume>): void {
    const before = this.#wanted;
    this.#wanted = new Map();
    for (const { socketPath, sizeBytes } of volumes) {
      const key = parseClientName(SOCKET.exec(socketPath)?.[1] ?? '');
      if (key === undefined || this.socketOf(key.id, key.opening) !== socketPath) continue;
      this.#wanted.set(clientName(key), sizeBytes);
      this.#known.set(clientName(key), key);
    }
    for (const [name, sizeBytes] of before) {
      if (this.#wanted.get(name) !== sizeBytes) this.#askAtMs.delete(name);
    }
    this.#pause.abort();
  }

  /** For a host that goes down, after its guests. */
  async endAll(): Promise<void> {
    await this[Symbol.asyncDispose]();
    const { host } = this.#options;
    await Promise.all((await listClients(host)).map((key) => removeClient(host, key)));
  }

  async #run(): Promise<void> {
    const { clock } = this.#options;
    while (!this.#stop.signal.aborted) {
      this.#pause = new AbortController();
      await Promise.all([...this.#known.values()].map((key) => this.#look(key)));
      const signal = AbortSignal.any([this.#stop.signal, this.#pause.signal]);
      await clock.sleep(LOOK_MS, signal).catch(() => {});
    }
  }

  async #look(key: GateKey): Promise<void> {
    const name = clientName(key);
    try {
      await this.#settle(key);
      this.#problems.delete(name);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      const isNews = this.#problems.get(name) !== reason;
      this.#problems.set(name, reason);
      if (isNews) this.#options.logger.warn('a volume is not reached', { name, reason });
    }
  }

  async #settle(key: GateKey): Promise<void> {
    const { host, clock } = this.#options;
    const name = clientName(key);
    const serves = await isServing(host, key);
    const nowMs = clock.monotonicMs();
    if (serves && nowMs < (this.#askAtMs.get(name) ?? 0)) return;
    const place = await this.#findPlace(key, { serves });
    if (place === undefined) return await this.#remove(key);
    await ensureClient(host, key, place);
    const length = place.sizeBytes ?? Number.POSITIVE_INFINITY;
    const isAsWanted = length >= (this.#wanted.get(name) ?? Number.POSITIVE_INFINITY);
    this.#lengths.set(name, length);
    const askMs = isAsWanted ? ASK_SERVING_MS : ASK_SOON_MS;
    this.#askAtMs.set(name, clock.monotonicMs() + askMs);
  }

  /** What is known of one that has died does while the front end does not answer: its gate may be there all the same. */
  async #findPlace(key: GateKey, { serves }: { serves: boolean }): Promise<GatePlace | undefined> {
    const { host, findFront, findGate } = this.#options;
    try {
      const access = await findGate(key);
      return access === undefined ? undefined : { host: await findFront(), ...access };
    } catch (error) {
      const known = serves ? undefined : await readPlace(host, key);
      if (known === undefined) throw error;
      return known;
    }
  }

  async #remove(key: GateKey): Promise<void> {
    const name = clientName(key);
    await removeClient(this.#options.host, key);
    this.#askAtMs.delete(name);
    this.#lengths.delete(name);
    // The document may be older than the word of the front end, or newer: it is asked again.
    if (!this.#wanted.has(name)) this.#known.delete(name);
  }

  /** Clients go on. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
