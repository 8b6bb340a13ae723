// Owns looking at one instance: its files, its guest, its ports and its disks as they are now.

import type { InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import { isResourceId } from '@ironbark/core/ids.ts';
import { type DiskProfile, guestProfile } from '@ironbark/core/io-profile.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestHandle, PluggedDisk } from '../drivers/hypervisor-driver.ts';
import type { InstanceRecord } from '../store/records.ts';
import type { InstanceContext } from './instance-context.ts';
import { observeGuestVolumes } from './observe-guest-volumes.ts';
import { isUp, type ObservedGuest, type ObservedInstance, SILENT } from './plan-instance.ts';

export interface InstanceView {
  observed: ObservedInstance;
  /** What the plugged disks run with. */
  disks: ReadonlyMap<string, DiskProfile>;
}

type Disks = ReadonlyMap<string, PluggedDisk>;

export async function observeInstance(
  context: InstanceContext,
  intent: InstanceIntent,
): Promise<InstanceView> {
  const files = await context.files.observe(intent);
  const guest = await observeGuest(context, intent);
  if (isUp(guest.state)) context.memory.note(intent.id, intent.memoryMib);
  else if (guest.state !== 'off') context.memory.release(intent.id);
  const disks = await observeDisks(context, intent, guest.state);
  const volumes = [...disks.keys()].filter((serial) => isResourceId('vol', serial)) as VolumeId[];
  const record = context.records.find(intent.id);
  const guestVolumes = await observeGuestVolumes(context, intent);
  const nics = await observeNics(context, intent, guest.state);
  const existing = context.ports.existingOf(intent);
  const observed: ObservedInstance = {
    ...files,
    ...(record === undefined ? {} : { record }),
    guest: guest.state,
    ...(guest.stuckReason === undefined ? {} : { stuckReason: guest.stuckReason }),
    isResumable: guest.isResumable === true,
    ports: context.ports.ensured.filter((id) => existing.includes(id)),
    strayPorts: [...existing, ...findLeft(intent, record)],
    ...(nics === undefined ? {} : { nics }),
    volumes,
    cutOff: await findCutOff(context, intent, volumes),
    short: findShort(intent, disks),
    guestVolumes,
  };
  const profiles = new Map([...disks].map(([serial, { profile }]) => [serial, profile]));
  for (const { volumeId, transport, isWhole } of guestVolumes) {
    if (isWhole) profiles.set(volumeId, guestProfile(transport));
  }
  return { observed, disks: profiles };
}

async function observeGuest(
  context: InstanceContext,
  { id }: InstanceIntent,
): Promise<{ state: ObservedGuest; stuckReason?: string; isResumable?: boolean }> {
  const known = context.records.find(id)?.handle;
  if (known === undefined) return { state: 'none' };
  const handle = await context.driver.recover(known);
  if (handle === undefined && known.pid !== 0) return { state: 'lost' };
  if (handle === undefined) {
    // A start was begun and never happened.
    await context.records.change(id, { handle: undefined });
    return { state: 'none' };
  }
  if (handle.pid !== known.pid) await adopt(context, handle);
  const status = await context.driver.inspect(handle);
  if (status.state === 'paused') {
    return { state: 'paused', stuckReason: status.reason, isResumable: status.resumable };
  }
  if (status.state === 'silent') return { state: 'silent', stuckReason: SILENT };
  if (status.state === 'running') return { state: 'running' };
  return { state: status.reason === 'guest-shutdown' ? 'off' : 'lost' };
}

/** The daemon ended between the start of this guest and the writing of its handle. */
async function adopt(context: InstanceContext, handle: GuestHandle): Promise<void> {
  const { id, startedAt } = handle;
  const upSinceMs = context.clock.monotonicMs();
  await context.records.change(id, { handle, startedAt, upSinceMs });
}

/** Interfaces that it had and that are not to be its own any more: their ports may be another's soon. */
function findLeft({ interfaces }: InstanceIntent, record: InstanceRecord | undefined) {
  const held = Object.keys(record?.nicProfiles ?? {}) as InterfaceId[];
  return held.filter((id) => !interfaces.some((each) => each.id === id));
}

/** Of a guest that makes progress: no other lets go of a card. */
async function observeNics(
  { records, driver, logger }: InstanceContext,
  { id }: InstanceIntent,
  guest: ObservedGuest,
): Promise<InterfaceId[] | undefined> {
  const handle = records.find(id)?.handle;
  if (handle === undefined || guest !== 'running') return undefined;
  try {
    return await driver.listNics(handle);
  } catch (error) {
    logger.warn('cards of a guest cannot be listed', { instance: id, error });
    return undefined;
  }
}

async function observeDisks(
  context: InstanceContext,
  { id }: InstanceIntent,
  guest: ObservedGuest,
): Promise<Disks> {
  const handle = context.records.find(id)?.handle;
  if (handle === undefined || !isUp(guest)) return new Map();
  const disks = await listDisks(context, handle, guest);
  return new Map(disks.map((disk) => [disk.serial, disk]));
}

async function listDisks(
  { driver, logger }: InstanceContext,
  handle: GuestHandle,
  guest: ObservedGuest,
) {
  if (guest === 'silent') return await driver.recallDisks(handle);
  try {
    return await driver.listDisks(handle);
  } catch (error) {
    logger.warn('disks of a guest cannot be listed', { instance: handle.id, error });
    return await driver.recallDisks(handle);
  }
}

function findShort({ volumes }: InstanceIntent, disks: Disks): VolumeId[] {
  const short = volumes.filter(({ volumeId, sizeBytes }) => {
    const seen = disks.get(volumeId)?.sizeBytes;
    return seen !== undefined && seen < sizeBytes;
  });
  return short.map(({ volumeId }) => volumeId);
}

async function findCutOff(
  context: InstanceContext,
  { id, volumes }: InstanceIntent,
  plugged: readonly VolumeId[],
): Promise<VolumeId[]> {
  const handle = context.records.find(id)?.handle;
  if (handle === undefined || plugged.length === 0) return [];
  const cutOff = await context.driver.findCutOff(handle, volumes);
  return cutOff.filter((volumeId) => plugged.includes(volumeId));
}
