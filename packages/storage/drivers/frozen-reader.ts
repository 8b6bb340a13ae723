// Owns reading a point in time from a storage daemon, and saying so when the daemon has lost it.

import { ServiceError } from '@ironbark/core/errors.ts';
import { NbdError } from '@ironbark/platform/nbd/wire.ts';
import type { FrozenReader } from '@ironbark/protocol/internal/block-target.ts';
import type { Bitmap } from './daemon-bitmaps.ts';
import { DIRTY, readStatus } from './nbd-bitmap.ts';
import { type NbdReaderOptions, openNbdReader } from './nbd-reader.ts';

export interface FrozenReaderOptions extends NbdReaderOptions {
  listBitmaps(): Promise<Bitmap[]>;
}

export async function openFrozenReader(options: FrozenReaderOptions): Promise<FrozenReader> {
  const reader = await openNbdReader(options);
  return {
    read: (offset, length) => reader.read(offset, length).catch(explainLoss),
    bases: async () => (await options.listBitmaps()).map(({ base }) => base),
    changes: async (base, offset, length) => {
      const bitmap = (await options.listBitmaps()).find((each) => each.base === base);
      if (bitmap === undefined) throw new Error(`the changes since ${base} are not known any more`);
      const context = `qemu:dirty-bitmap:${bitmap.name}`;
      return readStatus({ ...options, context, flag: DIRTY }, offset, length);
    },
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
