// Owns a well-behaved client that goes on asking while others misbehave, and how long each of its answers took. It
// runs in a thread of its own, so that what the test itself does is not taken for a delay of the cloud.

import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { systemClock } from '@ironbark/platform/clock.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import type { Caller, Key } from './signed-call.ts';

export interface BystanderResult {
  asked: number;
  failed: string[];
  p99Ms: number;
  slowestMs: number;
}

const PERIOD_MS = 20;
const BODY = 'Action=DescribeInstances&Version=2016-11-15';
const HEADERS = { 'content-type': 'application/x-www-form-urlencoded' };

export class Bystander {
  readonly #worker: Worker;

  constructor(caller: Caller & { key: Key }) {
    this.#worker = new Worker(new URL(import.meta.url), { workerData: caller });
  }

  async end(): Promise<BystanderResult> {
    this.#worker.postMessage('end');
    const [result] = (await once(this.#worker, 'message')) as [BystanderResult];
    await this.#worker.terminate();
    return result;
  }
}

/** Every second request is on a connection of its own, as of somebody who comes new. */
class AskingClient {
  readonly #caller: Caller & { key: Key };
  readonly #kept = new Agent({ keepAlive: true, maxSockets: 4 });
  readonly #timesMs: number[] = [];
  readonly #failed: string[] = [];
  readonly #pending = new Set<Promise<void>>();
  readonly #timer: NodeJS.Timeout;

  constructor(caller: Caller & { key: Key }) {
    this.#caller = caller;
    this.#timer = setInterval(() => {
      const asking = this.#ask().finally(() => this.#pending.delete(asking));
      this.#pending.add(asking);
    }, PERIOD_MS);
  }

  async end(): Promise<BystanderResult> {
    clearInterval(this.#timer);
    await Promise.all(this.#pending);
    this.#kept.destroy();
    const sorted = this.#timesMs.toSorted((a, b) => a - b);
    const p99Ms = Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? Number.POSITIVE_INFINITY);
    const slowestMs = Math.round(sorted.at(-1) ?? Number.POSITIVE_INFINITY);
    return { asked: sorted.length + this.#failed.length, failed: this.#failed, p99Ms, slowestMs };
  }

  async #ask(): Promise<void> {
    const startedMs = systemClock.monotonicMs();
    const isNew = this.#timesMs.length % 2 === 0;
    try {
      const status = await this.#post(isNew);
      if (status !== 200) throw new Error(`answered ${status}`);
      this.#timesMs.push(systemClock.monotonicMs() - startedMs);
    } catch (error) {
      this.#failed.push(String(error));
    }
  }

  #post(isNew: boolean): Promise<number> {
    const { endpoint, region, key } = this.#caller;
    const url = new URL(`${endpoint}/`);
    const identity = { service: 'ec2', region, ...key, nowMs: systemClock.nowMs() };
    const headers = signRequest({ ...identity, method: 'POST', url, headers: HEADERS, body: BODY });
    const agent = isNew ? false : this.#kept;
    return new Promise((resolve, reject) => {
      const outgoing = request(url, { method: 'POST', headers, agent }, (response) => {
        response.resume().once('end', () => resolve(response.statusCode ?? 0));
      });
      outgoing.once('error', reject).end(BODY);
    });
  }
}

if (!isMainThread && parentPort !== null) {
  const port = parentPort;
  const client = new AskingClient(workerData as Caller & { key: Key });
  port.once('message', () => void client.end().then((result) => port.postMessage(result)));
}
