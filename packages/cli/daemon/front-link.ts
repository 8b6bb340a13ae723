// Owns the connection of a node to its front end: made from here, kept up, and made again for as long as it takes.
//
//   dial -> asked something -> connected -> (ends) -> pause -> dial ...    guests run on in every state
//
// A front end that knows this node no more lets it dial and hangs up: a node that was asked nothing is not connected.

import type { Clock } from '@ironbark/platform/clock.ts';
import { openCallClient } from '@ironbark/platform/http/call-client.ts';
import type { CallHandler } from '@ironbark/platform/http/call-server.ts';
import { answerCalls, CALL_SESSION } from '@ironbark/platform/http/call-session.ts';
import { dialFront } from '@ironbark/platform/http/tls-listener.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { FrontAddress } from '../cloud-config.ts';
import type { NodeIdentity } from './node-identity.ts';

export interface FrontLinkOptions {
  front: FrontAddress;
  identity: NodeIdentity;
  handler: CallHandler;
  /** The front end says that this node was removed with what was on it: that has to end. Called each time it says so. */
  onLost: () => Promise<void>;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
}

const DIAL_MS = 10_000;
const PAUSE_START_MS = 200;
const PAUSE_LIMIT_MS = 10_000;
/** One that lasted so long did not end because of who we are. */
const LONG_MS = 5_000;
const MAX_ANSWER_BYTES = 64 * 1024;
export const REQUESTS = 'http/1.1';
const LOST =
  'it was removed there as lost, and its instances are over. Its guests were stopped; their disks stay until: ironbark leave';

export class FrontLink implements AsyncDisposable {
  readonly #options: FrontLinkOptions;
  readonly #stop = new AbortController();
  readonly #running: Promise<void>;
  #isConnected = false;
  #problem: string | undefined = 'it has not been reached yet';

  constructor(options: FrontLinkOptions) {
    this.#options = options;
    this.#running = this.#run();
  }

  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** For people; undefined while connected. */
  get problem(): string | undefined {
    return this.#problem;
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    let pauseMs = PAUSE_START_MS;
    while (!this.#stop.signal.aborted) {
      const startedMs = clock.monotonicMs();
      await this.#once();
      if (clock.monotonicMs() - startedMs > LONG_MS) pauseMs = PAUSE_START_MS;
      // Nodes that lost the same front end do not come back in the same moment.
      const waitMs = pauseMs * (1 + random.fraction());
      await clock.sleep(waitMs, this.#stop.signal).catch(() => {});
      pauseMs = Math.min(2 * pauseMs, PAUSE_LIMIT_MS);
    }
  }

  async #once(): Promise<void> {
    const { clock } = this.#options;
    const startedMs = clock.monotonicMs();
    try {
      const socket = await this.#dial(CALL_SESSION);
      await answerCalls(socket, this.#noticing(), { clock, signal: this.#stop.signal });
      this.#problem = 'the connection has ended';
    } catch (error) {
      this.#note(error);
    } finally {
      this.#isConnected = false;
    }
    if (this.#stop.signal.aborted || clock.monotonicMs() - startedMs > LONG_MS) return;
    const { isNode, wasLost } = await this.#askWhoWeAre();
    if (isNode !== false) return;
    this.#problem = wasLost === true ? LOST : 'it knows this node no more: it was removed there';
    if (wasLost === true) await this.#options.onLost();
  }

  /** Answers as the handler does, and takes the first thing that is asked for the front end's word that we are its node. */
  #noticing(): CallHandler {
    const { handler, logger, front } = this.#options;
    return {
      handle: async (request, response) => {
        if (!this.#isConnected) logger.info('connected to the front end', { ...front });
        this.#isConnected = true;
        this.#problem = undefined;
        await handler.handle(request, response);
      },
      dismissWatchers: () => handler.dismissWatchers(),
    };
  }

  #note(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    const isNews = this.#problem !== reason;
    this.#problem = reason;
    if (isNews) this.#options.logger.warn('the front end cannot be reached', { error });
  }

  async #askWhoWeAre(): Promise<{ isNode?: boolean; wasLost?: boolean }> {
    using calls = this.openCalls(DIAL_MS);
    const answer = await calls.call('hello').catch(() => undefined);
    return Object(answer) as { isNode?: boolean; wasLost?: boolean };
  }

  /** The node's own calls, each over a connection of its own. */
  openCalls(timeoutMs: number) {
    const { clock } = this.#options;
    const dial = () => this.#dial(REQUESTS);
    return openCallClient({ dial, clock, timeoutMs, maxAnswerBytes: MAX_ANSWER_BYTES });
  }

  #dial(protocol: string) {
    const { front, identity, clock } = this.#options;
    return dialFront({ ...front, ...identity, protocol, timeoutMs: DIAL_MS, clock });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}
