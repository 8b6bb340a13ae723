// Owns the removal of files that no row knows, such as after the state was restored from an older copy.
//
// Files are listed before rows are looked up: a row is there before its file, and goes after it. A flipped bit in an
// index hides a row, so before anything is removed the state is checked as a whole: while it is damaged, files stay.

import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { ObjectsContext } from '../app/context.ts';
import { findBlobs } from '../store/blobs.ts';

/** A check reads all of the state. Where there are strays there are many: one serves the whole look at the groups. */
const CHECK_VALID_MS = 10 * 60_000;

export function strayBlobs(context: ObjectsContext): Reconciler {
  const findDamage = rememberDamage(context);
  return {
    name: 'stray-blobs',
    listKeys: async () => context.blobs.groups(),
    reconcile: async (group) => {
      await abandonUnfinished(context, group);
      const strays = await findStrays(context, group);
      if (strays.length === 0) return SETTLED;
      const damage = await findDamage();
      if (damage !== undefined) {
        context.logger.error('the state is damaged: blobs that no row knows stay', {
          group,
          damage,
        });
        return SETTLED;
      }
      for (const id of strays) {
        context.logger.warn('removing a blob that no row knows', { blob: id });
        await context.blobs.remove(id);
      }
      return SETTLED;
    },
  };
}

async function findStrays(context: ObjectsContext, group: string): Promise<string[]> {
  const ids = await context.blobs.list(group);
  const known = new Set((await findBlobs(context.db.query, ids)).map((row) => row.id));
  return ids.filter((id) => !known.has(id));
}

/** An engine's uploads whose writers have ended. A row is there before its upload is begun. */
async function abandonUnfinished({ blobs, db, logger }: ObjectsContext, group: string) {
  const unfinished = await blobs.listUnfinished(group);
  if (unfinished.length === 0) return;
  const rows = await findBlobs(
    db.query,
    unfinished.map(({ id }) => id),
  );
  const uploading = new Set(rows.filter(({ state }) => state === 'uploading').map(({ id }) => id));
  for (const each of unfinished) {
    if (uploading.has(each.id)) continue;
    logger.warn('giving up an upload that nobody ends', { blob: each.id });
    await blobs.abandon(each);
  }
}

function rememberDamage({ db, clock }: ObjectsContext): () => Promise<string | undefined> {
  let last: { atMs: number; finding: Promise<string | undefined> } | undefined;
  return () => {
    const nowMs = clock.monotonicMs();
    if (last === undefined || nowMs - last.atMs > CHECK_VALID_MS) {
      last = { atMs: nowMs, finding: db.findDamage() };
    }
    return last.finding;
  };
}
