// Owns reading a request's body as it comes: with backpressure, and with an end to uploads that stand still.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { ServiceError } from '@ironbark/core/errors.ts';

/**
 * The body's pieces. The first look tells a client that waits for `100 Continue` to send. Stopping early leaves
 * the connection usable for an answer.
 */
export async function* readIncoming(
  request: IncomingMessage,
  response: ServerResponse,
): AsyncGenerator<Uint8Array> {
  if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
  const events = watch(request);
  try {
    for (;;) {
      const piece = request.read() as Buffer | null;
      if (piece !== null) yield piece;
      else if (events.isOver()) return;
      else await events.next();
    }
  } finally {
    events.stop();
  }
}

interface Events {
  /** True at the end of a whole body; throws when it was cut off or stood still. */
  isOver(): boolean;
  next(): Promise<void>;
  stop(): void;
}

function watch(request: IncomingMessage): Events {
  let failure: ServiceError | undefined;
  let isWaiting = false;
  let wake = () => {};
  const onChange = () => wake();
  const onClose = () => {
    if (!request.complete) failure ??= cutOff();
    wake();
  };
  const onStall = () => {
    // While the store is slow, the peer is not to blame.
    if (isWaiting) failure ??= stalled();
    wake();
  };
  request.on('readable', onChange).on('end', onChange).on('close', onClose).on('error', onClose);
  // With a listener the connection stays up for the answer; without one node:http cuts it.
  request.on('timeout', onStall);
  return {
    isOver: () => {
      if (failure !== undefined) throw failure;
      if (request.destroyed && !request.complete) throw cutOff();
      return request.readableEnded || (request.complete && request.readableLength === 0);
    },
    next: async () => {
      isWaiting = true;
      request.socket.setTimeout(request.socket.timeout ?? 0);
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
      isWaiting = false;
    },
    stop: () => {
      request.off('readable', onChange).off('end', onChange).off('close', onClose);
      request.off('timeout', onStall);
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
