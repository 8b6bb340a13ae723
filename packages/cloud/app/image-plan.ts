// Owns the next step of an image whose instance goes down for it.
//
//   stopping --instance is down--> snapshots asked for --points in time held--> instance up again --> made

import type { ImageRow } from '../store/image-schema.ts';
import type { InstanceRow, SnapshotRow } from '../store/schema.ts';
import { type ViewedInstance, viewState } from './instance-view.ts';

export type ImageStep = 'wait' | 'take-snapshots' | 'restart' | 'fail-instance-gone';

export function planImage(
  stage: ImageRow['stage'],
  instance: (ViewedInstance & Pick<InstanceRow, 'desiredPower'>) | undefined,
  snapshots: readonly Pick<SnapshotRow, 'observedHeld' | 'observedState'>[],
): ImageStep {
  if (stage === 'restarting') return snapshots.every(isHeld) ? 'restart' : 'wait';
  if (stage !== 'stopping') return 'wait';
  if (instance === undefined || instance.desiredPower === 'terminated') return 'fail-instance-gone';
  // Somebody who starts it meanwhile gets it, and the image what its volumes hold then.
  const isDown = viewState(instance) === 'stopped' || instance.desiredPower === 'running';
  return isDown ? 'take-snapshots' : 'wait';
}

function isHeld({ observedHeld, observedState }: Parameters<typeof planImage>[2][number]): boolean {
  const isOver = observedState !== null && observedState !== 'pending';
  return observedHeld === 1 || isOver;
}
