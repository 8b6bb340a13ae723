// Owns forgetting: terminated instances and ids of deregistered images after an hour, client tokens after a day, users' own metrics after two weeks,
// temporary credentials when they end; renewing those of instances, and writing down when each access key was last used.

import type { ProfileAssociationId } from '@ironbark/core/ids.ts';
import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { change } from '../app/change.ts';
import { renewCredentials } from '../app/iam/profile-associations.ts';
import { forgetPoints } from '../app/own-metrics.ts';
import { deleteClientTokensBefore } from '../store/client-tokens.ts';
import { deleteGoneImagesBefore } from '../store/images.ts';
import { deleteInstance, listExpiredInstances } from '../store/instances.ts';
import { deleteSessionsBefore } from '../store/sessions.ts';
import { deleteTags } from '../store/tags.ts';

/** "Terminated instances remain visible after termination (for approximately one hour)": EC2 User Guide. */
export const TERMINATED_VISIBLE_MS = 60 * 60_000;
/** EC2 keeps the token of RunInstances for at least 24 hours (EC2 User Guide, "Ensuring idempotency"). */
export const CLIENT_TOKEN_MS = 24 * 60 * 60_000;
/** For as long an expired key is told that it is, and not that it is unknown. */
const EXPIRED_SESSION_MS = 60 * 60_000;
/** Our own: for as long an image that was deregistered is told from one that never was. */
const GONE_IMAGE_MS = 60 * 60_000;
const EVERY_MS = 60_000;
/** Between two pages of renewals: other changes get their turn. */
const NEXT_PAGE_MS = 1_000;

export function createExpiry(app: App): Reconciler {
  let renewedTo: ProfileAssociationId | undefined;
  return {
    name: 'expiry',
    listKeys: async () => ['all'],
    reconcile: async () => {
      await app.aroundStep('expiry/expire', async () => {
        renewedTo = await expire(app, renewedTo);
      });
      return { kind: 'again', afterMs: renewedTo === undefined ? EVERY_MS : NEXT_PAGE_MS };
    },
  };
}

function expire(
  app: App,
  renewedTo: ProfileAssociationId | undefined,
): Promise<ProfileAssociationId | undefined> {
  return change(app, async (inside) => {
    const { tx, nowMs } = inside;
    for (const row of await listExpiredInstances(tx, nowMs - TERMINATED_VISIBLE_MS)) {
      await deleteInstance(tx, row);
      await deleteTags(tx, row.id);
    }
    await deleteClientTokensBefore(tx, nowMs - CLIENT_TOKEN_MS);
    await deleteGoneImagesBefore(tx, nowMs - GONE_IMAGE_MS);
    await forgetPoints(tx, nowMs);
    await deleteSessionsBefore(tx, nowMs - EXPIRED_SESSION_MS);
    const next = await renewCredentials(app, inside, renewedTo);
    await app.keyUses.write(tx);
    return next;
  });
}
