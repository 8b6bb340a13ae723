// Owns the next step of a volume's change. Pure.
//
//   modifying: the storage makes it longer and limits it otherwise
//   optimizing: the node of the instance that has it attached shows it to the guest at its new length
//   completed | failed

import type {
  AttachmentRow,
  InstanceRow,
  VolumeModificationRow,
  VolumeRow,
} from '../store/schema.ts';

export type ModificationStep = 'wait' | 'offer' | 'complete' | 'fail';

export interface ModificationFacts {
  modification: Pick<
    VolumeModificationRow,
    'generation' | 'state' | 'instanceId' | 'instanceGeneration'
  >;
  volume: Pick<VolumeRow, 'observedGeneration' | 'observedState'>;
  attachment: Pick<AttachmentRow, 'instanceId'> | undefined;
  /** That the volume is attached to. */
  instance: Pick<InstanceRow, 'observedGeneration' | 'terminatedAt'> | undefined;
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

/** Whoever attaches it later finds it as it is. */
function isShown({ modification, attachment, instance }: ModificationFacts): boolean {
  if (modification.instanceGeneration === null || instance === undefined) return true;
  if (attachment?.instanceId !== modification.instanceId) return true;
  if (instance.terminatedAt !== null) return true;
  return instance.observedGeneration >= modification.instanceGeneration;
}
