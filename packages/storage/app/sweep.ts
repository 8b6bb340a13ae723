// Owns the tidying at a start: what a crash left half made, and targets that nobody wants any more.

import { isServiceError } from '@ironbark/core/errors.ts';
import { isPointKnown } from '../store/points.ts';
import { listVolumes } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';

/** Call it before the reconcilers start: nothing is being made then. */
export async function sweep(context: StorageContext): Promise<void> {
  const isReachable = await sweepBackends(context);
  const rows = await listVolumes(context.database.query);
  const alive = new Set(rows.filter((row) => row.observed_state !== 'absent').map((row) => row.id));
  for (const id of await context.target.list()) {
    if (alive.has(id)) continue;
    context.logger.warn('ending the target of a volume that is not known', { id });
    await context.target.stop(id);
  }
  await context.target.sweep();
  for (const id of isReachable ? await context.backend.list() : []) {
    // Its bytes may be all that is left of somebody's data, so a person has to decide.
    if (!alive.has(id)) context.logger.warn('volume file without a record is kept', { id });
  }
}

/** False when one of them does not answer: that must not hold up the start, and the next one is as good. */
async function sweepBackends(context: StorageContext): Promise<boolean> {
  try {
    await context.backend.sweep();
    await sweepPoints(context);
    return true;
  } catch (error) {
    if (!isServiceError(error, 'unavailable')) throw error;
    context.logger.warn('a backend is not swept, since it does not answer', { error });
    return false;
  }
}

/** Of the storage's own: what a crash left of a backup, or of a volume that went before its snapshots. */
async function sweepPoints({ staged, database, logger }: StorageContext): Promise<void> {
  const points = staged.rbd?.points;
  if (points === undefined) return;
  for (const point of await points.list()) {
    if (await isPointKnown(database.query, point)) continue;
    logger.warn('dropping a point in time that nobody waits for', { ...point });
    await points.drop(point);
  }
  await points.tidy();
}
