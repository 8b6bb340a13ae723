// Owns the run: clients that put, read and delete the same keys at the same time while Walrus is killed again and again,
// with everything that they called and were told.

import { systemClock } from '@ironbark/platform/clock.ts';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import type { Operation } from './linearizability.ts';
import { type Life, Servers } from './servers.ts';

export interface ConsistencyRun {
  folder: string;
  operations: number;
  seed: number;
  killEveryMs: number;
  /** Ends it with fewer operations. */
  mostMs?: number;
  /** That share a state; absent: one Walrus on files. */
  gateways?: number;
}

export interface ConsistencyResult {
  operations: number;
  kills: number;
  /** Of each key. */
  histories: ReadonlyMap<string, readonly Operation[]>;
  /** Answers that had bytes of no value, or a status that nobody expects. */
  strange: readonly string[];
  /** Of gateways: calls that were put off with a 503, of which nobody knows whether they happened. */
  putOff: number;
}

const CLIENTS = 12;
const REGISTERS = 50;
const BUCKET = 'registers';
/** Values of both kinds, in the log and in files of their own. */
const SIZES = [20, 200, 4_000, 9_000, 60_000, 200_000] as const;

interface Pending {
  operation: Operation;
  life: Life;
}

export async function runClients(run: ConsistencyRun): Promise<ConsistencyResult> {
  const { folder, gateways = 0 } = run;
  await using servers = await Servers.start({ folder, gateways, connections: CLIENTS });
  const clients = new Clients(run, servers);
  await clients.run();
  const { histories, kills, strange, putOff, called: operations } = clients;
  return { operations, kills, histories, strange, putOff };
}

class Clients {
  readonly histories = new Map<string, Operation[]>();
  readonly strange: string[] = [];
  kills = 0;
  putOff = 0;
  called = 0;
  readonly #servers: Servers;
  readonly #run: ConsistencyRun;
  readonly #random: RandomSource;
  readonly #unknown: Pending[] = [];
  #order = 0;
  readonly #endsAtMs: number;

  constructor(run: ConsistencyRun, servers: Servers) {
    this.#servers = servers;
    this.#run = run;
    this.#random = seededRandom(run.seed);
    this.#endsAtMs = systemClock.monotonicMs() + (run.mostMs ?? Number.POSITIVE_INFINITY);
  }

  async run(): Promise<void> {
    const { client } = await this.#servers.anyLife(0);
    await client.succeed({ method: 'PUT', path: `/${BUCKET}` });
    const work = Array.from({ length: CLIENTS }, (_, number) => this.#work(number));
    const done = Promise.all(work).then(() => true);
    while (!(await Promise.race([done, this.#pause()]))) await this.#kill();
    await this.#kill();
    this.#settleUnknown();
    await this.#readAll();
  }

  /** False: the time for a kill has come. */
  async #pause(): Promise<boolean> {
    await systemClock.sleep(this.#run.killEveryMs);
    return false;
  }

  async #kill(): Promise<void> {
    this.kills += 1;
    const number = Math.floor(this.#random.fraction() * this.#servers.count);
    await this.#servers.kill(number, () => {
      this.#order += 1;
      return this.#order;
    });
  }

  #anyLife(): Promise<Life> {
    return this.#servers.anyLife(this.#random.fraction());
  }

  async #work(client: number): Promise<void> {
    for (let n = 0; this.called < this.#run.operations; n++) {
      if (systemClock.monotonicMs() > this.#endsAtMs) return;
      this.called += 1;
      const key = `r${Math.floor(this.#random.fraction() * REGISTERS)}`;
      await this.#call(key, `${client}.${n}`);
    }
  }

  async #call(key: string, stamp: string): Promise<void> {
    const life = await this.#anyLife();
    const chance = this.#random.fraction();
    const kind = chance < 0.45 ? 'put' : chance < 0.9 ? 'get' : 'delete';
    const value = kind === 'put' ? stamp : undefined;
    this.#order += 1;
    const operation: Operation = { kind, value, from: this.#order, to: 0, isMaybe: false };
    try {
      if (kind === 'get') operation.value = await this.#read(life, key);
      else await this.#write(life, key, value);
      this.#order += 1;
      operation.to = this.#order;
      this.#keep(key, operation);
    } catch {
      // A reader who was told nothing has seen nothing.
      if (kind !== 'get') this.#unknown.push({ operation, life });
      if (kind !== 'get') this.#keep(key, operation);
    }
  }

  #keep(key: string, operation: Operation): void {
    const history = this.histories.get(key) ?? [];
    history.push(operation);
    this.histories.set(key, history);
  }

  async #write({ client }: Life, key: string, value: string | undefined): Promise<void> {
    const path = `/${BUCKET}/${key}`;
    const size = SIZES[Math.floor(this.#random.fraction() ** 2 * SIZES.length)]!;
    const { status } = await client.call(
      value === undefined
        ? { method: 'DELETE', path }
        : { method: 'PUT', path, body: Buffer.alloc(size, `${value}\n`) },
    );
    this.#requireTaken(status);
    if (status !== (value === undefined ? 204 : 200)) this.strange.push(`${path}: ${status}`);
  }

  async #read({ client }: Life, key: string): Promise<string | undefined> {
    const { status, body } = await client.call({ method: 'GET', path: `/${BUCKET}/${key}` });
    this.#requireTaken(status);
    if (status === 404) return undefined;
    const value = body.toString('latin1', 0, body.indexOf('\n'));
    const isOne = status === 200 && body.equals(Buffer.alloc(body.length, `${value}\n`));
    if (!isOne)
      this.strange.push(`${key}: ${status}, ${body.length} bytes from ${value.slice(0, 80)}`);
    return value;
  }

  /** Gateways that met, or that have lost the database, say so; nothing else is. */
  #requireTaken(status: number): void {
    if (status !== 503 || this.#run.gateways === undefined) return;
    this.putOff += 1;
    throw new Error('put off');
  }

  /** What nobody was told the end of has happened before its server was gone, or never. */
  #settleUnknown(): void {
    for (const { operation, life } of this.#unknown) {
      operation.isMaybe = true;
      operation.to = Math.max(life.endedAt ?? this.#order, operation.from + 0.5);
    }
  }

  async #readAll(): Promise<void> {
    for (const key of this.histories.keys()) {
      this.#order += 1;
      const from = this.#order;
      const value = await this.#read(await this.#anyLife(), key);
      this.#order += 1;
      this.#keep(key, { kind: 'get', value, from, to: this.#order, isMaybe: false });
    }
  }
}
