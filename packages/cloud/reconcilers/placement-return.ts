// Owns what happens to an instance that was placed on a node which the zone does not have: it was removed a moment ago.

import { isServiceError } from '@ironbark/core/errors.ts';
import type { App } from '../app/app.ts';
import { refreshNodes } from '../app/capacity.ts';
import { change } from '../app/change.ts';
import { leaveNode } from '../app/node-leaving.ts';
import { findInstance, unplaceInstance } from '../store/instances.ts';
import type { InstanceRow } from '../store/schema.ts';

/**
 * True when the zone refused an instance for want of its node, which never said anything of it: it is placed anew, or is
 * over if that is what it is to be. One that was seen there stays, for its disk is there.
 */
export async function returnPlacement(
  app: App,
  { id, nodeId }: InstanceRow,
  error: unknown,
): Promise<boolean> {
  if (!isServiceError(error, 'not-found') || error.resource !== 'node') return false;
  // Or it would be placed there again.
  await refreshNodes(app);
  return await change(app, async (inside) => {
    const { tx, touched } = inside;
    const row = await findInstance(tx, id);
    if (row === undefined || row.nodeId !== nodeId || row.observedPower !== null) return false;
    await leaveNode(inside, row);
    await unplaceInstance(tx, id);
    touched.placement = true;
    return true;
  });
}
