// Owns reading a point in time from a storage daemon, and saying so when the daemon has lost it.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Hole } from '@ironbark/platform/file-holes.ts';
import { NbdError } from '@ironbark/platform/nbd/wire.ts';
import type { ByteRange, FrozenReader } from '@ironbark/protocol/internal/block-target.ts';
import { withoutHoles } from './blank-parts.ts';
import type { Bitmap } from './daemon-bitmaps.ts';
import { DIRTY, readStatus } from './nbd-bitmap.ts';
import { type NbdReaderOptions, openNbdReader } from './nbd-reader.ts';

export interface FrozenReaderOptions extends NbdReaderOptions {
  /** Also of what was written from a little before the point in time, by its own name. */
  listBitmaps(): Promise<Bitmap[]>;
  /** Of the volume's file a little before the point in time; undefined when nothing is known of them. */
  holes: readonly Hole[] | undefined;
}

export async function openFrozenReader(options: FrozenReaderOptions): Promise<FrozenReader> {
  const reader = await openNbdReader(options);
  return {
    read: (offset, length) => reader.read(offset, length).catch(explainLoss),
    bases: async () => {
      const marked = (await options.listBitmaps()).map(({ base }) => base);
      return marked.filter((base) => base !== options.exportName);
    },
    changes: async (base, offset, length) => {
      const marked = await readMarks(options, base, { offset, length });
      if (marked === undefined) throw new Error(`the changes since ${base} are not known any more`);
      return marked;
    },
    data: async (offset, length) => {
      const range = { offset, length };
      const { exportName, holes } = options;
      const marked = holes && (await readMarks(options, exportName, range));
      return marked === undefined ? [range] : [...withoutHoles(range, holes!), ...marked];
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}

/** Undefined when there is no such bitmap. */
async function readMarks(
  options: FrozenReaderOptions,
  since: string,
  { offset, length }: ByteRange,
): Promise<ByteRange[] | undefined> {
  const bitmap = (await options.listBitmaps()).find(({ base }) => base === since);
  if (bitmap === undefined) return undefined;
  const context = `qemu:dirty-bitmap:${bitmap.name}`;
  return readStatus({ ...options, context, flag: DIRTY }, offset, length);
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
