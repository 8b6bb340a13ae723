// Owns the plan of one instance: from what is desired and what is observed to the steps between them. Pure.
//
//   desired running:    directory -> image -> boot files -> root disk -> start (with its ports) -> cards, volumes
//                       (a root disk that is a volume is opened by the start)
//   desired stopped:    ask the guest, wait, destroy -> ports
//   desired terminated: (ask while volumes are plugged) destroy -> ports -> directory
//
// First of all, whatever is desired, a guest is led back to volumes whose target was started again, and to errors where
// one was taken from it by force: its requests wait for that, also those with which it shuts down.
//
// A guest that powers itself off under an intent that says running stays off until that intent changes, as EC2's
// does; one whose process ended otherwise is started again, each time a little later.

import type { InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import type { InstanceIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { InstanceRecord } from '../store/records.ts';
import {
  type GuestVolumeStep,
  type ObservedGuestVolume,
  planGuestClosing,
  planGuestRepairs,
  planGuestVolumes,
} from './plan-guest-volumes.ts';

export type Step =
  | { kind: 'make-directory' }
  | { kind: 'fetch-image' }
  | { kind: 'link-boot-files' }
  | { kind: 'make-root-disk' }
  | { kind: 'ensure-port'; interfaceId: InterfaceId }
  | { kind: 'plug-nic'; interfaceId: InterfaceId }
  | { kind: 'unplug-nic'; interfaceId: InterfaceId }
  | { kind: 'cut-nic'; interfaceId: InterfaceId }
  | { kind: 'start' }
  | { kind: 'plug-volume'; volumeId: VolumeId }
  | { kind: 'unplug-volume'; volumeId: VolumeId }
  | { kind: 'reconnect-volume'; volumeId: VolumeId }
  | { kind: 'grow-volume'; volumeId: VolumeId }
  | GuestVolumeStep
  | { kind: 'ask-to-stop' }
  | { kind: 'ask-to-reboot' }
  | { kind: 'reset' }
  | { kind: 'resume' }
  | { kind: 'note-self-stop' }
  | { kind: 'note-crash' }
  | { kind: 'forget-asking' }
  | { kind: 'destroy' }
  | { kind: 'remove-port'; interfaceId: InterfaceId }
  | { kind: 'remove-directory' }
  | { kind: 'wait'; untilMs: number; what: string };

/**
 * `silent`: its process lives and does not answer; `off`: it powered itself off and its process is kept; `lost`: its
 * process ended otherwise.
 */
export type ObservedGuest = 'none' | 'running' | 'silent' | 'paused' | 'off' | 'lost';

/** The guest has its processors and disks, whether it makes progress or not. */
export function isUp(guest: ObservedGuest): boolean {
  return guest === 'running' || guest === 'silent' || guest === 'paused';
}

/** The guest is up and makes no progress, as far as can be told. */
export function isStuck(guest: ObservedGuest): boolean {
  return guest === 'silent' || guest === 'paused';
}

export interface ObservedInstance {
  /** The instance's folder, however incomplete. */
  hasDirectory: boolean;
  record?: InstanceRecord;
  guest: ObservedGuest;
  /** Why a guest that is up makes no progress; for people. */
  stuckReason?: string;
  /** It is paused and may go on. */
  isResumable: boolean;
  hasBootFiles: boolean;
  hasRootDisk: boolean;
  isImageCached: boolean;
  /** Ports that exist and that this process has ensured. */
  ports: readonly InterfaceId[];
  /** Ports that exist at all, and those that it had and is to have no longer. */
  strayPorts: readonly InterfaceId[];
  /** Cards that the guest has; undefined while that cannot be told. */
  nics?: readonly InterfaceId[];
  volumes: readonly VolumeId[];
  /** Plugged ones to whose target the guest has no way. */
  cutOff: readonly VolumeId[];
  /** Plugged ones that are longer in the intent than the guest sees them. */
  short: readonly VolumeId[];
  /** Those that the guest's own driver has, or that may be open to it. */
  guestVolumes: readonly ObservedGuestVolume[];
}

/** EC2 pulls the plug after a few minutes; emulated guests with systemd take half a minute to stop. */
export const STOP_GRACE_MS = 90_000;
export const REBOOT_GRACE_MS = 90_000;
/** The root disk goes away, so only volumes need the guest to write out what it holds. */
export const TERMINATE_GRACE_MS = 20_000;
/** A guest that was still booting has not noticed the power button. */
const ASK_AGAIN_MS = 5_000;
/** Waiting for an answer takes seconds itself. */
const SILENT_AGAIN_MS = 10_000;
export const SILENT = 'the hypervisor does not answer; the guest may still run';
const RESTART_START_MS = 1_000;
const RESTART_LIMIT_MS = 5 * 60_000;

/** `nowMs` is of the clock that never jumps, as are the times in the record. */
export function planInstance(
  desired: InstanceIntent,
  observed: ObservedInstance,
  nowMs: number,
): Step[] {
  const reconnect = observed.cutOff.map(
    (volumeId): Step => ({ kind: 'reconnect-volume', volumeId }),
  );
  const repairs = isUp(observed.guest) ? planGuestRepairs(desired, observed.guestVolumes) : [];
  return [...reconnect, ...repairs, ...planPower(desired, observed, nowMs)];
}

function planPower(desired: InstanceIntent, observed: ObservedInstance, nowMs: number): Step[] {
  switch (desired.power) {
    case 'running':
      return planRunning(desired, observed, nowMs);
    case 'stopped':
      return planStopped(desired, observed, nowMs);
    case 'terminated':
      return planTerminated(observed, nowMs);
  }
}

function planRunning(desired: InstanceIntent, observed: ObservedInstance, nowMs: number): Step[] {
  switch (observed.guest) {
    case 'running':
      return planLive(desired, observed, nowMs);
    case 'silent':
      return [{ kind: 'wait', untilMs: nowMs + SILENT_AGAIN_MS, what: SILENT }];
    case 'paused':
      return when(observed.isResumable, { kind: 'resume' });
    case 'off':
      return planAfterPowerOff(desired, observed, nowMs);
    case 'lost':
      return [{ kind: 'note-crash' }, ...planStart(desired, observed, nowMs)];
    case 'none':
      return isSelfStopped(desired, observed)
        ? leaveNetwork(observed)
        : planStart(desired, observed, nowMs);
  }
}

function isSelfStopped(desired: InstanceIntent, observed: ObservedInstance): boolean {
  return observed.record?.selfStoppedGeneration === desired.generation;
}

function planAfterPowerOff(
  desired: InstanceIntent,
  observed: ObservedInstance,
  nowMs: number,
): Step[] {
  const record = observed.record;
  if (record?.rebootAskedAtMs !== undefined) return [{ kind: 'reset' }];
  if (isSelfStopped(desired, observed)) return [{ kind: 'destroy' }, ...leaveNetwork(observed)];
  // We asked for it, and then the instance was wanted again; or it stayed off under an older intent.
  if (record?.stopAskedAtMs !== undefined || record?.selfStoppedGeneration !== undefined) {
    return [{ kind: 'destroy' }, ...planStart(desired, observed, nowMs)];
  }
  return [{ kind: 'note-self-stop' }, { kind: 'destroy' }, ...leaveNetwork(observed)];
}

function planStart(desired: InstanceIntent, observed: ObservedInstance, nowMs: number): Step[] {
  // The start writes down anew which ports it has.
  const left = removeLeftPorts(desired, observed);
  const startAtMs = restartAtMs(observed.record, nowMs);
  if (startAtMs > nowMs) {
    const what = 'it crashed and is started again later';
    return [...left, { kind: 'wait', untilMs: startAtMs, what }];
  }
  // Its ports are a part of the start: only there is it certain that no guest has them open.
  return [...left, ...planFiles(desired, observed), { kind: 'start' }];
}

/** The first crash is repaired at once, the next ones at growing intervals. */
function restartAtMs(record: InstanceRecord | undefined, nowMs: number): number {
  const crashedAtMs = sinceBoot(record?.crashedAtMs, nowMs);
  if (record === undefined || crashedAtMs === undefined || record.crashes < 2) return 0;
  const delayMs = RESTART_START_MS * 2 ** Math.min(record.crashes - 2, 20);
  return crashedAtMs + Math.min(delayMs, RESTART_LIMIT_MS);
}

/** Undefined for a time in the future: it was written before the host restarted and its clock began anew. */
export function sinceBoot(atMs: number | undefined, nowMs: number): number | undefined {
  return atMs !== undefined && atMs <= nowMs ? atMs : undefined;
}

function planFiles(desired: InstanceIntent, observed: ObservedInstance): Step[] {
  const needsBootFiles = desired.image.kernel !== undefined && !observed.hasBootFiles;
  const needsImage = needsBootFiles || !observed.hasRootDisk;
  return [
    ...when(observed.record === undefined, { kind: 'make-directory' }),
    ...when(needsImage && !observed.isImageCached, { kind: 'fetch-image' }),
    ...when(needsBootFiles, { kind: 'link-boot-files' }),
    ...when(!observed.hasRootDisk, { kind: 'make-root-disk' }),
  ];
}

function ensurePorts(wanted: readonly InterfaceId[], { ports }: ObservedInstance): Step[] {
  return wanted
    .filter((id) => !ports.includes(id))
    .map((interfaceId) => ({ kind: 'ensure-port', interfaceId }));
}

/**
 * A card that goes is out of the guest before its port goes. One that comes gets its port when it is plugged: a port
 * that cannot be made holds up nothing else of the guest.
 */
function planNics(desired: InstanceIntent, observed: ObservedInstance): Step[] {
  const { nics, strayPorts } = observed;
  const wanted = desired.interfaces.map(({ id }) => id);
  if (nics === undefined) return ensurePorts(wanted, observed);
  const cut = (desired.cutInterfaces ?? []).filter(
    (id) => nics.includes(id) && strayPorts.includes(id),
  );
  const dead = deadCards(desired, observed);
  const leaving = nics.filter((id) => !wanted.includes(id) && !cut.includes(id));
  const loose = strayPorts.filter((id) => !wanted.includes(id) && !nics.includes(id));
  const present = wanted.filter((id) => nics.includes(id) && !dead.includes(id));
  const absent = wanted.filter((id) => !nics.includes(id));
  return [
    ...cut.map((interfaceId): Step => ({ kind: 'cut-nic', interfaceId })),
    ...[...leaving, ...dead].map((interfaceId): Step => ({ kind: 'unplug-nic', interfaceId })),
    ...loose.map(removePort),
    ...ensurePorts(present, observed),
    ...absent.map((interfaceId): Step => ({ kind: 'plug-nic', interfaceId })),
  ];
}

/** Taken from the guest by force and wanted again: the guest has to let go of what is left of them first. */
export function deadCards(
  { interfaces }: InstanceIntent,
  { nics = [], record }: ObservedInstance,
): InterfaceId[] {
  // What every card has that came with the guest or was plugged since.
  const written = record?.nicProfiles ?? {};
  const dead = interfaces.filter(({ id, deviceIndex }) => deviceIndex > 0 && !(id in written));
  return dead.map(({ id }) => id).filter((id) => nics.includes(id));
}

function planLive(desired: InstanceIntent, observed: ObservedInstance, nowMs: number): Step[] {
  return [
    ...when(isStopForgotten(observed.record, nowMs), { kind: 'forget-asking' }),
    ...planNics(desired, observed),
    ...planReboot(desired, observed, nowMs),
    ...planVolumes(desired, observed),
  ];
}

/** It was asked to stop, was wanted again before it did, and has shown by now that it ignores the request. */
function isStopForgotten(record: InstanceRecord | undefined, nowMs: number): boolean {
  if (record?.stopAskedAtMs === undefined) return false;
  const askedAtMs = sinceBoot(record.stopAskedAtMs, nowMs);
  return askedAtMs === undefined || nowMs >= askedAtMs + STOP_GRACE_MS;
}

function planReboot(desired: InstanceIntent, observed: ObservedInstance, nowMs: number): Step[] {
  const record = observed.record;
  if (record === undefined || record.rebootsDone >= desired.rebootCount) return [];
  const asked = { firstMs: record.rebootAskedAtMs, lastMs: record.lastAskedAtMs };
  return askUntil(asked, { graceMs: REBOOT_GRACE_MS, nowMs }, 'ask-to-reboot', 'reset');
}

function planVolumes(desired: InstanceIntent, observed: ObservedInstance): Step[] {
  const hosts = desired.volumes.filter(({ profile }) => profile.attachMode === 'host');
  const wanted = hosts.map(({ volumeId }) => volumeId);
  // A guest that runs cannot be without its root disk, whatever it is said to have.
  const unplug = observed.volumes.filter(
    (id) => !wanted.includes(id) && id !== desired.rootDisk.volumeId,
  );
  const plug = wanted.filter((id) => !observed.volumes.includes(id));
  return [
    ...unplug.map((volumeId): Step => ({ kind: 'unplug-volume', volumeId })),
    ...plug.map((volumeId): Step => ({ kind: 'plug-volume', volumeId })),
    ...observed.short.map((volumeId): Step => ({ kind: 'grow-volume', volumeId })),
    ...planGuestVolumes(desired, observed.guestVolumes),
  ];
}

function planStopped(desired: InstanceIntent, observed: ObservedInstance, nowMs: number): Step[] {
  if (observed.guest === 'none') return leaveNetwork(observed);
  const asksFirst = isAskable(observed) && !desired.forceStop;
  const ending = asksFirst ? askToStop(observed, STOP_GRACE_MS, nowMs) : [DESTROY];
  return [...ending, ...leaveNetwork(observed)];
}

function planTerminated(observed: ObservedInstance, nowMs: number): Step[] {
  const volumes = observed.volumes.length + observed.guestVolumes.length;
  const asksFirst = isAskable(observed) && volumes > 0;
  const ending = asksFirst ? askToStop(observed, TERMINATE_GRACE_MS, nowMs) : [DESTROY];
  return [
    ...(observed.guest === 'none' ? [] : ending),
    ...leaveNetwork(observed),
    ...when(observed.hasDirectory, { kind: 'remove-directory' }),
  ];
}

/** One that does not answer now may do so before its time is up. */
function isAskable({ guest }: ObservedInstance): boolean {
  return guest === 'running' || guest === 'silent';
}

const DESTROY: Step = { kind: 'destroy' };

function askToStop(observed: ObservedInstance, graceMs: number, nowMs: number): Step[] {
  const record = observed.record;
  const asked = { firstMs: record?.stopAskedAtMs, lastMs: record?.lastAskedAtMs };
  return askUntil(asked, { graceMs, nowMs }, 'ask-to-stop', 'destroy');
}

/** Asks the guest, again from time to time, and insists when its time is up. */
function askUntil(
  asked: { firstMs: number | undefined; lastMs: number | undefined },
  time: { graceMs: number; nowMs: number },
  ask: 'ask-to-stop' | 'ask-to-reboot',
  insist: 'destroy' | 'reset',
): Step[] {
  const askedAtMs = sinceBoot(asked.firstMs, time.nowMs);
  const firstMs = askedAtMs ?? time.nowMs;
  const deadlineMs = firstMs + time.graceMs;
  if (time.nowMs >= deadlineMs) return [{ kind: insist }];
  const againMs = (asked.lastMs ?? firstMs) + ASK_AGAIN_MS;
  const isDue = askedAtMs === undefined || time.nowMs >= againMs;
  const untilMs = Math.min(deadlineMs, isDue ? time.nowMs + ASK_AGAIN_MS : againMs);
  const wait: Step = { kind: 'wait', untilMs, what: 'the guest has been asked to power down' };
  return isDue ? [{ kind: ask }, wait] : [wait];
}

/** Of a guest that is off by then: what it reached over its ports is closed before they go. */
function leaveNetwork(observed: ObservedInstance): Step[] {
  return [...planGuestClosing(observed.guestVolumes), ...removePorts(observed)];
}

function removePorts(observed: ObservedInstance): Step[] {
  return observed.strayPorts.map(removePort);
}

function removeLeftPorts({ interfaces }: InstanceIntent, { strayPorts }: ObservedInstance): Step[] {
  return strayPorts.filter((id) => !interfaces.some((each) => each.id === id)).map(removePort);
}

function removePort(interfaceId: InterfaceId): Step {
  return { kind: 'remove-port', interfaceId };
}

function when(condition: boolean, step: Step): Step[] {
  return condition ? [step] : [];
}
