// Owns the way to a node on another host, whichever connection it has opened last, or none.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { CallSession } from '@ironbark/platform/http/call-session.ts';
import type { CallTransport } from '@ironbark/protocol/internal/wire/transport.ts';

export class NodeLink implements CallTransport, Disposable {
  readonly #name: string;
  readonly #listeners = new Set<() => void>();
  #session: CallSession | undefined;
  #address: string | undefined;

  constructor(name: string) {
    this.#name = name;
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
    this.#session?.[Symbol.dispose]();
  }

  #tell(): void {
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
