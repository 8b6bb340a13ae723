// Owns a lean client of S3 for measurements and floods: signed requests over kept connections, and what each took.

import { Agent, type ClientRequest, request } from 'node:http';
import { systemClock } from '@ironbark/platform/clock.ts';
import type { AccessKeyRecord } from '@ironbark/protocol/internal/identity-client.ts';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';

export interface S3Call {
  method: 'GET' | 'PUT' | 'DELETE';
  path: string;
  body?: Uint8Array;
  headers?: Record<string, string>;
}

export interface S3Answer {
  status: number;
  body: Buffer;
}

export interface LeanClientOptions {
  url: string;
  key: Pick<AccessKeyRecord, 'accessKeyId' | 'secretAccessKey'>;
  region: string;
  connections: number;
  /** Of one call; the connection is closed then. */
  timeoutMs?: number;
}

export class LeanClient implements Disposable {
  readonly #options: LeanClientOptions;
  readonly #agent: Agent;

  constructor(options: LeanClientOptions) {
    this.#options = options;
    this.#agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  }

  /** Rejects when there is no answer; any status is one. */
  async call({ method, path, body, headers = {} }: S3Call): Promise<S3Answer> {
    const { url: base, key, region } = this.#options;
    const url = new URL(`${base}${path}`);
    const length = { 'content-length': String(body?.length ?? 0) };
    const signed = signRequest({
      ...{ method, url, headers, body: '', payloadHash: 'UNSIGNED-PAYLOAD' },
      ...{ service: 's3', region, nowMs: systemClock.nowMs() },
      accessKeyId: key.accessKeyId,
      secretAccessKey: key.secretAccessKey,
    });
    const call = request(url, {
      ...{ method, agent: this.#agent, headers: { ...signed, ...length } },
      ...(this.#options.timeoutMs === undefined ? {} : { timeout: this.#options.timeoutMs }),
    });
    call.end(body);
    return await answerOf(call);
  }

  /** As `call`; throws unless it was a success. */
  async succeed(call: S3Call): Promise<Buffer> {
    const { status, body } = await this.call(call);
    if (status < 300) return body;
    throw new Error(`${call.method} ${call.path}: ${status} ${body.toString('utf8', 0, 300)}`);
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

function answerOf(call: ClientRequest): Promise<S3Answer> {
  return new Promise((resolve, reject) => {
    call.on('error', reject);
    call.on('timeout', () => call.destroy(new Error('no answer in time')));
    call.on('response', (response) => {
      const pieces: Buffer[] = [];
      response.on('data', (piece: Buffer) => pieces.push(piece));
      response.on('error', reject);
      response.on('aborted', () => reject(new Error('the answer was cut off')));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(pieces) }),
      );
    });
  });
}

export interface Load {
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** What the client's own process took for each call. */
  clientMicros: number;
}

/** So many at a time, for that long; `work` gets the number of the call. */
export async function runLoad(
  { concurrency, forMs }: { concurrency: number; forMs: number },
  work: (call: number) => Promise<unknown>,
): Promise<Load> {
  const times: number[] = [];
  const startedMs = systemClock.monotonicMs();
  const before = process.cpuUsage();
  let calls = 0;
  const one = async () => {
    while (systemClock.monotonicMs() - startedMs < forMs) {
      const callMs = systemClock.monotonicMs();
      calls += 1;
      await work(calls);
      times.push(systemClock.monotonicMs() - callMs);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, one));
  const seconds = (systemClock.monotonicMs() - startedMs) / 1_000;
  const { user, system } = process.cpuUsage(before);
  const sorted = times.toSorted((a, b) => a - b);
  const clientMicros = (user + system) / sorted.length;
  const at = (part: number) =>
    sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!;
  return { perSecond: sorted.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99), clientMicros };
}
