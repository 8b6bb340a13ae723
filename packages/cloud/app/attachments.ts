// Owns the rules of attaching volumes to instances and detaching them.

import type { InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import { INSTANCE_ALLOWS } from '@ironbark/core/states.ts';
import {
  findAttachment,
  insertAttachment,
  listAttachmentsOf,
  listAttachmentsOfVolume,
  updateAttachment,
} from '../store/attachments.ts';
import { findInstance } from '../store/instances.ts';
import { listInterfacesOf } from '../store/network-interfaces.ts';
import type { AttachmentRow, InstanceRow, VolumeRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listTagsOf } from '../store/tags.ts';
import { attachWayOf, checkGuestMode, refuseGuestRoot } from './attach-modes.ts';
import type { Caller, Change } from './change.ts';
import { viewState } from './instance-view.ts';
import { getInstance, isRootOf } from './instances.ts';
import { invalidValue, refuse } from './refusals.ts';
import { checkSharedUse, checkSharing, requireInstance } from './shared-volumes.ts';
import { checkVolumesReach } from './volume-reach.ts';
import { viewVolumeState } from './volume-view.ts';
import { getVolume } from './volumes.ts';

/** The names that EC2 takes for volumes (EC2 User Guide, "Device names"), in the forms of its clients. */
const DEVICE_NAME = /^(?:\/dev\/)?(?:sd|xvd|vd|hd)[a-z]{1,2}\d{0,2}$/;
export const MAX_VOLUMES = 26;
/** A guest of ours has 30 PCI slots, two of them its own; EC2's Nitro instances have as many. */
const MAX_ATTACHED = 28;

export function checkDeviceName(name: string): string {
  if (DEVICE_NAME.test(name)) return name;
  throw invalidValue(
    'device',
    name.slice(0, 100),
    `It is not a valid device name; use /dev/sd[f-p].`,
  );
}

export async function attachVolume(
  caller: Caller,
  change: Change,
  wanted: { volumeId: VolumeId; instanceId: InstanceId; deviceName: string },
): Promise<AttachmentRow> {
  const { tx, nowMs, touched } = change;
  const { volumeId, instanceId, deviceName } = wanted;
  const instance = await getInstance(tx, caller, instanceId);
  const volume = await getFreeVolume(caller, tx, volumeId, instance);
  checkInstanceTakesVolumes(instance);
  await checkDeviceFree(tx, instance, deviceName);
  const way = attachWayOf(await listTagsOf(tx, volumeId));
  const { attachMode } = way;
  const isRoot = isRootOf(instance, { deviceName });
  await checkVolumesReach(tx, instance, { ...volume, attachMode });
  checkSharedUse(volume, { attachMode, isRoot });
  if (isRoot) refuseGuestRoot(attachMode);
  await checkGuestMode(tx, attachMode, instance);
  await insertAttachment(tx, {
    volumeId,
    accountId: caller.accountId,
    instanceId,
    deviceName,
    deleteOnTermination: 0,
    desired: 'attached',
    force: 0,
    observed: 'attaching',
    createdAt: nowMs,
    ...way,
    shared: volume.multiAttachEnabled,
  });
  touched.volumes.add(volumeId);
  return (await findAttachment(tx, { volumeId, instanceId }))!;
}

/** Free for this instance, whoever else has it. */
async function getFreeVolume(
  caller: Caller,
  tx: Queries,
  volumeId: VolumeId,
  instance: InstanceRow,
): Promise<VolumeRow> {
  const volume = await getVolume(tx, caller, volumeId);
  checkSharing(volume, await listAttachmentsOfVolume(tx, volumeId), instance.id);
  const state = viewVolumeState(volume, undefined);
  if (state !== 'available') {
    throw refuse(
      'incorrect-state',
      'volume',
      `Volume '${volumeId}' is '${state}', not 'available'.`,
    );
  }
  if (volume.zone === instance.zone) return volume;
  throw refuse(
    'zone-mismatch',
    'volume',
    `The volume '${volumeId}' is not in the same availability zone as instance '${instance.id}'.`,
  );
}

function checkInstanceTakesVolumes(instance: InstanceRow): void {
  const state = viewState(instance);
  if (INSTANCE_ALLOWS[state].includes('attach-volume')) return;
  throw refuse(
    'incorrect-state',
    'instance',
    `Instance '${instance.id}' is '${state}'; volumes can be attached while it is 'running' or 'stopped'.`,
  );
}

async function checkDeviceFree(
  tx: Queries,
  instance: InstanceRow,
  deviceName: string,
): Promise<void> {
  const others = await listAttachmentsOf(tx, instance.id);
  // The name of a root disk that is a volume is free while none is attached there.
  const isLocal = instance.rootDeviceType === 'instance-store';
  const isTaken = isLocal && deviceName === instance.rootDeviceName;
  if (isTaken || others.some((other) => other.deviceName === deviceName)) {
    throw refuse(
      'in-use',
      'device',
      `Invalid value '${deviceName}' for unixDevice. Attachment point ${deviceName} is already in use.`,
    );
  }
  checkVolumeCount(others.length + 1);
  const { length: cards } = await listInterfacesOf(tx, instance.id);
  checkSlots(cards + others.length + 1);
}

/** For the interfaces and volumes together that an instance would have then. */
export function checkSlots(attached: number): void {
  if (attached <= MAX_ATTACHED) return;
  throw refuse(
    'limit-exceeded',
    'attachment',
    `An instance can have ${MAX_ATTACHED} network interfaces and volumes attached, together.`,
  );
}

/** For what an instance would have then. */
export function checkVolumeCount(count: number): void {
  if (count <= MAX_VOLUMES) return;
  throw refuse(
    'limit-exceeded',
    'attachment',
    `An instance can have ${MAX_VOLUMES} volumes attached.`,
  );
}

export async function detachVolume(
  caller: Caller,
  { tx, touched }: Change,
  wanted: {
    volumeId: VolumeId;
    instanceId: InstanceId | undefined;
    deviceName: string | undefined;
    force: boolean;
  },
): Promise<AttachmentRow> {
  const { volumeId, instanceId, deviceName, force } = wanted;
  const volume = await getVolume(tx, caller, volumeId);
  const present = await listAttachmentsOfVolume(tx, volumeId);
  requireInstance(volume, present, instanceId);
  const own = present.find((one) => one.instanceId === instanceId);
  const attachment = own ?? present[0];
  if (attachment === undefined) {
    throw refuse('incorrect-state', 'volume', `Volume '${volumeId}' is in the 'available' state.`);
  }
  const isOther =
    (instanceId !== undefined && instanceId !== attachment.instanceId) ||
    (deviceName !== undefined && deviceName !== attachment.deviceName);
  if (isOther) throw notThere(wanted, attachment);
  if (attachment.desired === 'detached' && (!force || attachment.force === 1)) return attachment;
  checkNotRootInUse(await findInstance(tx, attachment.instanceId), attachment);
  await updateAttachment(tx, attachment, { desired: 'detached', ...(force ? { force: 1 } : {}) });
  touched.volumes.add(volumeId);
  return { ...attachment, desired: 'detached' };
}

/** Force does not help: no guest can be without its root disk. */
function checkNotRootInUse(instance: InstanceRow | undefined, attachment: AttachmentRow): void {
  if (instance === undefined || !isRootOf(instance, attachment)) return;
  if (['stopped', 'terminated'].includes(viewState(instance))) return;
  throw refuse(
    'incorrect-state',
    'volume',
    `Unable to detach root volume '${attachment.volumeId}' from instance '${instance.id}'. Stop the instance first.`,
  );
}

function notThere(
  wanted: {
    volumeId: VolumeId;
    instanceId: InstanceId | undefined;
    deviceName: string | undefined;
  },
  attachment: AttachmentRow,
): Error {
  const instanceId = wanted.instanceId ?? attachment.instanceId;
  const place = wanted.deviceName === undefined ? '' : ` as device ${wanted.deviceName}`;
  return refuse(
    'not-attached',
    'attachment',
    `The volume ${wanted.volumeId} is not attached to instance ${instanceId}${place}`,
  );
}
