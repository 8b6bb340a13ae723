// Owns the removal of files that no row knows, such as after the state was restored from an older copy.
//
// Files are listed before rows are looked up: a row is there before its file, and goes after it.

import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { ObjectsContext } from '../app/context.ts';
import { findBlobs } from '../store/blobs.ts';

export function strayBlobs(context: ObjectsContext): Reconciler {
  return {
    name: 'stray-blobs',
    listKeys: async () => context.blobs.groups(),
    reconcile: async (group) => {
      const ids = await context.blobs.list(group);
      const known = new Set((await findBlobs(context.db.query, ids)).map((row) => row.id));
      for (const id of ids.filter((candidate) => !known.has(candidate))) {
        context.logger.warn('removing a blob that no row knows', { blob: id });
        await context.blobs.remove(id);
      }
      return SETTLED;
    },
  };
}
