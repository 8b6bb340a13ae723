// Owns a lock that one of many processes has and that ends with its connection to PostgreSQL. Whoever has lost the
// connection finds out within a period or two; until then two may think that they have it, so that what is done under it
// has to stand being done twice.

import { Client } from 'pg';
import type { Clock } from '../clock.ts';
import { CONNECT_TIMEOUT_MS, type PostgresTarget } from './postgres-target.ts';

export interface PostgresLockOptions {
  target: PostgresTarget;
  /** Any number that stands for what is locked. */
  key: number;
  clock: Clock;
  /** Called each time it is had. */
  onHeld: () => void;
}

/** How often it is asked for, and whether it is still had. */
const PERIOD_MS = 1_000;
const ANSWER_TIMEOUT_MS = 5_000;

export class PostgresLock implements AsyncDisposable {
  readonly #options: PostgresLockOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #isHeld = false;

  constructor(options: PostgresLockOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get isHeld(): boolean {
    return this.#isHeld;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort(new Error('the lock is given up'));
    await this.#running;
  }

  async #run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      // The next one takes another connection.
      await this.#useConnection().catch(() => {});
      this.#isHeld = false;
      await this.#pause();
    }
  }

  async #useConnection(): Promise<void> {
    const { target, key } = this.#options;
    const client = new Client({
      ...{ ...target, connectionTimeoutMillis: CONNECT_TIMEOUT_MS, keepAlive: true },
      query_timeout: ANSWER_TIMEOUT_MS,
    });
    client.on('error', () => {
      this.#isHeld = false;
    });
    try {
      await client.connect();
      while (!this.#stop.signal.aborted) {
        if (this.#isHeld) await client.query('SELECT 1');
        else if (await this.#ask(client, key)) this.#take();
        await this.#pause();
      }
    } finally {
      this.#isHeld = false;
      await client.end();
    }
  }

  async #ask(client: Client, key: number): Promise<boolean> {
    const { rows } = await client.query('SELECT pg_try_advisory_lock($1) AS got', [key]);
    return rows[0]?.got === true;
  }

  #take(): void {
    this.#isHeld = true;
    this.#options.onHeld();
  }

  async #pause(): Promise<void> {
    await this.#options.clock.sleep(PERIOD_MS, this.#stop.signal).catch(() => {});
  }
}
