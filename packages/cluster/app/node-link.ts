// Owns the way to a node on another host, whichever connection it has opened last, or none.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { CallSession } from '@ironbark/platform/http/call-session.ts';
import type { CallTransport } from '@ironbark/protocol/internal/wire/transport.ts';

/** A node that says so on and on is listened to no more often. */
const TELL_PERIOD_MS = 1_000;

export class NodeLink implements CallTransport, Disposable {
  readonly #name: string;
  readonly #clock: Clock;
  readonly #stop = new AbortController();
  #toldMs = Number.NEGATIVE_INFINITY;
  #isTelling = false;
  readonly #listeners = new Set<() => void>();
  #session: CallSession | undefined;
  #address: string | undefined;

  constructor(name: string, clock: Clock) {
    this.#name = name;
    this.#clock = clock;
  }

  /** Where it was last seen to come from. */
  get address(): string | undefined {
    return this.#address;
  }

  get isConnected(): boolean {
    return this.#session !== undefined;
  }

  /** A host that lost its power comes again before its old connection is known to be dead: the newest one counts. */
  attach(session: CallSession, address: string | undefined): void {
    this.#session?.[Symbol.dispose]();
    this.#session = session;
    this.#address = address;
    void session.ended.then(() => {
      if (this.#session !== session) return;
      this.#session = undefined;
      this.#tell();
    });
    session.watch(() => this.#tell());
    this.#tell();
  }

  async call(verb: string, input?: unknown): Promise<unknown> {
    if (this.#session === undefined) throw this.#away();
    return await this.#session.call(verb, input);
  }

  callForBytes(): Promise<never> {
    throw new Error('a node answers nothing with bytes');
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  [Symbol.dispose](): void {
    this.#stop.abort();
    this.#session?.[Symbol.dispose]();
  }

  /** Now, or with everything else that changes until then when the time has come. */
  #tell(): void {
    const waitMs = this.#toldMs + TELL_PERIOD_MS - this.#clock.monotonicMs();
    if (waitMs <= 0) this.#tellNow();
    else if (!this.#isTelling) void this.#tellAfter(waitMs);
  }

  async #tellAfter(waitMs: number): Promise<void> {
    this.#isTelling = true;
    await this.#clock.sleep(waitMs, this.#stop.signal).catch(() => {});
    this.#isTelling = false;
    if (!this.#stop.signal.aborted) this.#tellNow();
  }

  #tellNow(): void {
    this.#toldMs = this.#clock.monotonicMs();
    for (const listener of this.#listeners) listener();
  }

  #away(): ServiceError {
    return new ServiceError({
      kind: 'unavailable',
      resource: 'node',
      message: `The node ${this.#name} is not connected.`,
    });
  }
}
