// Owns the run: clients that put, read and delete the same keys at the same time while Walrus is killed again and again,
// with everything that they called and were told.

import { join } from 'node:path';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { type RandomSource, seededRandom } from '@ironbark/platform/random.ts';
import { KEYS, REGION } from '../../conformance/s3/endpoint.ts';
import { type ObjectsProcess, startObjectsProcess } from '../../support/objects-process.ts';
import { LeanClient } from '../../support/s3-load.ts';
import type { Operation } from './linearizability.ts';

export interface ConsistencyRun {
  folder: string;
  operations: number;
  seed: number;
  killEveryMs: number;
}

export interface ConsistencyResult {
  operations: number;
  kills: number;
  /** Of each key. */
  histories: ReadonlyMap<string, readonly Operation[]>;
  /** Answers that had bytes of no value, or a status that nobody expects. */
  strange: readonly string[];
}

const CLIENTS = 12;
const REGISTERS = 50;
const BUCKET = 'registers';
/** Small, so that files of the log are rewritten all the time. */
const LOG_FILE_BYTES = 1_000_000;
/** Values of both kinds, in the log and in files of their own. */
const SIZES = [20, 200, 4_000, 9_000, 60_000, 200_000] as const;
const CALL_TIMEOUT_MS = 20_000;
const GONE_TIMEOUT_MS = 10_000;

/** One life of the server. */
interface Life {
  walrus: ObjectsProcess;
  client: LeanClient;
  /** The moment from which on nothing of it can happen any more. */
  endedAt: number | undefined;
}

interface Pending {
  operation: Operation;
  life: Life;
}

export async function runClients(run: ConsistencyRun): Promise<ConsistencyResult> {
  await using clients = new Clients(run);
  await clients.run();
  const { histories, kills, strange } = clients;
  return { operations: run.operations, kills, histories, strange };
}

class Clients implements AsyncDisposable {
  readonly histories = new Map<string, Operation[]>();
  readonly strange: string[] = [];
  kills = 0;
  readonly #run: ConsistencyRun;
  readonly #random: RandomSource;
  readonly #unknown: Pending[] = [];
  #life: Promise<Life>;
  #order = 0;
  #left: number;

  constructor(run: ConsistencyRun) {
    this.#run = run;
    this.#random = seededRandom(run.seed);
    this.#left = run.operations;
    this.#life = this.#begin();
  }

  async run(): Promise<void> {
    const { client } = await this.#life;
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

  async #begin(): Promise<Life> {
    const dataDir = join(this.#run.folder, 'objects');
    const walrus = await startObjectsProcess(dataDir, { logFileBytes: LOG_FILE_BYTES });
    const limits = { connections: CLIENTS, timeoutMs: CALL_TIMEOUT_MS };
    const client = new LeanClient({ url: walrus.url, key: KEYS.owner, region: REGION, ...limits });
    return { walrus, client, endedAt: undefined };
  }

  async #kill(): Promise<void> {
    const life = await this.#life;
    life.walrus.kill();
    this.kills += 1;
    const { promise, resolve, reject } = Promise.withResolvers<Life>();
    promise.catch(() => {});
    this.#life = promise;
    const isGone = async () => !isThere(life.walrus.pid);
    const options = { clock: systemClock, timeoutMs: GONE_TIMEOUT_MS, intervalMs: 1 };
    await waitFor(isGone, { ...options, what: 'the killed Walrus to be gone' });
    this.#order += 1;
    life.endedAt = this.#order;
    life.client[Symbol.dispose]();
    await this.#begin().then(resolve, reject);
  }

  async #work(client: number): Promise<void> {
    for (let n = 0; this.#left > 0; n++) {
      this.#left -= 1;
      const key = `r${Math.floor(this.#random.fraction() * REGISTERS)}`;
      await this.#call(key, `${client}.${n}`);
    }
  }

  async #call(key: string, stamp: string): Promise<void> {
    const life = await this.#life;
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
    if (status !== (value === undefined ? 204 : 200)) this.strange.push(`${path}: ${status}`);
  }

  async #read({ client }: Life, key: string): Promise<string | undefined> {
    const { status, body } = await client.call({ method: 'GET', path: `/${BUCKET}/${key}` });
    if (status === 404) return undefined;
    const value = body.toString('latin1', 0, body.indexOf('\n'));
    const isOne = status === 200 && body.equals(Buffer.alloc(body.length, `${value}\n`));
    if (!isOne)
      this.strange.push(`${key}: ${status}, ${body.length} bytes from ${value.slice(0, 80)}`);
    return value;
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
      const value = await this.#read(await this.#life, key);
      this.#order += 1;
      this.#keep(key, { kind: 'get', value, from, to: this.#order, isMaybe: false });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const life = await this.#life.catch(() => undefined);
    life?.client[Symbol.dispose]();
    life?.walrus.kill();
  }
}

function isThere(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
