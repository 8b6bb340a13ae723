// Owns looking at the volumes that a guest drives itself: what is open to it, and what it has said.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestVolumeRecord } from '../store/records.ts';
import { guestDisk } from './guest-volume-steps.ts';
import type { InstanceContext } from './instance-context.ts';
import type { ObservedGuestVolume } from './plan-guest-volumes.ts';

export async function observeGuestVolumes(
  context: InstanceContext,
  intent: InstanceIntent,
): Promise<ObservedGuestVolume[]> {
  const { guestVolumes = {} } = context.records.find(intent.id) ?? {};
  const entries = Object.entries(guestVolumes) as [VolumeId, GuestVolumeRecord][];
  return await Promise.all(entries.map(([id, record]) => observe(context, intent, id, record)));
}

async function observe(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
  record: GuestVolumeRecord,
): Promise<ObservedGuestVolume> {
  const { guestTargets, guestVolumes: words } = context;
  const facts = await guestTargets?.inspect(guestDisk(intent, volumeId, record));
  const hasReleased = words.hasReleased(intent.id, volumeId);
  if (facts === undefined) {
    return { volumeId, isWhole: false, isCutOff: true, hasReleased, isGone: true };
  }
  const wanted = intent.volumes.find((each) => each.volumeId === volumeId);
  const neededBytes = wanted?.sizeBytes ?? record.sizeBytes;
  const isLong = neededBytes === record.sizeBytes && (facts.sizeBytes ?? 0) >= neededBytes;
  const { isCutOff, isRevoked, isOpen } = facts;
  const isAway = words.isGoneForGood(intent.id, volumeId, isRevoked);
  // Whoever serves elsewhere by now may do so for another instance.
  const isGone = wanted === undefined && (isAway || (isCutOff && !isRevoked));
  return { volumeId, isWhole: isOpen && !isCutOff && isLong, isCutOff, hasReleased, isGone };
}
