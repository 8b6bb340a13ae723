// Owns what Ctrl-C and a wish to end do to a command: they end it at once, unless it has asked to end in order.

import { Problem } from './problem.ts';

/** What a shell reports after Ctrl-C. */
export const INTERRUPTED = 130;

/** A process, as far as signals go. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** Gives what `CliContext.takeInterrupts` is. */
export function listenForInterrupts(source: SignalSource, exit: () => void): () => AbortSignal {
  let orderlyEnd: AbortController | undefined;
  const interrupt = () => {
    if (orderlyEnd === undefined || orderlyEnd.signal.aborted) exit();
    else orderlyEnd.abort(new Problem('interrupted', [], INTERRUPTED));
  };
  source.on('SIGINT', interrupt);
  return () => {
    if (orderlyEnd === undefined) {
      orderlyEnd = new AbortController();
      // Once: heard twice, the first one would count as the second.
      source.on('SIGTERM', interrupt);
      source.on('SIGHUP', interrupt);
    }
    return orderlyEnd.signal;
  };
}
