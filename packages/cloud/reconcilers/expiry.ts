// Owns forgetting: terminated instances after an hour, client tokens after a day.

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import { deleteClientTokensBefore } from '../store/client-tokens.ts';
import { deleteInstance, listExpiredInstances } from '../store/instances.ts';
import { deleteTags } from '../store/tags.ts';

/** "Terminated instances remain visible after termination (for approximately one hour)": EC2 User Guide. */
export const TERMINATED_VISIBLE_MS = 60 * 60_000;
/** EC2 keeps the token of RunInstances for at least 24 hours (EC2 User Guide, "Ensuring idempotency"). */
export const CLIENT_TOKEN_MS = 24 * 60 * 60_000;
const EVERY_MS = 60_000;

export function createExpiry(app: App): Reconciler {
  return {
    name: 'expiry',
    listKeys: async () => ['all'],
    reconcile: async () => {
      await app.aroundStep('expiry/expire', () => expire(app));
      return { kind: 'again', afterMs: EVERY_MS };
    },
  };
}

function expire(app: App): Promise<void> {
  return change(app, async ({ tx, nowMs }) => {
    for (const row of await listExpiredInstances(tx, nowMs - TERMINATED_VISIBLE_MS)) {
      await deleteInstance(tx, row);
      await deleteTags(tx, row.id);
    }
    await deleteClientTokensBefore(tx, nowMs - CLIENT_TOKEN_MS);
  });
}
