// Owns the removal of blobs that nothing refers to: doomed ones, and uploads that a crash or an error left behind.
//
// The file goes first and the row last, so that a file never outlives its row.

import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { ObjectsContext } from '../app/context.ts';
import { deleteBlob, findBlobState, listBlobsInState } from '../store/blobs.ts';

/** The rest comes with the next resync. */
const MAX_KEYS_A_LOOK = 10_000;
const RETRY_BUSY_MS = 500;
/** While a backup reads them all, nobody looks at thousands of them every moment. */
const RETRY_HELD_MS = 15_000;

export function unwantedBlobs(context: ObjectsContext): Reconciler {
  return {
    name: 'unwanted-blobs',
    listKeys: async () => {
      const doomed = await listBlobsInState(context.db.query, 'doomed', MAX_KEYS_A_LOOK);
      const uploading = await listBlobsInState(context.db.query, 'uploading', MAX_KEYS_A_LOOK);
      return [...doomed, ...uploading].filter((id) => !context.busy.has(id));
    },
    reconcile: async (id) => {
      if (context.busy.areAllHeld) return { kind: 'again', afterMs: RETRY_HELD_MS };
      const state = await findBlobState(context.db.query, id);
      if (state === undefined || state === 'stored') return SETTLED;
      // Who looked before it was doomed may have found it, and holds it by then.
      await context.busy.looksEnded();
      if (context.busy.has(id)) return { kind: 'again', afterMs: RETRY_BUSY_MS };
      await context.blobs.remove(id);
      await context.db.transaction((tx) => deleteBlob(tx, id));
      return SETTLED;
    },
  };
}
