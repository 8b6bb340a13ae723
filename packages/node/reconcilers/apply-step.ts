// Owns the effects of a plan's steps: each does one thing, and doing it twice is doing it once.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import type { NicProfile } from '@ironbark/core/io-profile.ts';
import { notServed } from '@ironbark/protocol/internal/block-target.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { GuestHandle } from '../drivers/hypervisor-driver.ts';
import { instanceLayout } from '../store/instance-layout.ts';
import { GuestBusyError } from './guest-busy.ts';
import { askForVolume, closeVolume, serveVolume } from './guest-volume-steps.ts';
import { ensurePort, handleOf, type InstanceContext, recordOf, uidOf } from './instance-context.ts';
import { cutNic, plugNic, removePort, unplugNic } from './nic-steps.ts';
import { type Step, sinceBoot } from './plan-instance.ts';
import { startGuest } from './start-guest.ts';

/** A guest that ran for so long did not crash because of its start. */
const LONG_RUN_MS = 10 * 60_000;

export async function applyStep(
  context: InstanceContext,
  intent: InstanceIntent,
  step: Exclude<Step, { kind: 'wait' }>,
): Promise<void> {
  const { id } = intent;
  switch (step.kind) {
    case 'make-directory':
      return makeDirectory(context, intent);
    case 'fetch-image':
      return context.files.fetchImage(intent);
    case 'link-boot-files':
      return context.files.linkBootFiles(intent);
    case 'make-root-disk':
      return context.files.makeRootDisk(intent, uidOf(context, intent));
    case 'ensure-port':
      await ensurePort(context, intent, step.interfaceId);
      return;
    case 'plug-nic':
      return plugNic(context, intent, step.interfaceId);
    case 'unplug-nic':
      return unplugNic(context, intent, step.interfaceId);
    case 'cut-nic':
      return cutNic(context, intent, step.interfaceId);
    case 'start':
      return startGuest(context, intent);
    case 'plug-volume':
      return plugVolume(context, intent, step.volumeId);
    case 'unplug-volume':
      return unplugVolume(context, intent, step.volumeId);
    case 'grow-volume':
      return growVolume(context, intent, step.volumeId);
    case 'reconnect-volume':
      return reconnectVolume(context, intent, step.volumeId);
    case 'serve-volume':
      return serveVolume(context, intent, step.volumeId);
    case 'ask-for-volume':
      return askForVolume(context, intent, step.volumeId);
    case 'close-volume':
      return closeVolume(context, intent, step);
    case 'ask-to-stop':
      return askToPowerDown(context, intent, 'stopAskedAtMs');
    case 'ask-to-reboot':
      return askToPowerDown(context, intent, 'rebootAskedAtMs');
    case 'reset':
      return resetGuest(context, intent);
    case 'resume':
      return resumeGuest(context, intent);
    case 'note-self-stop':
      return context.records.change(id, { selfStoppedGeneration: intent.generation });
    case 'note-crash':
      return noteCrash(context, intent);
    case 'forget-asking':
      return context.records.change(id, { stopAskedAtMs: undefined, lastAskedAtMs: undefined });
    case 'destroy':
      return destroyGuest(context, intent);
    case 'remove-port':
      return removePort(context, intent, step.interfaceId);
    case 'remove-directory':
      return removeDirectory(context, intent);
  }
}

async function makeDirectory(context: InstanceContext, intent: InstanceIntent): Promise<void> {
  const slot = context.slots.claim(intent.id);
  await context.files.makeDirectory(intent.id, context.users.uidOf(slot));
  if (context.records.find(intent.id) !== undefined) return;
  const nicProfiles: Record<InterfaceId, NicProfile> = {};
  const { rebootCount: rebootsDone } = intent;
  const fresh = { reachedGeneration: 0, rebootsDone, crashes: 0, nicProfiles };
  await context.records.create({ id: intent.id, slot, ...fresh });
}

async function plugVolume(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
): Promise<void> {
  const volume = intent.volumes.find((candidate) => candidate.volumeId === volumeId);
  if (volume === undefined) throw new Error(`${intent.id} has no volume ${volumeId}`);
  const { source, profile, sizeBytes } = volume;
  const disk = { serial: volumeId, source, profile, sizeBytes };
  await context.driver.attachDisk(handleOf(context, intent), disk);
}

function reconnectVolume(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
): Promise<void> {
  const isWanted = intent.volumes.some((each) => each.volumeId === volumeId);
  const fields = { instance: intent.id, volume: volumeId, isWanted };
  context.logger.warn('a guest is led to what answers for its volume now', fields);
  return context.driver.reconnectDisk(handleOf(context, intent), volumeId, intent.volumes);
}

