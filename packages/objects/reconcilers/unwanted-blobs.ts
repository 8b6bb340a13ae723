// Owns the removal of blobs that nothing refers to: doomed ones, and uploads that a crash or an error left behind.
//
// The file goes first and the row last, so that a file never outlives its row. A blob whose writer may still be about is
// doomed before: what it commits then finds no blob to keep. Each gateway removes what it has left behind itself.

import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { ObjectsContext } from '../app/context.ts';
import { deleteBlob, doomUploading, findBlobState, listBlobsInState } from '../store/blobs.ts';

/** The rest comes with the next resync. */
const MAX_KEYS_A_LOOK = 10_000;
const RETRY_BUSY_MS = 500;
/** While a backup reads them all, nobody looks at thousands of them every moment. */
const RETRY_HELD_MS = 15_000;

type Parts = Pick<ObjectsContext, 'busy' | 'db' | 'gateway' | 'blobs'>;

export function unwantedBlobs({ busy, db, gateway, blobs }: Parts): Reconciler {
  const list = (state: 'doomed' | 'uploading') =>
    listBlobsInState(db.query, { state, gatewayId: gateway.id, limit: MAX_KEYS_A_LOOK });
  const settle = (id: string) => {
    gateway.forget(id);
    return SETTLED;
  };
  return {
    name: 'unwanted-blobs',
    listKeys: async () => {
      const found = [...(await list('doomed')), ...(await list('uploading'))];
      return found.filter((id) => !busy.has(id));
    },
    reconcile: async (id) => {
      if (busy.areAllHeld) return { kind: 'again', afterMs: RETRY_HELD_MS };
      const leftMs = gateway.readsLastMs(id);
      // Nobody is asked: thousands may wait for one read.
      if (leftMs !== undefined && leftMs > 0) return { kind: 'again', afterMs: leftMs };
      const state = await findBlobState(db.query, id);
      if (state === undefined || state === 'stored') return settle(id);
      // Who looked before it was doomed may have found it, and holds it by then.
      await busy.looksEnded();
      if (busy.has(id)) return { kind: 'again', afterMs: RETRY_BUSY_MS };
      if (state === 'uploading' && !(await db.statement((query) => doomUploading(query, id)))) {
        return settle(id);
      }
      if (leftMs === undefined) {
        gateway.awaitReads(id);
        return { kind: 'again', afterMs: gateway.readsLastMs(id) ?? RETRY_BUSY_MS };
      }
      await blobs.remove(id);
      await db.statement((query) => deleteBlob(query, id));
      return settle(id);
    },
  };
}
