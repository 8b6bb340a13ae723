// Owns the records of a gateway's calls on their way to its cloud: in batches, one under way at a time. What could not be
// sent is kept, and sent again, for some minutes and up to a bound; what is given up is counted in the log.

import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import {
  type AuditEvent,
  type AuditLog,
  mayHaveChanged,
} from '@ironbark/protocol/internal/audit-log.ts';
import { cutRecord, MAX_RECORDS } from '@ironbark/protocol/internal/wire/gateway-wire.ts';

/** Records that wait; anybody can make those of readings and of refusals, which have half of it. */
const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 64 * MIB;
/** Of a batch; the other side takes four times as much. */
const MAX_BATCH_BYTES = MIB;
/** A cloud that starts again is there by then. */
const KEPT_MS = 10 * 60_000;
const AGAIN_MS = 3_000;
/** For what waits when the gateway ends. */
const END_MS = 5_000;

export interface RecordBatchesOptions {
  /** Throws a ServiceError, `unavailable` where sending again may help. */
  send: (events: AuditEvent[]) => Promise<void>;
  clock: Clock;
  logger: Logger;
}

interface WaitingRecord {
  event: AuditEvent;
  sizeBytes: number;
  sinceMs: number;
  sent: PromiseWithResolvers<void>;
}

export class RecordBatches implements AuditLog {
  readonly #options: RecordBatchesOptions;
  #waiting: WaitingRecord[] = [];
  #waitingBytes = 0;
  #sending: Promise<void> | undefined;
  #isAway = false;
  #lost = 0;
  /** Ends the pause before what failed is sent again. */
  #wake = () => {};

  constructor(options: RecordBatchesOptions) {
    this.#options = options;
  }

  /** Throws for a change whose record could not be sent yet; where there was room for it, it is sent later all the same. */
  async record(whole: AuditEvent): Promise<void> {
    const event = cutRecord(whole);
    const sizeBytes = JSON.stringify(event).length;
    const isChange = mayHaveChanged(event);
    const isCrowded = !this.#hasRoom(sizeBytes, 2);
    if (!this.#hasRoom(sizeBytes, 1) || (isCrowded && !isChange && this.#isAway)) {
      this.#lost += 1;
      if (isChange) throw noRoom();
      return;
    }
    const sent = Promise.withResolvers<void>();
    sent.promise.catch(() => {});
    this.#waiting.push({ event, sizeBytes, sinceMs: this.#options.clock.monotonicMs(), sent });
    this.#waitingBytes += sizeBytes;
    this.#sending ??= this.#sendAll();
    if (isChange) {
      this.#wake();
      await sent.promise;
    } else if (isCrowded) {
      await sent.promise.catch(() => {});
    }
  }

  /** Within {@link END_MS}; what was not sent by then is given up. */
  async ended(): Promise<void> {
    const done = new AbortController();
    this.#wake();
    const late = this.#options.clock.sleep(END_MS, done.signal).catch(() => {});
    await Promise.race([this.#sending, late]);
    done.abort();
    this.#giveUp(this.#waiting.length);
    this.#tellLost();
    this.#wake();
  }

  /** In a share of it. */
  #hasRoom(sizeBytes: number, share: number): boolean {
    const { length } = this.#waiting;
    return (
      length < MAX_WAITING / share && this.#waitingBytes + sizeBytes <= MAX_WAITING_BYTES / share
    );
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#firstBatch();
      try {
        await this.#options.send(batch.map(({ event }) => event));
        this.#isAway = false;
        this.#remove(batch);
        for (const { sent } of batch) sent.resolve();
        this.#tellLost();
      } catch (error) {
        if (isServiceError(error, 'unavailable')) await this.#putOff(error);
        else this.#refuse(batch, error);
      }
    }
    this.#sending = undefined;
  }

  /** Nobody waits for a cloud that is away, and nothing is given up for that. */
  async #putOff(error: ServiceError): Promise<void> {
    this.#isAway = true;
    for (const { sent } of this.#waiting) sent.reject(error);
    const oldestMs = this.#options.clock.monotonicMs() - KEPT_MS;
    const fresh = this.#waiting.findIndex(({ sinceMs }) => sinceMs >= oldestMs);
    this.#giveUp(fresh === -1 ? this.#waiting.length : fresh);
    this.#tellLost();
    const woken = new AbortController();
    this.#wake = () => woken.abort();
    await this.#options.clock.sleep(AGAIN_MS, woken.signal).catch(() => {});
    this.#wake = () => {};
  }

  #refuse(batch: readonly WaitingRecord[], error: unknown): void {
    this.#remove(batch);
    for (const { sent } of batch) sent.reject(error);
    this.#options.logger.warn('calls were refused by the record', { count: batch.length, error });
  }

  #giveUp(count: number): void {
    const gone = this.#waiting.slice(0, count);
    this.#remove(gone);
    for (const { sent } of gone) sent.reject(noRoom());
    this.#lost += gone.length;
  }

  /** They are the first, unless they were given up meanwhile. */
  #remove(batch: readonly WaitingRecord[]): void {
    if (this.#waiting[0] !== batch[0]) return;
    this.#waiting = this.#waiting.slice(batch.length);
    for (const { sizeBytes } of batch) this.#waitingBytes -= sizeBytes;
  }

  #tellLost(): void {
    if (this.#lost === 0) return;
    this.#options.logger.warn('calls were not recorded', { count: this.#lost });
    this.#lost = 0;
  }

  #firstBatch(): WaitingRecord[] {
    let sizeBytes = 0;
    const most = this.#waiting.slice(0, MAX_RECORDS);
    const end = most.findIndex((each) => {
      sizeBytes += each.sizeBytes;
      return sizeBytes > MAX_BATCH_BYTES;
    });
    return end === -1 ? most : most.slice(0, Math.max(end, 1));
  }
}

function noRoom(): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'host',
    message: 'The record of this call could not be sent to the cloud. Please try again later.',
  });
}
