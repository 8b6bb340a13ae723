// Owns what Multi-Attach means to a volume: who may have it at the same time, and what may be changed of it.
//
// Rules: EBS User Guide, "Attach an EBS volume to multiple EC2 instances using Multi-Attach".

import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import type { AttachMode } from '@ironbark/core/io-profile.ts';
import { MAX_ATTACHMENTS, takesMultiAttach, type VolumeType } from '@ironbark/core/volume-types.ts';
import type { AttachmentRow, VolumeRow, VolumeShape } from '../store/schema.ts';
import type { VolumeFacts } from './attachment-plan.ts';
import { invalidCombination, missingParameter, notOffered, refuse } from './refusals.ts';

/** Of one that is to be made. */
export function checkMultiAttachType(volumeType: VolumeType): void {
  if (takesMultiAttach(volumeType)) return;
  throw invalidCombination(
    `The parameter MultiAttachEnabled is not supported for ${volumeType} volumes.`,
  );
}

/** Before an instance gets the volume, for what the volume and its present instances allow. */
export function checkSharing(
  volume: Pick<VolumeRow, 'id' | 'multiAttachEnabled'>,
  present: readonly AttachmentRow[],
  instanceId: InstanceId,
): void {
  const own = present.find((attachment) => attachment.instanceId === instanceId);
  const holder = volume.multiAttachEnabled === 1 ? own : present[0];
  if (holder !== undefined) {
    throw refuse(
      'in-use',
      'volume',
      `${volume.id} is already attached to an instance (${holder.instanceId}).`,
    );
  }
  if (present.length < MAX_ATTACHMENTS) return;
  throw refuse(
    'limit-exceeded',
    'attachment',
    `Volume '${volume.id}' is attached to ${MAX_ATTACHMENTS} instances, which is the most that a Multi-Attach enabled volume can be.`,
  );
}

/** Of a volume that several instances may have, in the way in which this instance would get it. */
export function checkSharedUse(
  volume: Pick<VolumeRow, 'id' | 'multiAttachEnabled'>,
  { attachMode, isRoot }: { attachMode: AttachMode; isRoot: boolean },
): void {
  if (volume.multiAttachEnabled === 0) return;
  if (isRoot) {
    throw refuse(
      'invalid-parameter',
      'request',
      `Volume '${volume.id}' is Multi-Attach enabled, and such a volume cannot be a boot volume.`,
    );
  }
  if (attachMode === 'host') return;
  throw notOffered(
    "Attach mode 'guest' for a Multi-Attach enabled volume",
    'Remove the tag ironbark:attach-mode before it is attached.',
  );
}

/** "If you are detaching a Multi-Attach enabled volume, you must specify an instance ID": API reference of DetachVolume. */
export function requireInstance(
  volume: Pick<VolumeRow, 'multiAttachEnabled'>,
  present: readonly AttachmentRow[],
  instanceId: InstanceId | undefined,
): void {
  const isMany = volume.multiAttachEnabled === 1 || present.length > 1;
  if (isMany && instanceId === undefined) throw missingParameter('InstanceId');
}

/**
 * The table in "Considerations and limitations": io2 may be resized, given other rates, enabled while nobody has it, and
 * disabled while at most one instance has it; io1 may not be changed at all. The type stays.
 */
export function checkMultiAttachChange(
  volume: Pick<VolumeRow, 'id' | 'volumeType' | 'multiAttachEnabled'>,
  target: VolumeShape,
  present: readonly AttachmentRow[],
): void {
  const { id } = volume;
  const wasEnabled = volume.multiAttachEnabled === 1;
  const isEnabled = (target.multiAttachEnabled ?? volume.multiAttachEnabled) === 1;
  if (wasEnabled && volume.volumeType === 'io1') throw unchangeable(id, 'an io1 volume');
  if (wasEnabled && target.volumeType !== volume.volumeType) throw unchangeable(id, 'its type');
  if (wasEnabled === isEnabled) return;
  if (target.volumeType !== 'io2') {
    const verb = isEnabled ? 'enabled' : 'disabled';
    throw invalidCombination(`Multi-Attach cannot be ${verb} for io1 volumes after creation.`);
  }
  if (present.length > (isEnabled ? 0 : 1)) throw stillAttached(id, isEnabled);
}

function unchangeable(id: VolumeId, what: string): Error {
  return invalidCombination(
    `Volume '${id}' is Multi-Attach enabled: ${what} cannot be modified then.`,
  );
}

function stillAttached(id: VolumeId, isEnabled: boolean): Error {
  const message = isEnabled
    ? `Volume '${id}' is attached to an instance. Multi-Attach can be enabled while it is attached to none.`
    : `Volume '${id}' is attached to several instances. Multi-Attach can be disabled while it is attached to at most one.`;
  return refuse('incorrect-state', 'volume', message);
}

/**
 * The volume as one of its attachments has it: of one that is shared the opening is that instance's own, and what is
 * seen of it is newer than the order for it, whatever else the volume waits for.
 */
export function volumeFor(attachment: AttachmentRow, volume: VolumeRow): VolumeFacts {
  if (attachment.shared === 0) return volume;
  const { exportTo: desiredExportTo, observedExport } = attachment;
  const isSeen = observedExport !== null;
  const observedGeneration = isSeen ? volume.generation : volume.observedGeneration;
  return { ...volume, desiredExportTo, observedExport, observedGeneration };
}
