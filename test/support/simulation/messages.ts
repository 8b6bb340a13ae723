// Owns the messages between processes: each takes its own time, and may be lost, doubled or overtaken by others.

import type { SimulatedProcess } from './simulated-process.ts';
import type { Simulation } from './simulation.ts';

/** How bad the network is. */
export interface Conditions {
  delayMs: readonly [number, number];
  /** Share of messages that never arrive; requests, answers and hints alike. */
  drop: number;
  duplicate: number;
  /** Share that is held up somewhere for up to {@link LATE_AT_MOST_MS}, and arrives when nobody waits for it. */
  late: number;
}

/** Far longer than anybody waits for an answer. */
export const LATE_AT_MOST_MS = 90_000;

export const GOOD_NETWORK: Conditions = { delayMs: [1, 3], drop: 0, duplicate: 0, late: 0 };

/** The call may or may not have happened; the caller may ask again. */
export class TransportError extends Error {}

export interface ClientOptions {
  /** After so long the caller is told that there was no answer; absent: never, as with a peer that hangs. */
  timeoutMs?: number;
  /** Requests arrive once at most, as over HTTP. */
  isNeverDoubled?: boolean;
}

type Service = Record<string, (...args: unknown[]) => unknown>;

export class Messages {
  conditions: Conditions = GOOD_NETWORK;
  sent = 0;
  lost = 0;
  readonly #simulation: Simulation;
  readonly #services = new Map<string, { process: SimulatedProcess; service: Service }>();
  readonly #listeners = new Map<string, { process: SimulatedProcess; tell: () => void }[]>();
  /** `from>to`: nothing gets through that way. */
  readonly #cuts = new Set<string>();

  constructor(simulation: Simulation) {
    this.#simulation = simulation;
  }

  /** From now on calls to this process's name reach `service`. */
  serve(process: SimulatedProcess, service: object): void {
    const methods = service as Service;
    this.#services.set(process.name, { process, service: methods });
    methods['onChange']?.(() => this.#hint(process));
  }

  cut(from: string, to: string): void {
    this.#cuts.add(`${from}>${to}`);
  }

  heal(from: string, to: string): void {
    this.#cuts.delete(`${from}>${to}`);
  }

  /** A client of whichever process has the name then. */
  connect<Client extends object>(
    from: SimulatedProcess,
    to: string,
    options: ClientOptions = {},
  ): Client {
    return new Proxy({} as Client, {
      get: (_target, method) => {
        const name = String(method);
        if (name === 'then') return undefined;
        if (name === 'onChange') return (tell: () => void) => this.#listen(from, to, tell);
        return (...args: unknown[]) => this.#call(from, to, { method: name, args }, options);
      },
    });
  }

  #call(
    from: SimulatedProcess,
    to: string,
    call: { method: string; args: unknown[] },
    options: ClientOptions,
  ): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    const { method } = call;
    const text = JSON.stringify(call.args);
    const late = () => reject(new TransportError(`${method}: no answer from ${to}`));
    const { timeoutMs } = options;
    const timer =
      timeoutMs === undefined ? undefined : this.#simulation.after(timeoutMs, 'late', late);
    const end = (settle: () => void) => {
      if (timer !== undefined) timer.isCancelled = true;
      if (from.isAlive) settle();
    };
    const deliver = () =>
      this.#deliver(from.name, to, method, text, (answer) =>
        end(() => (answer.isGood ? resolve(answer.value) : reject(answer.value))),
      );
    this.#send(from, to, `${method} ${text}`, deliver, options.isNeverDoubled !== true);
    return promise;
  }

  #deliver(
    from: string,
    to: string,
    method: string,
    text: string,
    answer: (result: { isGood: boolean; value: unknown }) => void,
  ): void {
    const server = this.#services.get(to);
    if (server?.process.isAlive !== true) {
      answer({ isGood: false, value: new TransportError(`${to} is not there`) });
      return;
    }
    const reply = (isGood: boolean, value: unknown) => {
      if (!server.process.isAlive) return;
      this.#send(server.process, from, `answers ${method}`, () => answer({ isGood, value }));
    };
    const call = Promise.resolve(server.service[method]!(...(JSON.parse(text) as unknown[])));
    call.then(
      (value) => reply(true, copy(value)),
      (error) => reply(false, error),
    );
  }

  #listen(process: SimulatedProcess, to: string, tell: () => void): () => void {
    const listener = { process, tell };
    const others = (this.#listeners.get(to) ?? []).filter((one) => one.process.isAlive);
    this.#listeners.set(to, [...others, listener]);
    return () => {
      const left = (this.#listeners.get(to) ?? []).filter((one) => one !== listener);
      this.#listeners.set(to, left);
    };
  }

  #hint(from: SimulatedProcess): void {
    if (!from.isAlive) return;
    for (const { process, tell } of this.#listeners.get(from.name) ?? []) {
      const arrive = () => {
        if (process.isAlive) tell();
      };
      this.#send(from, process.name, 'has changed', arrive);
    }
  }

  #send(
    from: SimulatedProcess,
    to: string,
    what: string,
    arrive: () => void,
    mayDouble = true,
  ): void {
    if (!from.isAlive) return;
    const { drop, duplicate } = this.conditions;
    this.sent += 1;
    const isLost = this.#cuts.has(`${from.name}>${to}`) || this.#simulation.happens(drop);
    if (isLost) this.lost += 1;
    else this.#travel(`${from.name}>${to} ${what}`, arrive, mayDouble);
    if (mayDouble && !isLost && this.#simulation.happens(duplicate)) {
      this.#travel(`${from.name}>${to} again ${what}`, arrive, mayDouble);
    }
  }

  #travel(label: string, arrive: () => void, mayBeLate: boolean): void {
    const { late, delayMs } = this.conditions;
    const isLate = mayBeLate && this.#simulation.happens(late);
    const [least, most] = isLate ? [0, LATE_AT_MOST_MS] : delayMs;
    this.#simulation.after(this.#simulation.between(least, most + 1), label, arrive);
  }
}

/** As over a wire: nobody shares an object with another process. */
function copy(value: unknown): unknown {
  return value === undefined ? undefined : JSON.parse(JSON.stringify(value));
}
