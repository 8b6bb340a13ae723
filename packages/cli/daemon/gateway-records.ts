// Owns what one gateway adds to the record of calls: each call once, however often it was sent, and not so many about buckets
// that those of others are pushed out.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { AuditEvent, AuditLog } from '@ironbark/protocol/internal/audit-log.ts';

/** One batch is under way at a time, of a hundred; the same file may serve several processes. */
const MAX_REMEMBERED = 2_000;
const PERIOD_MS = 60_000;
/** Among the management events, which the chain keeps 256 MiB of: 600 of 500 bytes a minute fill that in fifteen hours. */
const MOST_IN_PERIOD = 600;

export interface GatewayRecordsOptions {
  /** The gateway's. */
  name: string;
  audit: AuditLog;
  clock: Clock;
  logger: Logger;
}

export class GatewayRecords implements AuditLog {
  readonly #options: GatewayRecordsOptions;
  /** By `requestID`, until it is on stable storage and after. */
  readonly #recorded = new Map<string, Promise<void>>();
  #periodMs = Number.NEGATIVE_INFINITY;
  #inPeriod = 0;

  constructor(options: GatewayRecordsOptions) {
    this.#options = options;
  }

  async record(event: AuditEvent): Promise<void> {
    const { requestID } = event;
    const known = this.#recorded.get(requestID);
    if (known !== undefined) return await known;
    const done = this.#options.audit.record(this.#limit(event));
    this.#recorded.set(requestID, done);
    const [first] = this.#recorded.keys();
    if (this.#recorded.size > MAX_REMEMBERED) this.#recorded.delete(first!);
    try {
      await done;
    } catch (error) {
      this.#recorded.delete(requestID);
      throw error;
    }
  }

  /** Those beyond the rate are kept among the data events, which gateways fill anyway. */
  #limit(event: AuditEvent): AuditEvent {
    if (!event.managementEvent) return event;
    const { clock, logger, name } = this.#options;
    const nowMs = clock.monotonicMs();
    if (nowMs - this.#periodMs >= PERIOD_MS) {
      this.#periodMs = nowMs;
      this.#inPeriod = 0;
    }
    this.#inPeriod += 1;
    if (this.#inPeriod <= MOST_IN_PERIOD) return event;
    if (this.#inPeriod === MOST_IN_PERIOD + 1) {
      logger.warn('a gateway has many calls about buckets; the rest is among the data events', {
        gateway: name,
      });
    }
    return { ...event, managementEvent: false };
  }
}
