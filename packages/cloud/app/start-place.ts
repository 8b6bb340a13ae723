// Owns where a stopped instance starts: on its own node again, or on another one where that cannot have it and all of the
// instance's disks are volumes.

import type { NodeId } from '@ironbark/core/ids.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import { demandOf, findPlaces, loadDemand, loadRoomFor } from './capacity.ts';
import { hasReachedStop } from './instance-view.ts';
import { listShortages } from './place-instances.ts';
import { refuse } from './refusals.ts';

/** Null: it has none, and is placed as a launch is. Throws where no node can have it now. */
export async function chooseStartNode(
  app: App,
  tx: Queries,
  instance: InstanceRow,
): Promise<NodeId | null> {
  if (instance.nodeId === null) return null;
  const shortages = await listOwnShortages(app, tx, instance);
  if (shortages.length === 0) return instance.nodeId;
  const lacking = `the node of instance '${instance.id}' ${shortages.join(' and ')}`;
  if (!mayMove(instance)) {
    throw noCapacity(`${lacking}, and its root disk, which is no volume, is there alone.`);
  }
  const { placed, refused } = await findPlaces(tx, app, [await loadDemand(tx, instance)]);
  const [place] = placed;
  if (place !== undefined) return place.nodeId;
  throw noCapacity(`${lacking}, and no other one can have it. ${refused[0]?.reason ?? ''}`);
}

async function listOwnShortages(app: App, tx: Queries, instance: InstanceRow): Promise<string[]> {
  const room = await loadRoomFor(app, tx, instance);
  if (room === undefined) return ['is not known'];
  return listShortages({ ...demandOf(instance), rootDiskBytes: 0 }, room);
}

/** Its node has said that it is off, so that what the node keeps of it starts nothing when it comes again. */
function mayMove(instance: InstanceRow): boolean {
  return instance.rootDeviceType === 'ebs' && hasReachedStop(instance);
}

function noCapacity(why: string): Error {
  return refuse('insufficient-capacity', 'instance', `Insufficient capacity: ${why}`);
}
