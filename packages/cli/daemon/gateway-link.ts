// Owns a gateway's way to its cloud: one connection, made when it is needed and again after it broke. Nothing that the
// cloud answers is kept, so that a key or a policy that is changed there counts here at once.

import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import { type CallSession, openCallSession } from '@ironbark/platform/http/call-session.ts';
import { dialFront } from '@ironbark/platform/http/tls-listener.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { Turns } from '@ironbark/platform/turns.ts';
import type { AuditEvent } from '@ironbark/protocol/internal/audit-log.ts';
import {
  GATEWAY_SESSION,
  type GatewayHello,
  type GatewayServices,
} from '@ironbark/protocol/internal/gateway-messages.ts';
import {
  remoteEnvelopes,
  remoteIdentity,
  sayHello,
  sendRecords,
} from '@ironbark/protocol/internal/wire/gateway-wire.ts';
import type { GatewayFile } from './gateway-file.ts';
import { RecordBatches } from './record-batches.ts';

/** Until the cloud has said hello. */
const DIAL_MS = 5_000;
/** After a dial that failed whoever asks is told at once. */
const DIAL_PAUSE_MS = 2_000;
const CALL_MS = 15_000;
/** A key with every policy that its user, groups, role and session may have. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
/** At once; the other side takes 256. */
const MOST_CALLS = 128;

export interface GatewayLinkOptions extends Pick<GatewayFile, 'front' | 'authority' | 'identity'> {
  /** Of Ironbark, here. */
  version: string;
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
  #failed: { atMs: number; error: unknown } | undefined;
  readonly #otherVersion = Promise.withResolvers<GatewayHello>();

  constructor(options: GatewayLinkOptions) {
    this.#options = options;
    const { clock, logger } = options;
    this.#turns = new Turns({ most: MOST_CALLS, patienceMs: CALL_MS, clock });
    const transport = { call: (verb: string, input?: unknown) => this.call(verb, input) };
    const envelopes = remoteEnvelopes(transport);
    const send = (events: AuditEvent[]) => sendRecords(transport, events);
    this.#records = new RecordBatches({ send, clock, logger });
    this.services = {
      identity: remoteIdentity(transport, (error) => {
        logger.debug('the use of a key was not noted', { error });
      }),
      envelopes: () => envelopes,
      audit: this.#records,
    };
  }

  hello(): Promise<GatewayHello> {
    return sayHello(this, this.#options.version);
  }

  /** Resolves when the cloud, after it was away, has another version of Ironbark than this host. */
  get otherVersion(): Promise<GatewayHello> {
    return this.#otherVersion.promise;
  }

  /** What the cloud refuses is thrown as it is; that it is away as `unavailable`. */
  async call(verb: string, input?: unknown): Promise<unknown> {
    const giveBack = await this.#turns.take();
    if (giveBack === undefined) throw away(new Error('too many calls at once'));
    try {
      if (this.#session === undefined) {
        this.#requirePause();
        this.#session = this.#dial();
      }
      return await (await this.#session).call(verb, input);
    } catch (error) {
      if (isServiceError(error)) throw error;
      this.#noteAway(error);
      throw away(error);
    } finally {
      giveBack();
    }
  }

  /** Soon after one that failed nobody dials. */
  #requirePause(): void {
    const failed = this.#failed;
    if (failed === undefined) return;
    if (this.#options.clock.monotonicMs() - failed.atMs < DIAL_PAUSE_MS) throw failed.error;
  }

  async #dial(): Promise<CallSession> {
    const { clock, logger, front } = this.#options;
    try {
      const session = await this.#open();
      void session.ended.then(() => {
        this.#session = undefined;
      });
      this.#failed = undefined;
      if (this.#isAway) logger.info('the cloud can be reached again', { ...front });
      this.#isAway = false;
      return session;
    } catch (error) {
      this.#session = undefined;
      this.#failed = { atMs: clock.monotonicMs(), error };
      throw error;
    }
  }

  /** A cloud that was away may have come back as another one. */
  async #open(): Promise<CallSession> {
    const { clock, front, authority, identity, version } = this.#options;
    const dialled = { ...front, authority, identity, protocol: GATEWAY_SESSION };
    const socket = await dialFront({ ...dialled, timeoutMs: DIAL_MS, clock });
    const limits = { clock, timeoutMs: CALL_MS, maxAnswerBytes: MAX_ANSWER_BYTES };
    const session = openCallSession(socket, { ...limits, mostOfVerb: MOST_CALLS });
    const done = new AbortController();
    clock.sleep(DIAL_MS, done.signal).then(
      () => session[Symbol.dispose](),
      () => {},
    );
    try {
      const hello = await sayHello(session, version);
      if (hello.version !== version) this.#otherVersion.resolve(hello);
      return session;
    } catch (error) {
      session[Symbol.dispose]();
      throw error;
    } finally {
      done.abort();
    }
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
