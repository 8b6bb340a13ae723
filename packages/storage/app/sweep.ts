// Owns the tidying at a start: what a crash left half made, and targets that nobody wants any more.

import { listVolumes } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';

/** Call it before the reconcilers start: nothing is being made then. */
export async function sweep(context: StorageContext): Promise<void> {
  await context.backend.sweep();
  const rows = await listVolumes(context.database.query);
  const alive = new Set(rows.filter((row) => row.observed_state !== 'absent').map((row) => row.id));
  for (const id of await context.target.list()) {
    if (alive.has(id)) continue;
    context.logger.warn('ending the target of a volume that is not known', { id });
    await context.target.stop(id);
  }
  await context.target.sweep();
  for (const id of await context.backend.list()) {
    // Its bytes may be all that is left of somebody's data, so a person has to decide.
    if (!alive.has(id)) context.logger.warn('volume file without a record is kept', { id });
  }
}
