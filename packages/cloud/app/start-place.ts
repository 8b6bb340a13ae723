// Owns where a stopped instance starts: on its own node again, or on another one where that cannot have it and all of the
// instance's disks are volumes.

import type { NodeId } from '@ironbark/core/ids.ts';
import { listUnplaced } from '../store/instances.ts';
import type { InstanceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import { demandOf, findPlaces, loadDemand, loadRoomFor } from './capacity.ts';
import { hasReachedStop } from './instance-view.ts';
import { listShortages } from './place-instances.ts';
import { refuse } from './refusals.ts';

/** Throws where no node can have it now. */
export async function chooseStartNode(
  app: App,
  tx: Queries,
  instance: InstanceRow,
): Promise<NodeId> {
  const { id, nodeId } = instance;
  if (nodeId === null) {
    const lacking = `instance '${id}' is on no node, and none can have it.`;
    return await placeAnew(app, tx, { instance, lacking });
  }
  const shortages = await listOwnShortages(app, tx, instance);
  if (shortages.length === 0) return nodeId;
  const lacking = `the node of instance '${id}' ${shortages.join(' and ')}`;
  if (!mayMove(instance)) {
    throw noCapacity(`${lacking}, and its root disk, which is no volume, is there alone.`);
  }
  const nowhere = `${lacking}, and no other one can have it.`;
  return await placeAnew(app, tx, { instance, lacking: nowhere });
}

/** After the launches that wait: those were promised their room. */
async function placeAnew(
  app: App,
  tx: Queries,
  { instance, lacking }: { instance: InstanceRow; lacking: string },
): Promise<NodeId> {
  const waiting = await listUnplaced(tx);
  const demands = await Promise.all([...waiting, instance].map((row) => loadDemand(tx, row)));
  const { placed, refused } = await findPlaces(tx, app, demands);
  const isOwn = (one: { id: string }) => one.id === instance.id;
  const place = placed.find(isOwn);
  if (place !== undefined) return place.nodeId;
  throw noCapacity(`${lacking} ${refused.find(isOwn)?.reason ?? ''}`);
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
