// Owns reading a request's body as it comes: with backpressure, and with an end to uploads that stand still.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '@ironbark/core/errors.ts';
import { BlockAllowance } from '@ironbark/platform/block-allowance.ts';
import {
  BLOCK_BYTES,
  cutBlock,
  freeAtOnce,
  giveBack,
  tryTakeBlock,
  waitForBlock,
} from '@ironbark/platform/blocks.ts';

/** What may wait for its reader; the sender is held back then. */
const MAX_WAITING_BYTES = 256 * 1024;
/**
 * Blocks of all bodies, filling, full and handed over, beside the one that each always has: a thousand large bodies at once
 * hold 1,064 MiB. A body whose blocks are all at its reader's stands still until one is given back.
 */
const MAX_EXTRA_BLOCKS = 64;

const allowance = new BlockAllowance(MAX_EXTRA_BLOCKS);

export interface IncomingOptions {
  /** In blocks of platform/blocks.ts, which the reader gives back. Default: in pieces as they come. */
  inBlocks?: boolean;
}

/** What has come and was not taken. */
interface Waiting {
  /** Of what `take` gives. */
  readonly sizeBytes: number;
  /** There is no memory for what comes. */
  readonly isShort: boolean;
  add(piece: Buffer): void;
  take(): Uint8Array | undefined;
  /** When no more will come. */
  takeRest(): Uint8Array | undefined;
}

class Pieces implements Waiting {
  sizeBytes = 0;
  readonly isShort = false;
  readonly #pieces: Buffer[] = [];

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.sizeBytes += piece.length;
  }

  take(): Uint8Array | undefined {
    const piece = this.#pieces.shift();
    this.sizeBytes -= piece?.length ?? 0;
    return piece;
  }

  takeRest(): Uint8Array | undefined {
    return this.take();
  }
}

/** Pieces are copied into blocks and freed as they come. */
class Gathered implements Waiting {
  readonly #full: Buffer[] = [];
  readonly #share = allowance.newShare();
  readonly #onRoom: () => void;
  /** What came while there was no block for it. */
  #held: Buffer[] = [];
  #filling: Buffer | undefined;
  #filled = 0;

  /** `onRoom`: it is not short any more, or there is something to take. */
  constructor(onRoom: () => void) {
    this.#onRoom = onRoom;
  }

  get isShort(): boolean {
    return this.#held.length > 0;
  }

  get sizeBytes(): number {
    return this.#full.length * BLOCK_BYTES;
  }

  add(piece: Buffer): void {
    if (this.isShort) {
      this.#held.push(piece);
      return;
    }
    const rest = this.#copy(piece);
    if (rest.length === 0) {
      freeAtOnce(piece);
      return;
    }
    this.#held.push(rest);
    void this.#waitForBlock();
  }

  /** Answers what there was no block for. */
  #copy(piece: Buffer): Buffer {
    let rest = piece;
    while (rest.length > 0) {
      this.#filling ??= tryTakeBlock(this.#share);
      if (this.#filling === undefined) break;
      const length = rest.copy(this.#filling, this.#filled);
      this.#filled += length;
      rest = rest.subarray(length);
      if (this.#filled === BLOCK_BYTES) this.#full.push(this.#cut());
    }
    return rest;
  }

  async #waitForBlock(): Promise<void> {
    const block = await waitForBlock(this.#share);
    const held = this.#held;
    this.#held = [];
    if (held.length === 0) {
      // Its end came first.
      giveBack(block);
      return;
    }
    this.#filling = block;
    for (const piece of held) this.add(piece);
    this.#onRoom();
  }

  #cut(): Buffer {
    const block = cutBlock(this.#filling!, 0, this.#filled);
    this.#filling = undefined;
    this.#filled = 0;
    return block;
  }

  take(): Uint8Array | undefined {
    return this.#full.shift();
  }

  takeRest(): Uint8Array | undefined {
    return this.take() ?? (this.#filling === undefined ? this.#held.shift() : this.#cut());
  }
}

/** What nobody takes any more. */
function dropRest(waiting: Waiting): void {
  for (let rest = waiting.takeRest(); rest !== undefined; rest = waiting.takeRest()) giveBack(rest);
}

/**
 * The body's pieces. The first look tells a client that waits for `100 Continue` to send. Stopping early leaves
 * the connection usable for an answer.
 */
export async function* readIncoming(
  request: IncomingMessage,
  response: ServerResponse,
  { inBlocks = false }: IncomingOptions = {},
): AsyncGenerator<Uint8Array> {
  if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
  const events = watch(request, (onRoom) => (inBlocks ? new Gathered(onRoom) : new Pieces()));
  try {
    for (;;) {
      const piece = events.take();
      if (piece !== undefined) yield piece;
      else if (events.isOver()) return;
      else await events.next();
    }
  } finally {
    events.stop();
  }
}

interface Events {
  /** What has come; undefined when nothing waits. */
  take(): Uint8Array | undefined;
  /** True at the end of a whole body; throws when it was cut off or stood still. */
  isOver(): boolean;
  next(): Promise<void>;
  stop(): void;
}

function watch(request: IncomingMessage, open: (onRoom: () => void) => Waiting): Events {
  let failure: ServiceError | undefined;
  let isWaiting = false;
  let wake = () => {};
  const isOver = () => {
    if (failure !== undefined) throw failure;
    if (request.destroyed && !request.complete) throw cutOff();
    return request.readableEnded || (request.complete && request.readableLength === 0);
  };
  const onChange = () => wake();
  const rearm = () => request.socket.setTimeout(request.socket.timeout ?? 0);
  const isFull = () => waiting.isShort || waiting.sizeBytes >= MAX_WAITING_BYTES;
  const onRoom = () => {
    if (waiting.sizeBytes > 0) wake();
    if (isFull()) return;
    rearm();
    request.resume();
  };
  const waiting = open(onRoom);
  const onData = (piece: Buffer) => {
    waiting.add(piece);
    if (isFull()) request.pause();
    if (waiting.sizeBytes > 0) wake();
  };
  const onClose = () => {
    if (!request.complete) failure ??= cutOff();
    wake();
  };
  const onStall = () => {
    // While the store is slow or there is no memory, the peer is not to blame.
    if (isWaiting && !waiting.isShort) failure ??= stalled();
    wake();
  };
  request.on('data', onData).on('end', onChange).on('close', onClose).on('error', onClose);
  // With a listener the connection stays up for the answer; without one node:http cuts it.
  request.on('timeout', onStall);
  return {
    take: () => {
      const piece = waiting.take() ?? (isOver() ? waiting.takeRest() : undefined);
      const isLow = !waiting.isShort && waiting.sizeBytes < MAX_WAITING_BYTES / 2;
      if (isLow && request.isPaused()) request.resume();
      return piece;
    },
    isOver,
    next: async () => {
      isWaiting = true;
      rearm();
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (!waiting.isShort) request.resume();
      });
      isWaiting = false;
    },
    stop: () => {
      request.off('data', onData).off('end', onChange).off('close', onClose);
      request.off('timeout', onStall);
      if (!request.complete) request.pause();
      dropRest(waiting);
    },
  };
}

function cutOff(): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'content-length',
    message: 'You did not provide the number of bytes specified by the Content-Length HTTP header.',
  });
}

function stalled(): ServiceError {
  return new ServiceError({
    kind: 'timeout',
    resource: 'request',
    message:
      'Your socket connection to the server was not read from or written to within the timeout period. ' +
      'Idle connections will be closed.',
  });
}
