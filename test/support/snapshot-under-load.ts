// Owns a snapshot of a volume that a real guest writes to at that moment, and the proof that what is restored from it is
// the volume of one moment: everything that was acknowledged before, and nothing that came after something it lacks.

import { ATTACH_MODE_TAG, type GuestTransport, TRANSPORT_TAG } from '@ironbark/core/io-profile.ts';
import type { CloudUnderTest } from './cloud-under-test.ts';
import type { DirectGuest } from './direct-guest.ts';
import { startFio, TROUBLE } from './guest-fio.ts';
import { untilThere } from './guest-volumes.ts';
import { type BlockInSlot, readSlots, SLOTS, startWriter } from './guest-writer.ts';
import { findDevice } from './guests.ts';
import { attachVolume, deleteVolume, detachVolume, makeVolume, untilCompleted } from './volumes.ts';

/** Where a volume's bytes are, and who drives its disk. */
export interface VolumeWay {
  backend: 'file' | 'device' | 'rbd';
  isEncrypted?: boolean;
  /** Absent: the hypervisor's host. */
  guestTransport?: GuestTransport;
}

/** The numbers of a guest's writer between which the moment of a snapshot lies. */
export interface Moment {
  /** Acknowledged before the snapshot was asked for. */
  earliest: number;
  /** Under way when it was completed, if not acknowledged. */
  latest: number;
}

/** Three seconds of writes, read back at the end: over AoE an emulated guest does little more. */
const FIO = { size: '3m', rate: '1m' };
/** A small file system and journal: what an emulated guest writes takes its time. */
const MKFS = 'mke2fs -q -t ext4 -J size=4';
const FILE_SYSTEM = '64M';
/** So that the snapshot has something to lack. */
const WRITTEN_FIRST = 3;

export function nameWay({ backend, isEncrypted, guestTransport }: VolumeWay): string {
  const where = isEncrypted === true ? `${backend}, encrypted` : backend;
  return `${where}, ${guestTransport === undefined ? 'by the host' : `${guestTransport} in the guest`}`;
}

/** Of 1 GiB. */
export function createVolumeOf(
  cloud: CloudUnderTest,
  { backend, isEncrypted, guestTransport }: VolumeWay,
  SnapshotId?: string,
): Promise<string> {
  const Tags: { Key: string; Value: string }[] = [{ Key: 'ironbark:backend', Value: backend }];
  if (guestTransport !== undefined) {
    Tags.push({ Key: ATTACH_MODE_TAG, Value: 'guest' });
    Tags.push({ Key: TRANSPORT_TAG, Value: guestTransport });
  }
  return makeVolume(cloud, {
    ...(SnapshotId === undefined ? { Size: 1 } : { SnapshotId }),
    ...(isEncrypted === true ? { Encrypted: true } : {}),
    TagSpecifications: [{ ResourceType: 'volume', Tags }],
  });
}

/** As the guest calls its disk. */
export async function attachTo(
  cloud: CloudUnderTest,
  guest: DirectGuest,
  { volumeId, way, device }: { volumeId: string; way: VolumeWay; device: string },
): Promise<string> {
  await attachVolume(cloud, volumeId, { instanceId: guest.id, device });
  return way.guestTransport === undefined
    ? await findDevice(guest.run, volumeId)
    : await untilThere(guest, volumeId);
}

export interface Life {
  way: VolumeWay;
  /** Of what is restored; as `way` when absent. */
  restoredTo?: VolumeWay;
}

/**
 * Makes a volume, has the guest write to it, takes a snapshot meanwhile, restores that and compares; throws where
 * anything is not as it has to be. Nothing of it is left but the snapshot, which is the answer.
 */
export async function checkSnapshotUnderLoad(
  cloud: CloudUnderTest,
  guest: DirectGuest,
  { way, restoredTo = way }: Life,
): Promise<string> {
  const volumeId = await createVolumeOf(cloud, way);
  const disk = await attachTo(cloud, guest, { volumeId, way, device: '/dev/sdj' });
  await guest.run(`${MKFS} ${disk} ${FILE_SYSTEM} && mkdir -p /mnt/w && mount ${disk} /mnt/w`);
  const { snapshotId, ...moment } = await snapshotWhileWriting(cloud, guest, {
    ...{ volumeId, folder: '/mnt/w' },
  });
  await guest.run('umount /mnt/w');
  await remove(cloud, volumeId);
  const restored = await createVolumeOf(cloud, restoredTo, snapshotId);
  const at = { volumeId: restored, way: restoredTo, device: '/dev/sdk' };
  await checkRestored(guest, await attachTo(cloud, guest, at), moment);
  await remove(cloud, restored);
  return snapshotId;
}

async function remove(cloud: CloudUnderTest, volumeId: string): Promise<void> {
  await detachVolume(cloud, volumeId);
  await deleteVolume(cloud, volumeId);
}

/** Throws when the guest notices anything of it. */
export async function snapshotWhileWriting(
  cloud: CloudUnderTest,
  guest: DirectGuest,
  { volumeId, folder }: { volumeId: string; folder: string },
): Promise<Moment & { snapshotId: string }> {
  const writer = await startWriter(guest, `${folder}/data`);
  const fio = await startFio(guest, { path: `${folder}/fio`, ...FIO });
  const earliest = (await writer.untilMore(WRITTEN_FIRST)).at(-1)!.number;
  const { SnapshotId } = await cloud.ec2().call('CreateSnapshot', { VolumeId: volumeId });
  await untilCompleted(cloud, SnapshotId!);
  const latest = (await writer.untilMore(1)).at(-1)!.number;
  await writer.stop();
  await fio.untilVerified();
  const trouble = await guest.run(TROUBLE);
  if (trouble !== '') throw new Error(`the guest saw trouble:\n${trouble}`);
  return { snapshotId: SnapshotId!, earliest, latest };
}

/** Mounts the disk, which replays its journal; throws unless it is whole and of that moment. */
export async function checkRestored(
  guest: DirectGuest,
  disk: string,
  moment: Moment,
): Promise<void> {
  await guest.run(`mkdir -p /mnt/r && mount ${disk} /mnt/r`);
  const found = await readSlots(guest, '/mnt/r/data');
  await guest.run(`umount /mnt/r && e2fsck -f -n ${disk}`);
  const at = findMoment(found, moment);
  if (at !== undefined) return;
  const { earliest, latest } = moment;
  throw new Error(`no moment between block ${earliest} and ${latest} had ${found.join(', ')}`);
}

/**
 * The number of the newest block that was acknowledged at a moment at which the slots can have looked so; undefined when
 * there was none. The next block was perhaps under way, and its slot may hold anything.
 */
export function findMoment(
  slots: readonly BlockInSlot[],
  { earliest, latest }: Moment,
): number | undefined {
  for (let newest = latest; newest >= earliest; newest -= 1) {
    const isSo = slots.every((found, slot) => {
      const isUnderWay = slot === (newest + 1) % SLOTS;
      const expected = newest - ((newest - slot + SLOTS) % SLOTS);
      return isUnderWay || found === (expected > 0 ? expected : 'none');
    });
    if (isSo) return newest;
  }
  return undefined;
}
