// Owns the next step between a volume and its instance. Each step is a change of what is desired of the storage
// or the node; the effects are theirs.
//
//   attach:  export at the storage -> offer to the node -> seen attached
//            (instance on no node: unexport -> export to the next one)
//   detach:  withdraw from the node -> unexport at the storage -> gone (and deleted, if it was to go with
//            its instance, and no other instance has it)

import type { NodeId } from '@ironbark/core/ids.ts';
import type { AttachmentRow, InstanceRow, VolumeRow } from '../store/schema.ts';
import { parseObservation } from './instance-outcome.ts';

export type AttachmentStep =
  | { kind: 'wait' }
  | { kind: 'export'; nodeId: NodeId }
  | { kind: 'offer'; export: string }
  | { kind: 'mark-attached' }
  | { kind: 'fail-launch'; reason: string }
  | { kind: 'withdraw' }
  | { kind: 'unexport' }
  | { kind: 'finish'; deleteVolume: boolean };

/** The columns that the plan reads. */
export type AttachmentFacts = Pick<
  AttachmentRow,
  | 'volumeId'
  | 'desired'
  | 'observed'
  | 'force'
  | 'deleteOnTermination'
  | 'offeredExport'
  | 'withdrawnGeneration'
  | 'createdAt'
>;
export type VolumeFacts = Pick<
  VolumeRow,
  | 'id'
  | 'generation'
  | 'observedGeneration'
  | 'observedState'
  | 'observedReason'
  | 'desiredExportTo'
  | 'observedExport'
  | 'createdAt'
>;
export type InstanceFacts = Pick<
  InstanceRow,
  | 'nodeId'
  | 'desiredPower'
  | 'hasRun'
  | 'generation'
  | 'observedGeneration'
  | 'observedPower'
  | 'observed'
  | 'terminatedAt'
>;

const WAIT: AttachmentStep = { kind: 'wait' };

/** `isShared`: other instances have the volume too. */
export function planAttachment(
  attachment: AttachmentFacts,
  volume: VolumeFacts,
  instance: InstanceFacts | undefined,
  isShared = false,
): AttachmentStep {
  const isEnding = attachment.desired === 'detached' || instance?.desiredPower === 'terminated';
  return instance === undefined || isEnding
    ? planDetach(attachment, volume, instance, isShared)
    : planAttach(attachment, volume, instance);
}

function planAttach(
  attachment: AttachmentFacts,
  volume: VolumeFacts,
  instance: InstanceFacts,
): AttachmentStep {
  const isLaunch = instance.hasRun === 0 && instance.desiredPower === 'running';
  if (volume.observedState === 'failed' && isLaunch) {
    const reason = volume.observedReason ?? 'The storage gave no reason.';
    return { kind: 'fail-launch', reason: `Volume ${volume.id} could not be made. ${reason}` };
  }
  const { nodeId } = instance;
  if (nodeId === null) return planWithoutNode(attachment, volume, instance);
  if (volume.desiredExportTo !== nodeId) return { kind: 'export', nodeId };
  const isReached = volume.observedGeneration >= volume.generation;
  if (!isReached || volume.observedExport === null) return WAIT;
  if (attachment.offeredExport !== volume.observedExport) {
    return { kind: 'offer', export: volume.observedExport };
  }
  const isNews = attachment.observed === 'attaching' && isSeenAttached(volume, instance);
  return isNews ? { kind: 'mark-attached' } : WAIT;
}

/** Nobody has it open, and one that is off gets it with its next node. */
function planWithoutNode(
  attachment: AttachmentFacts,
  volume: VolumeFacts,
  instance: InstanceFacts,
): AttachmentStep {
  if (volume.desiredExportTo !== null) return { kind: 'unexport' };
  const isOff = instance.desiredPower === 'stopped' && volume.observedState === 'ready';
  return isOff && attachment.observed === 'attaching' ? { kind: 'mark-attached' } : WAIT;
}

/** A stopped instance has the volume once its node has taken note; it opens it at the next start. */
function isSeenAttached(volume: VolumeFacts, instance: InstanceFacts): boolean {
  const observation = parseObservation(instance);
  const seen = observation?.volumes.find((one) => one.volumeId === volume.id);
  if (seen?.state === 'attached') return true;
  return instance.observedPower === 'stopped' && instance.observedGeneration >= instance.generation;
}

function planDetach(
  attachment: AttachmentFacts,
  volume: VolumeFacts,
  instance: InstanceFacts | undefined,
  isShared: boolean,
): AttachmentStep {
  const isForced = attachment.force === 1;
  if (instance !== undefined && !isGone(instance)) {
    if (instance.desiredPower === 'terminated' && !isForced) return WAIT;
    if (attachment.offeredExport !== null) return { kind: 'withdraw' };
    if (!isForced && !hasLetGo(attachment, instance)) return WAIT;
  }
  const endsWithInstance = instance === undefined || instance.desiredPower === 'terminated';
  const wasDetached = attachment.desired === 'detached';
  const goes = attachment.deleteOnTermination === 1 || neverWas(attachment, volume, instance);
  // The last instance's wish is what counts (EBS User Guide, "Multi-Attach").
  if (endsWithInstance && !wasDetached && goes && !isShared)
    return { kind: 'finish', deleteVolume: true };
  if (volume.desiredExportTo !== null) return { kind: 'unexport' };
  return isUnexported(volume) ? { kind: 'finish', deleteVolume: false } : WAIT;
}

/** It was to be made with an instance that could not be launched for want of it. */
function neverWas(
  attachment: AttachmentFacts,
  volume: VolumeFacts,
  instance: InstanceFacts | undefined,
): boolean {
  const isMadeWithIt = volume.createdAt === attachment.createdAt;
  return isMadeWithIt && volume.observedState === 'failed' && instance?.hasRun === 0;
}

/** No node runs it or will. */
function isGone(instance: InstanceFacts): boolean {
  return instance.nodeId === null || instance.terminatedAt !== null;
}

/** The node has reached the intent without the volume, and no longer lists it. */
function hasLetGo(attachment: AttachmentFacts, instance: InstanceFacts): boolean {
  if (attachment.withdrawnGeneration === null) return true;
  if (instance.observedGeneration < attachment.withdrawnGeneration) return false;
  const observation = parseObservation(instance);
  return !observation?.volumes.some((one) => one.volumeId === attachment.volumeId);
}

function isUnexported(volume: VolumeFacts): boolean {
  if (volume.observedExport !== null) return false;
  const isReached = volume.observedGeneration >= volume.generation;
  return isReached || volume.observedState === 'failed' || volume.observedState === 'absent';
}
