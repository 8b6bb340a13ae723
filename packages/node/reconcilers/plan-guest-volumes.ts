// Owns the plan of the volumes that a guest drives itself: opened to it, repaired whatever becomes of what serves them,
// closed once it has let go. Pure.
//
//   attach:  serve -> (the guest is told by its list)
//   detach:  ask -> the guest says released -> close; at once when it is off, or nobody serves the volume any more

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { GuestTransport } from '@ironbark/core/io-profile.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';

export type GuestVolumeStep =
  | { kind: 'serve-volume'; volumeId: VolumeId }
  | { kind: 'ask-for-volume'; volumeId: VolumeId }
  | { kind: 'close-volume'; volumeId: VolumeId; isForced: boolean };

export interface ObservedGuestVolume {
  volumeId: VolumeId;
  transport: GuestTransport;
  /** The guest is answered, by what is served now, in the volume's whole length. */
  isWhole: boolean;
  /** The target leads to where the volume was served before. */
  isCutOff: boolean;
  hasReleased: boolean;
  /** Nobody serves it any more: it was taken away by force. */
  isGone: boolean;
}

/** Of a guest that is up. */
export function planGuestVolumes(
  desired: InstanceIntent,
  observed: readonly ObservedGuestVolume[],
): GuestVolumeStep[] {
  const wanted = desired.volumes.filter(({ profile }) => profile.attachMode === 'guest');
  const wantedIds = new Set(wanted.map(({ volumeId }) => volumeId));
  const known = new Set(observed.map(({ volumeId }) => volumeId));
  const leaving = observed.filter(({ volumeId }) => !wantedIds.has(volumeId));
  return [...leaving.map(planLeaving), ...[...wantedIds].filter((id) => !known.has(id)).map(serve)];
}

/**
 * Requests of the guest wait for these, whatever is desired of it: also those with which it shuts down. One that is to
 * go is led nowhere else: what serves its volume now may do so for another instance.
 */
export function planGuestRepairs(
  desired: InstanceIntent,
  observed: readonly ObservedGuestVolume[],
): GuestVolumeStep[] {
  const isWanted = (id: VolumeId) => desired.volumes.some(({ volumeId }) => volumeId === id);
  const broken = observed.filter((each) => !each.isWhole && !each.isGone && !each.hasReleased);
  const safe = broken.filter(({ volumeId, isCutOff }) => !isCutOff || isWanted(volumeId));
  return safe.map(({ volumeId }) => serve(volumeId));
}

/** Of a guest that is off. */
export function planGuestClosing(observed: readonly ObservedGuestVolume[]): GuestVolumeStep[] {
  return observed.map(({ volumeId }) => ({ kind: 'close-volume', volumeId, isForced: false }));
}

function planLeaving({ volumeId, hasReleased, isGone }: ObservedGuestVolume): GuestVolumeStep {
  if (hasReleased) return { kind: 'close-volume', volumeId, isForced: false };
  if (isGone) return { kind: 'close-volume', volumeId, isForced: true };
  return { kind: 'ask-for-volume', volumeId };
}

function serve(volumeId: VolumeId): GuestVolumeStep {
  return { kind: 'serve-volume', volumeId };
}
