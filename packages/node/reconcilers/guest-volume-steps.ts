// Owns the effects of steps on volumes that a guest drives itself: opening the target for this guest alone, asking the
// guest to let go, and closing.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { GuestDisk, GuestTargets } from '@ironbark/protocol/internal/guest-targets.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestVolumeRecord } from '../store/records.ts';
import { GuestBusyError } from './guest-busy.ts';
import { ensurePort, type InstanceContext, primaryInterface } from './instance-context.ts';

export function guestDisk(
  intent: InstanceIntent,
  volumeId: VolumeId,
  { shelf, slot, interfaceName, socketPath, nbd }: GuestVolumeRecord,
): GuestDisk {
  const { subnetId, macAddress } = primaryInterface(intent);
  const disk = { volumeId, subnetId, macAddress, interfaceName, shelf, slot, socketPath };
  return nbd === undefined ? disk : { ...disk, nbd };
}

/** Makes it so that the guest reaches the volume, whatever has become of what was there. */
export async function serveVolume(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
): Promise<void> {
  const targets = requireTargets(context);
  const volume = await noteVolume(context, intent, volumeId);
  const disk = guestDisk(intent, volumeId, volume);
  await ensurePort(context, intent, primaryInterface(intent).id);
  await targets.open(disk);
  const { sizeBytes = 0 } = await targets.inspect(disk);
  if (sizeBytes < volume.sizeBytes) throw tooShort(volumeId);
  context.guestVolumes.changed();
}

/** 256 bits. */
const KEY_BYTES = 32;

/** Written first: what may be open has a record. */
async function noteVolume(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
): Promise<GuestVolumeRecord> {
  const { guestVolumes = {} } = context.records.find(intent.id) ?? {};
  const known = guestVolumes[volumeId];
  const wanted = intent.volumes.find((each) => each.volumeId === volumeId);
  if (wanted === undefined || wanted.source.kind !== 'nbd-unix') {
    if (known === undefined) throw new Error(`${intent.id} has no volume ${volumeId}`);
    return known;
  }
  const { deviceName, sizeBytes, source } = wanted;
  const nic = primaryInterface(intent);
  const place = context.ports.storagePlaceOf(nic);
  if (place === undefined) throw noWay();
  const { hostAddress, ...aoe } = place;
  const slot = known?.slot ?? freeSlot(Object.values(guestVolumes));
  const { socketPath } = source;
  const key = known?.nbd?.key ?? context.random.bytes(KEY_BYTES).toString('hex');
  const nbd = { hostAddress, guestAddress: nic.privateIp, key };
  const way = wanted.profile.transport === 'nbd' ? { nbd } : {};
  const volume = { ...aoe, slot, deviceName, socketPath, sizeBytes, ...way };
  await context.records.change(intent.id, {
    guestVolumes: { ...guestVolumes, [volumeId]: volume },
  });
  return volume;
}

function freeSlot(taken: readonly GuestVolumeRecord[]): number {
  const slots = new Set(taken.map(({ slot }) => slot));
  let slot = 0;
  while (slots.has(slot)) slot += 1;
  return slot;
}

export function askForVolume(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
): void {
  if (context.guestVolumes.ask(intent.id, volumeId)) return;
  throw new GuestBusyError('the guest has not let go of the volume; unmount it in the guest');
}

export async function closeVolume(
  context: InstanceContext,
  intent: InstanceIntent,
  { volumeId, isForced }: { volumeId: VolumeId; isForced: boolean },
): Promise<void> {
  const { guestVolumes = {} } = context.records.find(intent.id) ?? {};
  const { [volumeId]: volume, ...rest } = guestVolumes;
  if (volume === undefined) return;
  await requireTargets(context).close(guestDisk(intent, volumeId, volume), { isForced });
  await context.records.change(intent.id, { guestVolumes: rest });
  context.guestVolumes.forget(intent.id, volumeId);
  const hasGuest = context.records.find(intent.id)?.handle !== undefined;
  const isLast = !Object.values(rest).some((other) => hasSameWay(other, volume));
  // It may send nothing of the kind any more. The ports of one that is off are removed.
  if (!isLast || !hasGuest) return;
  await ensurePort(context, intent, primaryInterface(intent).id);
}

function hasSameWay(one: GuestVolumeRecord, other: GuestVolumeRecord): boolean {
  return (one.nbd === undefined) === (other.nbd === undefined);
}

function requireTargets({ guestTargets }: InstanceContext): GuestTargets {
  if (guestTargets !== undefined) return guestTargets;
  throw noWay();
}

function noWay(): ServiceError {
  return new ServiceError({
    kind: 'unsupported',
    resource: 'volume',
    message:
      "Guests of this node have no network in which their own driver could reach a volume: attach mode 'guest' needs a cloud that root runs.",
  });
}

function tooShort(volumeId: VolumeId): ServiceError {
  return new ServiceError({
    kind: 'unavailable',
    resource: 'volume',
    message: `${volumeId} is not served in its new length yet; the node tries again.`,
  });
}
