// Owns the next step of a volume's change. Pure.
//
//   modifying: the storage makes it longer and limits it otherwise
//   optimizing: the node of each instance that has it attached shows it to the guest at its new length
//   completed | failed

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { InstanceRow, VolumeModificationRow, VolumeRow } from '../store/schema.ts';

export type ModificationStep = 'wait' | 'offer' | 'complete' | 'fail';

export interface ModificationFacts {
  modification: Pick<VolumeModificationRow, 'generation' | 'state' | 'instances'>;
  volume: Pick<VolumeRow, 'observedGeneration' | 'observedState'>;
  /** That the volume is attached to. */
  instances: readonly Pick<InstanceRow, 'id' | 'nodeId' | 'observedGeneration' | 'terminatedAt'>[];
}

/** An instance that had the volume when the storage was done, and its generation that says so to its node. */
export interface ShownTo {
  instanceId: InstanceId;
  generation: number;
}

export function planModification(facts: ModificationFacts): ModificationStep {
  switch (facts.modification.state) {
    case 'modifying':
      return planAtStorage(facts);
    case 'optimizing':
      return isShown(facts) ? 'complete' : 'wait';
    default:
      return 'wait';
  }
}

function planAtStorage({ modification, volume }: ModificationFacts): ModificationStep {
  if (volume.observedState === 'failed' || volume.observedState === 'absent') return 'fail';
  const isReached = volume.observedGeneration >= modification.generation;
  return isReached && volume.observedState === 'ready' ? 'offer' : 'wait';
}

/** Whoever attaches it later finds it as it is, and so does the next node of an instance that is on none. */
function isShown({ modification, instances }: ModificationFacts): boolean {
  const shownTo = JSON.parse(modification.instances ?? '[]') as ShownTo[];
  return shownTo.every(({ instanceId, generation }) => {
    const instance = instances.find(({ id }) => id === instanceId);
    if (instance === undefined || instance.terminatedAt !== null) return true;
    return instance.nodeId === null || instance.observedGeneration >= generation;
  });
}
