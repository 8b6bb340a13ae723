// Owns hop 5 of a launch: every instance that is to run gets a node, in one step for all that wait. While none waits, room is
// counted for those that will.

import type { Reconciler } from '@ironbark/platform/reconciler.ts';
import { SETTLED } from '@ironbark/platform/reconciler.ts';
import type { App } from '../app/app.ts';
import { countAhead, findPlaces, loadDemand } from '../app/capacity.ts';
import { type Change, change } from '../app/change.ts';
import { failInstance } from '../app/instance-outcome.ts';
import type { Placement } from '../app/place-instances.ts';
import { touchPorts } from '../app/vpc-changes.ts';
import { listAttachmentsOf } from '../store/attachments.ts';
import { listUnplaced, placeInstance } from '../store/instances.ts';
import { listInterfacesOf } from '../store/network-interfaces.ts';
import type { InstanceRow } from '../store/schema.ts';

/** The reconciler's only key: all that wait are weighed together, so that none is placed twice. */
export const PLACEMENT_KEY = 'waiting';

/** A node that went away may come back; a caller should not wait for capacity for longer than this. */
const PATIENCE_MS = 2 * 60_000;
const LOOK_AGAIN_MS = 2_000;

export interface PlacementPlan {
  placed: Placement['placed'];
  /** No room now, and asked long enough ago to give up. */
  failed: { id: InstanceRow['id']; reason: string }[];
  /** No room now. */
  waiting: number;
}

export function planPlacement(
  instances: readonly Pick<InstanceRow, 'id' | 'launchedAt'>[],
  { placed, refused }: Placement,
  nowMs: number,
): PlacementPlan {
  const launchedAt = new Map(instances.map((instance) => [instance.id, instance.launchedAt]));
  const failed = refused.filter(({ id }) => nowMs - launchedAt.get(id)! >= PATIENCE_MS);
  return { placed, failed, waiting: refused.length - failed.length };
}

export function createInstancePlacement(app: App): Reconciler {
  return {
    name: 'instance-placement',
    listKeys: async () => [PLACEMENT_KEY],
    reconcile: async () => {
      if ((await listUnplaced(app.store.query)).length === 0) {
        return (await countAhead(app)) ? { kind: 'again', afterMs: 0 } : SETTLED;
      }
      const place = () => change(app, (inside) => placeAll(app, inside));
      const waiting = await app.aroundStep('instance-placement/place', place);
      return waiting === 0 ? SETTLED : { kind: 'again', afterMs: LOOK_AGAIN_MS };
    },
  };
}

/** Answers how many instances still wait. */
async function placeAll(app: App, inside: Change): Promise<number> {
  const { tx, touched, nowMs } = inside;
  const unplaced = await listUnplaced(tx);
  if (unplaced.length === 0) return 0;
  const demands = await Promise.all(unplaced.map((row) => loadDemand(tx, row)));
  const plan = planPlacement(unplaced, await findPlaces(tx, app, demands), nowMs);
  for (const { id, nodeId } of plan.placed) {
    await placeInstance(tx, id, nodeId);
    touched.instances.add(id);
    const interfaces = await listInterfacesOf(tx, id);
    const { vpcId } = unplaced.find((one) => one.id === id)!;
    await touchPorts(
      inside,
      vpcId,
      interfaces.map((row) => row.id),
    );
    for (const { volumeId } of await listAttachmentsOf(tx, id)) touched.volumes.add(volumeId);
  }
  for (const { id, reason } of plan.failed) {
    const instance = unplaced.find((one) => one.id === id)!;
    await failInstance(inside, instance, 'Server.InsufficientInstanceCapacity', reason);
  }
  return plan.waiting;
}