async function growVolume(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
): Promise<void> {
  const volume = intent.volumes.find((candidate) => candidate.volumeId === volumeId);
  if (volume === undefined) throw new Error(`${intent.id} has no volume ${volumeId}`);
  const { source, sizeBytes } = volume;
  const isReady =
    source.kind !== 'nbd-unix' ||
    (context.gates?.isLongEnough({ socketPath: source.socketPath, sizeBytes }) ?? true);
  if (!isReady) throw notServed(undefined);
  await context.driver.growDisk(handleOf(context, intent), volumeId, sizeBytes);
}

async function unplugVolume(
  context: InstanceContext,
  intent: InstanceIntent,
  volumeId: VolumeId,
): Promise<void> {
  const isOut = await context.driver.detachDisk(handleOf(context, intent), volumeId);
  if (!isOut) {
    throw new GuestBusyError('the guest has not let go of the volume; unmount it in the guest');
  }
}

async function askToPowerDown(
  context: InstanceContext,
  intent: InstanceIntent,
  purpose: 'stopAskedAtMs' | 'rebootAskedAtMs',
): Promise<void> {
  const nowMs = context.clock.monotonicMs();
  const record = recordOf(context, intent);
  // Written first: a guest that powers off at our request has not stopped itself.
  const firstMs = sinceBoot(record[purpose], nowMs) ?? nowMs;
  await context.records.change(intent.id, { [purpose]: firstMs, lastAskedAtMs: nowMs });
  try {
    await context.driver.requestShutdown(handleOf(context, intent));
  } catch (error) {
    // A hypervisor that does not answer loses its guest when the time is up.
    context.logger.warn('a guest cannot be asked to power down', { instance: intent.id, error });
  }
}

async function resetGuest(context: InstanceContext, intent: InstanceIntent): Promise<void> {
  await context.driver.reset(handleOf(context, intent));
  const rebootsDone = intent.rebootCount;
  const asked = { rebootAskedAtMs: undefined, lastAskedAtMs: undefined };
  await context.records.change(intent.id, { rebootsDone, ...asked });
}

async function resumeGuest(context: InstanceContext, intent: InstanceIntent): Promise<void> {
  if (await context.driver.resume(handleOf(context, intent))) {
    context.logger.info('a guest that waited for room goes on', { instance: intent.id });
    return;
  }
  throw new ServiceError({
    kind: 'out-of-space',
    resource: 'host',
    message:
      "The guest waits: the host's disk has no room for what it writes. It goes on by itself.",
  });
}

async function noteCrash(context: InstanceContext, intent: InstanceIntent): Promise<void> {
  const record = recordOf(context, intent);
  const nowMs = context.clock.monotonicMs();
  const ranMs = nowMs - (sinceBoot(record.upSinceMs, nowMs) ?? nowMs);
  const crashes = ranMs >= LONG_RUN_MS ? 1 : record.crashes + 1;
  context.logger.warn('a guest ended without being asked to', {
    instance: intent.id,
    crashes,
  });
  await context.driver.destroy(handleOf(context, intent));
  await context.records.change(intent.id, { ...NO_GUEST, crashes, crashedAtMs: nowMs });
}

const NO_GUEST = {
  handle: undefined,
  stopAskedAtMs: undefined,
  rebootAskedAtMs: undefined,
  lastAskedAtMs: undefined,
  reachableAt: undefined,
  ssh: undefined,
};

async function destroyGuest(context: InstanceContext, intent: InstanceIntent): Promise<void> {
  const handle = handleOf(context, intent);
  await saveConsole(context, handle);
  await context.driver.destroy(handle);
  context.memory.release(intent.id);
  await context.records.change(intent.id, NO_GUEST);
}

/** The guest's last words; a hypervisor that does not answer takes them with it. */
export async function saveConsole(context: InstanceContext, handle: GuestHandle): Promise<void> {
  try {
    await context.console.append(handle.id, await context.driver.drainConsole(handle));
  } catch (error) {
    context.logger.debug('console output cannot be read', { instance: handle.id, error });
  }
}

async function removeDirectory(context: InstanceContext, intent: InstanceIntent): Promise<void> {
  const { handle } = context.records.find(intent.id) ?? {};
  if (handle !== undefined && (await context.driver.recover(handle)) !== undefined) {
    throw new ServiceError({
      kind: 'incorrect-state',
      resource: 'instance',
      message: `${intent.id} still runs; its files stay.`,
      cause: instanceLayout(context.dataDir, intent.id).directory,
    });
  }
  await context.files.removeDirectory(intent.id);
  context.records.drop(intent.id);
  context.slots.release(intent.id);
}
