// Owns a gateway's way to its cloud: one connection, made when it is needed and again after it broke. Nothing that the
// cloud answers is kept, so that a key or a policy that is changed there counts here at once.

import type { TLSSocket } from 'node:tls';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { type CallSession, openCallSession } from '@ironbark/platform/http/call-session.ts';
import { dialFront } from '@ironbark/platform/http/tls-listener.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { Turns } from '@ironbark/platform/turns.ts';
import {
  type AuditEvent,
  type AuditLog,
  mayHaveChanged,
} from '@ironbark/protocol/internal/audit-log.ts';
import {
  GATEWAY_SESSION,
  type GatewayHello,
  type GatewayServices,
} from '@ironbark/protocol/internal/gateway-messages.ts';
import {
  cutRecord,
  MAX_RECORDS,
  remoteEnvelopes,
  remoteIdentity,
  sayHello,
  sendRecords,
} from '@ironbark/protocol/internal/wire/gateway-wire.ts';
import type { GatewayFile } from './gateway-file.ts';

const DIAL_MS = 5_000;
const CALL_MS = 15_000;
/** A key with every policy that its user, groups, role and session may have. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** At once; the other side takes 256. */
const MOST_CALLS = 128;
/** Records that wait; the calls of more are answered when there is room. */
const MAX_WAITING = 10_000;
/** Of a batch; the other side takes four times as much. */
const MAX_BATCH_BYTES = 1024 * 1024;

export interface GatewayLinkOptions extends Pick<GatewayFile, 'front' | 'authority' | 'identity'> {
  clock: Clock;
  logger: Logger;
}

export class GatewayLink implements AsyncDisposable {
  readonly services: GatewayServices;
  readonly #options: GatewayLinkOptions;
  readonly #turns: Turns;
  readonly #records: RecordBatches;
  #session: Promise<CallSession> | undefined;
  #isAway = false;

  constructor(options: GatewayLinkOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#turns = new Turns({ most: MOST_CALLS, patienceMs: CALL_MS, clock });
    const transport = { call: (verb: string, input?: unknown) => this.call(verb, input) };
    const envelopes = remoteEnvelopes(transport);
    this.#records = new RecordBatches((events) => sendRecords(transport, events), logger);
    this.services = {
      identity: remoteIdentity(transport, (error) => {
        logger.debug('the use of a key was not noted', { error });
      }),
      envelopes: () => envelopes,
      audit: this.#records,
    };
  }

  hello(): Promise<GatewayHello> {
    return sayHello(this);
  }

  /** What the cloud refuses is thrown as it is; that it is away as `unavailable`. */
  async call(verb: string, input?: unknown): Promise<unknown> {
    const giveBack = await this.#turns.take();
    if (giveBack === undefined) throw away(new Error('too many calls at once'));
    try {
      this.#session ??= this.#dial();
      return await (await this.#session).call(verb, input);
    } catch (error) {
      if (isServiceError(error)) throw error;
      this.#noteAway(error);
      throw away(error);
    } finally {
      giveBack();
    }
  }

  async #dial(): Promise<CallSession> {
    const { clock, logger, front, authority, identity } = this.#options;
    const dialled = { ...front, authority, identity, protocol: GATEWAY_SESSION };
    let socket: TLSSocket;
    try {
      socket = await dialFront({ ...dialled, timeoutMs: DIAL_MS, clock });
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
    const limits = { clock, timeoutMs: CALL_MS, maxAnswerBytes: MAX_ANSWER_BYTES };
    const session = openCallSession(socket, { ...limits, mostOfVerb: MOST_CALLS });
    void session.ended.then(() => {
      this.#session = undefined;
    });
    if (this.#isAway) logger.info('the cloud can be reached again', { ...front });
    this.#isAway = false;
    return session;
  }

  #noteAway(error: unknown): void {
    if (!this.#isAway) this.#options.logger.warn('the cloud cannot be reached', { error });
    this.#isAway = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#records.ended();
    (await this.#session?.catch(() => undefined))?.[Symbol.dispose]();
  }
}

function away(cause: unknown): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'host',
    message: 'The cloud that knows who may do what cannot be reached just now. Please try again.',
    cause,
  });
}

interface WaitingRecord {
  event: AuditEvent;
  sizeBytes: number;
  sent: PromiseWithResolvers<void>;
}

/** Records go in batches, one after another: what comes while one is under way is the next. */
class RecordBatches implements AuditLog {
  readonly #send: (events: AuditEvent[]) => Promise<void>;
  readonly #logger: Logger;
  readonly #waiting: WaitingRecord[] = [];
  #sending: Promise<void> | undefined;

  constructor(send: (events: AuditEvent[]) => Promise<void>, logger: Logger) {
    this.#send = send;
    this.#logger = logger;
  }

  async record(whole: AuditEvent): Promise<void> {
    const event = cutRecord(whole);
    const sent = Promise.withResolvers<void>();
    sent.promise.catch(() => {});
    this.#waiting.push({ event, sizeBytes: JSON.stringify(event).length, sent });
    this.#sending ??= this.#sendAll();
    if (mayHaveChanged(event) || this.#waiting.length > MAX_WAITING) await sent.promise;
  }

  async ended(): Promise<void> {
    await this.#sending;
  }

  async #sendAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      try {
        await this.#send(batch.map(({ event }) => event));
        for (const { sent } of batch) sent.resolve();
      } catch (error) {
        this.#logger.warn('calls were not recorded', { count: batch.length, error });
        for (const { sent } of batch) sent.reject(error);
      }
    }
    this.#sending = undefined;
  }

  #take(): WaitingRecord[] {
    let sizeBytes = 0;
    const most = this.#waiting.slice(0, MAX_RECORDS);
    const end = most.findIndex((each) => {
      sizeBytes += each.sizeBytes;
      return sizeBytes > MAX_BATCH_BYTES;
    });
    return this.#waiting.splice(0, end === -1 ? most.length : Math.max(end, 1));
  }
}
