// Owns a staged backend as a VolumeBackend: the pieces that it does one call at a time, done to the end.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import {
  DONE_PERCENT,
  MAX_WRITE_BYTES,
  type StagedBackend,
} from '@ironbark/protocol/internal/staged-backend.ts';
import type { MakeOptions, VolumeBackend } from './volume-backend.ts';

/** Of the sweep: whether somebody still goes on with making the volume. */
export type IsWanted = (id: VolumeId) => Promise<boolean>;

export function openStagedVolumes(staged: StagedBackend, isWanted: IsWanted): VolumeBackend {
  const prepare = async (id: VolumeId, sizeBytes: number, options: MakeOptions = {}) => {
    for (;;) {
      options.signal?.throwIfAborted();
      const percent = await staged.prepare(id, sizeBytes);
      await options.onProgress?.(percent);
      if (percent === DONE_PERCENT) return;
    }
  };
  const removeAll = async (id: VolumeId) => {
    while ((await staged.remove(id)) !== DONE_PERCENT);
  };
  return {
    inspect: async (id) => {
      const found = await staged.inspect(id);
      return found === undefined
        ? undefined
        : { sizeBytes: found.sizeBytes, allocatedBytes: found.sizeBytes };
    },
    list: () => staged.list(),
    create: async (id, sizeBytes, options) => {
      await prepare(id, sizeBytes, options);
      await staged.finish(id);
    },
    createFrom: async (id, sizeBytes, contents) => {
      await prepare(id, sizeBytes);
      for await (const { offset, bytes } of contents) {
        for (let at = 0; at < bytes.length; at += MAX_WRITE_BYTES) {
          await staged.write(id, offset + at, bytes.subarray(at, at + MAX_WRITE_BYTES));
        }
      }
      await staged.finish(id);
    },
    grow: async (id, sizeBytes) => {
      while ((await staged.grow(id, sizeBytes)) !== DONE_PERCENT);
    },
    overwrite: refuseOverwriting,
    sync: async () => {
      // Whatever these have made is on stable storage when they say so.
    },
    remove: removeAll,
    space: () => staged.space(),
    sweep: async () => {
      for (const id of await staged.listUnfinished())
        if (!(await isWanted(id))) await removeAll(id);
    },
  };
}

function refuseOverwriting(): Promise<never> {
  throw new ServiceError({
    kind: 'unsupported',
    resource: 'volume',
    message: 'An encrypted volume that is an image in Ceph cannot be made longer.',
  });
}
