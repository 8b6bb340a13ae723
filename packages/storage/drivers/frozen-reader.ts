// Owns reading a point in time from a storage daemon, and saying so when the daemon has lost it.

import { ServiceError } from '@ironbark/core/errors.ts';
import { NbdError } from '@ironbark/platform/nbd/wire.ts';
import type { FrozenReader } from '@ironbark/protocol/internal/block-target.ts';
import { type NbdReaderOptions, openNbdReader } from './nbd-reader.ts';

export async function openFrozenReader(options: NbdReaderOptions): Promise<FrozenReader> {
  const reader = await openNbdReader(options);
  return {
    read: (offset, length) => reader.read(offset, length).catch(explainLoss),
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}

/** The daemon refuses reads once it could not put overwritten bytes aside: guests go first. */
function explainLoss(error: unknown): never {
  if (!(error instanceof NbdError)) throw error;
  throw new ServiceError({
    kind: 'out-of-space',
    resource: 'snapshot',
    message:
      'The point in time was lost: the storage had no room to keep what the volume overwrote meanwhile, or its disk failed. Free space and take the snapshot again.',
    cause: error,
  });
}
