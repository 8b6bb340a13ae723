// Owns the patience with nodes: a call that hangs must not hold up those that follow.

import { type Clock, TimeoutError } from '@ironbark/platform/clock.ts';

/** Well below the lease, so that one lost answer does not make a node lost. */
export const NODE_CALL_TIMEOUT_MS = 5_000;

/** A reason that costs nothing; without one an error with a stack is made for every call. */
const ANSWERED = 'answered';

/** The call's result, or a TimeoutError; a result that comes later is ignored. */
export async function withinDeadline<Result>(
  clock: Clock,
  what: string,
  call: Promise<Result>,
): Promise<Result> {
  const done = new AbortController();
  const late = clock.sleep(NODE_CALL_TIMEOUT_MS, done.signal).then(() => {
    throw new TimeoutError(`${what}: no answer in ${NODE_CALL_TIMEOUT_MS} ms`);
  });
  late.catch(() => {});
  try {
    return await Promise.race([call, late]);
  } finally {
    done.abort(ANSWERED);
  }
}
