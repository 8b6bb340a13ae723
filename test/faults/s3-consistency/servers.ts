// Owns the servers of a run and their lives: one Walrus on files, or several gateways that share a PostgreSQL and an engine.

import { join } from 'node:path';
import type { SharedSettings } from '@ironbark/objects/open-stores.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { Client } from 'pg';
import { KEYS, REGION } from '../../conformance/s3/endpoint.ts';
import {
  type ObjectsProcess,
  type ObjectsProcessOptions,
  startObjectsProcess,
} from '../../support/objects-process.ts';
import { startPostgres } from '../../support/postgres-server.ts';
import { LeanClient } from '../../support/s3-load.ts';
import { walrusEngine } from '../../support/shared-stores.ts';

/** One life of a server. */
export interface Life {
  walrus: ObjectsProcess;
  client: LeanClient;
  /** The moment from which on nothing of it can happen any more. */
  endedAt: number | undefined;
}

export interface ServersOptions {
  folder: string;
  /** 0: one Walrus on files. */
  gateways: number;
  /** Of each life. */
  connections: number;
}

/** Small, so that files of the log are rewritten all the time. */
const LOG_FILE_BYTES = 1_000_000;
const CALL_TIMEOUT_MS = 20_000;
const GONE_TIMEOUT_MS = 10_000;

export class Servers implements AsyncDisposable {
  readonly #options: ServersOptions;
  readonly #owned = new AsyncDisposableStack();
  readonly #lives: Promise<Life>[] = [];
  /** Of the same numbers: those that are there now. */
  readonly #there: (Life | undefined)[] = [];
  #shared: { url: string; engine: SharedSettings['engine']; watch: Client } | undefined;

  private constructor(options: ServersOptions) {
    this.#options = options;
  }

  static async start(options: ServersOptions): Promise<Servers> {
    const servers = new Servers(options);
    try {
      if (options.gateways > 0) await servers.#share();
      for (let n = 0; n < Math.max(options.gateways, 1); n++) {
        servers.#lives.push(servers.#begin(n));
        servers.#there.push(await servers.#lives[n]);
      }
    } catch (error) {
      await servers[Symbol.asyncDispose]();
      throw error;
    }
    return servers;
  }

  get count(): number {
    return this.#lives.length;
  }

  /** One that is there; where none is, one that is being started. `chance`: from 0 on and below 1. */
  async anyLife(chance: number): Promise<Life> {
    const there = this.#there.filter((life) => life !== undefined);
    return (
      there[Math.floor(chance * there.length)] ??
      (await this.#lives[Math.floor(chance * this.count)]!)
    );
  }

  /** Kills one under its calls; `ended` tells the moment. Others take new ones meanwhile, and it is started again. */
  async kill(number: number, ended: () => number): Promise<void> {
    const life = await this.#lives[number]!;
    const { promise, resolve, reject } = Promise.withResolvers<Life>();
    promise.catch(() => {});
    this.#lives[number] = promise;
    const name = this.#nameOf(number);
    life.walrus.kill();
    this.#there[number] = undefined;
    const isGone = async () => !isThere(life.walrus.pid) && (await this.#isForgotten(name));
    const options = { clock: systemClock, timeoutMs: GONE_TIMEOUT_MS, intervalMs: 1 };
    await waitFor(isGone, { ...options, what: 'the killed Walrus to be gone' });
    life.endedAt = ended();
    life.client[Symbol.dispose]();
    await this.#begin(number).then(resolve, reject);
    this.#there[number] = await promise;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const begun of this.#lives) {
      const life = await begun.catch(() => undefined);
      life?.client[Symbol.dispose]();
      life?.walrus.kill();
    }
    await this.#owned.disposeAsync();
  }

  async #share(): Promise<void> {
    const postgres = this.#owned.use(await startPostgres());
    const engine = await startObjectsProcess(join(this.#options.folder, 'engine'));
    this.#owned.defer(() => engine.kill());
    const watch = new Client(postgres.target);
    await watch.connect();
    this.#owned.defer(() => watch.end());
    const url = await postgres.createDatabase('gateways');
    this.#shared = { url, engine: walrusEngine(engine.url), watch };
  }

  async #begin(number: number): Promise<Life> {
    const folder = join(this.#options.folder, `objects${number}`);
    const walrus = await startObjectsProcess(folder, this.#settings(number));
    const limits = { connections: this.#options.connections, timeoutMs: CALL_TIMEOUT_MS };
    const client = new LeanClient({ url: walrus.url, key: KEYS.owner, region: REGION, ...limits });
    return { walrus, client, endedAt: undefined };
  }

  #settings(number: number): ObjectsProcessOptions {
    if (this.#shared === undefined) return { logFileBytes: LOG_FILE_BYTES };
    const { url, engine } = this.#shared;
    return { shared: { postgres: `${url}&application_name=${this.#nameOf(number)}`, engine } };
  }

  #nameOf(number: number): string {
    return `gateway${number}`;
  }

  /** What a process had sent before it died is still done. */
  async #isForgotten(name: string): Promise<boolean> {
    if (this.#shared === undefined) return true;
    const text =
      'SELECT count(*)::int AS sessions FROM pg_stat_activity WHERE application_name = $1';
    const { rows } = await this.#shared.watch.query<{ sessions: number }>(text, [name]);
    return rows[0]?.sessions === 0;
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
