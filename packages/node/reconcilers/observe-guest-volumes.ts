// Owns looking at the volumes that a guest drives itself: what is open to it, and what it has said.

import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import type { DiskWork } from '@ironbark/protocol/internal/guest-targets.ts';
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

/** What a guest that runs has done with them; those that are not open are missing. */
export async function readGuestWork(
  context: InstanceContext,
  instanceId: InstanceId,
): Promise<{ volumeId: VolumeId; work: DiskWork }[]> {
  const intent = context.intents.find(instanceId);
  const { guestVolumes = {} } = context.records.find(instanceId) ?? {};
  const entries = Object.entries(guestVolumes) as [VolumeId, GuestVolumeRecord][];
  if (intent === undefined || entries.length === 0) return [];
  const facts = await Promise.all(
    entries.map(([id, record]) => context.guestTargets?.inspect(guestDisk(intent, id, record))),
  );
  return entries.flatMap(([volumeId], at) => {
    const work = facts[at]?.work;
    return work === undefined ? [] : [{ volumeId, work }];
  });
}

async function observe(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
  record: GuestVolumeRecord,
): Promise<ObservedGuestVolume> {
  const { guestTargets, guestVolumes: words } = context;
  const transport = record.nbd === undefined ? 'aoe' : 'nbd';
  const facts = await guestTargets?.inspect(guestDisk(intent, volumeId, record));
  const hasReleased = words.hasReleased(intent.id, volumeId);
  if (facts === undefined) {
    return { volumeId, transport, isWhole: false, isCutOff: true, hasReleased, isGone: true };
  }
  const wanted = intent.volumes.find((each) => each.volumeId === volumeId);
  const neededBytes = wanted?.sizeBytes ?? record.sizeBytes;
  const isLong = neededBytes === record.sizeBytes && (facts.sizeBytes ?? 0) >= neededBytes;
  const { isCutOff, isRevoked, isOpen } = facts;
  const isAway = words.isGoneForGood(intent.id, volumeId, isRevoked);
  // Whoever serves elsewhere by now may do so for another instance.
  const isGone = wanted === undefined && (isAway || (isCutOff && !isRevoked));
  const isWhole = isOpen && !isCutOff && isLong;
  return { volumeId, transport, isWhole, isCutOff, hasReleased, isGone };
}
