// Owns how often an account may call: a bucket of tokens for each action of each account, filled again as time passes.
// Source: EC2 API Reference, "Request throttling for the Amazon EC2 API".

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { isReadOnly } from '@ironbark/protocol/internal/audit-log.ts';

export interface RequestRate {
  /** Calls at once, after a rest. */
  burst: number;
  /** Calls that can go on for ever. */
  perSecond: number;
}

export interface RequestRates {
  /** Actions that show. */
  reading: RequestRate;
  /** Actions that change. */
  changing: RequestRate;
}

/** Ten times and more of what EC2 gives: enough for every tool, too little to keep others from being served. */
export const DEFAULT_RATES: RequestRates = {
  reading: { burst: 5_000, perSecond: 1_000 },
  changing: { burst: 2_000, perSecond: 400 },
};

/** "The rate of lookup requests is limited to two per second, per account": each reads files. */
const SLOW_ACTIONS: Readonly<Record<string, RequestRate>> = {
  'cloudtrail:LookupEvents': { burst: 20, perSecond: 2 },
};

interface Bucket {
  tokens: number;
  filledAtMs: number;
}

/** Callers are known by their signature, so there are as many as accounts have called; the longest unused goes first. */
const MAX_BUCKETS = 20_000;

export class RequestBuckets {
  readonly #clock: Clock;
  readonly #rates: RequestRates;
  /** In the order of their last use. */
  readonly #buckets = new Map<string, Bucket>();

  constructor({ clock, rates = DEFAULT_RATES }: { clock: Clock; rates?: RequestRates }) {
    this.#clock = clock;
    this.#rates = rates;
  }

  /** Throws when there is no token left. */
  take({
    accountId,
    service,
    action,
  }: {
    accountId: string;
    service: string;
    action: string;
  }): void {
    const usual = isReadOnly(action) ? this.#rates.reading : this.#rates.changing;
    const permission = `${service}:${action}`;
    const rate = SLOW_ACTIONS[permission] ?? usual;
    const key = `${accountId} ${permission}`;
    const bucket = this.#fill(key, rate);
    if (bucket.tokens < 1) throw tooMany();
    bucket.tokens -= 1;
  }

  #fill(key: string, { burst, perSecond }: RequestRate): Bucket {
    const nowMs = this.#clock.monotonicMs();
    const { tokens, filledAtMs } = this.#buckets.get(key) ?? { tokens: burst, filledAtMs: nowMs };
    const filled = Math.min(burst, tokens + ((nowMs - filledAtMs) * perSecond) / 1_000);
    const bucket = { tokens: filled, filledAtMs: nowMs };
    this.#buckets.delete(key);
    if (this.#buckets.size >= MAX_BUCKETS) {
      this.#buckets.delete(this.#buckets.keys().next().value!);
    }
    this.#buckets.set(key, bucket);
    return bucket;
  }
}

function tooMany(): ServiceError {
  return new ServiceError({
    kind: 'throttled',
    resource: 'request',
    message: 'Request limit exceeded. Wait, then try again less often.',
  });
}
