// Owns images whose instances go down for them: snapshots once the guest is off, and the guest on again as soon as
// what its volumes held is safe.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { ImageId } from '@ironbark/core/ids.ts';
import { type ReconcileResult, type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { parseDevices } from '../app/block-devices.ts';
import { type Change, change } from '../app/change.ts';
import { takeImageSnapshots } from '../app/image-making.ts';
import { type ImageStep, planImage } from '../app/image-plan.ts';
import { restartInstance } from '../app/images.ts';
import type { ImageRow } from '../store/image-schema.ts';
import { findImage, listImagesInTheMaking, updateImage } from '../store/images.ts';
import { findInstance } from '../store/instances.ts';
import { findSnapshots } from '../store/snapshots.ts';
import type { Queries } from '../store/store.ts';

/** A guest that goes down takes seconds, a point in time about one. */
const LOOK_AGAIN_MS = 500;

export function createImageMaking(app: App): Reconciler {
  return {
    name: 'image-making',
    listKeys: () => listImagesInTheMaking(app.store.query),
    reconcile: (key) => reconcileImage(app, key as ImageId),
  };
}

async function reconcileImage(app: App, id: ImageId): Promise<ReconcileResult> {
  const found = await loadPlan(app.store.query, id);
  if (found === undefined) return SETTLED;
  if (found.step === 'wait') return { kind: 'again', afterMs: LOOK_AGAIN_MS };
  await app.aroundStep(`image-making/${found.step}`, () => takeStep(app, id));
  return { kind: 'again', afterMs: 0 };
}

async function loadPlan(
  db: Queries,
  id: ImageId,
): Promise<{ image: ImageRow; step: ImageStep } | undefined> {
  const image = await findImage(db, id);
  if (image?.stage !== 'stopping' && image?.stage !== 'restarting') return undefined;
  const instance = await findInstance(db, image.sourceInstanceId!);
  const ids = parseDevices(image).flatMap(({ snapshotId }) => snapshotId ?? []);
  const snapshots = await findSnapshots(db, image.accountId, ids);
  return { image, step: planImage(image.stage, instance, snapshots) };
}

async function takeStep(app: App, id: ImageId): Promise<void> {
  try {
    await change(app, (inside) => applyPlanned(app, inside, id));
  } catch (error) {
    if (!isServiceError(error)) throw error;
    await change(app, (inside) => fail(inside, id, error.message));
  }
}

async function applyPlanned(app: App, inside: Change, id: ImageId): Promise<void> {
  const found = await loadPlan(inside.tx, id);
  switch (found?.step) {
    case 'take-snapshots':
      return takeImageSnapshots(app, inside, found.image);
    case 'restart':
      await restartInstance(inside, found.image);
      return updateImage(inside.tx, id, { stage: 'made', restartsInstance: 0 });
    case 'fail-instance-gone':
      return fail(inside, id, 'The instance was terminated before it was down.');
  }
}

async function fail(inside: Change, id: ImageId, failure: string): Promise<void> {
  const image = await findImage(inside.tx, id);
  if (image === undefined) return;
  await restartInstance(inside, image);
  await updateImage(inside.tx, id, { stage: 'failed', restartsInstance: 0, failure });
}
