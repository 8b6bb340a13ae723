// Owns what a node tells the cloud about one instance: a pure function of intent, observation, plan and failures.

import type { InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import { isolatesTenants } from '@ironbark/core/tenancy.ts';
import type {
  InstanceIntent,
  InstanceObservation,
  InterfaceObservation,
  ObservedPower,
  VolumeObservation,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type { DriverFingerprint } from '../drivers/hypervisor-driver.ts';
import { deadCards, isStuck, isUp, type ObservedInstance, type Step } from './plan-instance.ts';

/** What went wrong with an instance since it last made progress. */
export interface Trouble {
  /** The generation that failed for good; the node waits for another one. */
  failedGeneration?: number;
  /** For people. */
  reason?: string;
  volumes: ReadonlyMap<VolumeId, { reason: string; failures: number }>;
}

export interface ObservationInput {
  desired: InstanceIntent;
  observed: ObservedInstance;
  /** What is still to be done. */
  plan: readonly Step[];
  trouble: Trouble;
  fingerprint: DriverFingerprint;
  /** What the plugged disks run with, `root` and volume ids. */
  disks: ReadonlyMap<string, DiskProfile>;
}

/** A volume that was refused so often is shown as failed, though the node goes on trying. */
const VOLUME_FAILURES_SHOWN = 3;

export function renderObservation(input: ObservationInput): InstanceObservation {
  const { desired, observed, fingerprint } = input;
  const record = observed.record;
  const hasGuest = isUp(observed.guest);
  const rootProfile = hasGuest ? input.disks.get(desired.rootDisk.volumeId ?? 'root') : undefined;
  const reason = renderReason(input);
  return {
    id: desired.id,
    generation: renderGeneration(input),
    power: renderPower(input),
    ...(reason === undefined ? {} : { reason }),
    ...(isStuck(observed.guest) ? { isStuck: true } : {}),
    rebootCount: record?.rebootsDone ?? 0,
    ...(hasGuest && record?.startedAt !== undefined ? { startedAt: record.startedAt } : {}),
    ...(hasGuest && record?.reachableAt !== undefined ? { reachableAt: record.reachableAt } : {}),
    hypervisor: fingerprint.hypervisor,
    accelerator: fingerprint.accelerator,
    isolatesTenants: isolatesTenants(fingerprint.accelerator),
    ...(rootProfile === undefined ? {} : { rootDiskProfile: rootProfile }),
    volumes: renderVolumes(input),
    heardGeneration: desired.generation,
    interfaces: renderInterfaces(input),
    ...(hasGuest && record?.ssh !== undefined ? { ssh: record.ssh } : {}),
  };
}

/** A failure is final for its generation, so the observation speaks of that one. */
function renderGeneration({ desired, observed, plan, trouble }: ObservationInput): number {
  const isSettled = plan.length === 0 || trouble.failedGeneration === desired.generation;
  return isSettled ? desired.generation : (observed.record?.reachedGeneration ?? 0);
}

function renderPower({ desired, observed, plan, trouble }: ObservationInput): ObservedPower {
  if (trouble.failedGeneration === desired.generation) return 'failed';
  switch (desired.power) {
    case 'terminated':
      return plan.length === 0 ? 'terminated' : 'stopping';
    case 'stopped':
      return plan.length === 0 ? 'stopped' : 'stopping';
    case 'running':
      return isUp(observed.guest) ? 'running' : renderComingUp(desired, observed, plan);
  }
}

/** A guest that has gone off because it was to reboot goes on at once: to its user it has run all the time. */
function renderComingUp(
  desired: InstanceIntent,
  observed: ObservedInstance,
  plan: readonly Step[],
): ObservedPower {
  const isSelfStopped = observed.record?.selfStoppedGeneration === desired.generation;
  if (isSelfStopped) return plan.length === 0 ? 'stopped' : 'stopping';
  if (observed.guest === 'off') return plan[0]?.kind === 'reset' ? 'running' : 'stopping';
  return plan.some(({ kind }) => PREPARATIONS.has(kind)) ? 'preparing' : 'starting';
}

const PREPARATIONS: ReadonlySet<Step['kind']> = new Set([
  'make-directory',
  'fetch-image',
  'link-boot-files',
  'make-root-disk',
]);

function renderReason({ desired, observed, plan, trouble }: ObservationInput): string | undefined {
  if (trouble.reason !== undefined) return trouble.reason;
  if (isStuck(observed.guest)) return observed.stuckReason;
  const isSelfStopped = observed.record?.selfStoppedGeneration === desired.generation;
  if (isSelfStopped && desired.power === 'running') return 'the guest powered itself off';
  const first = plan[0];
  return first?.kind === 'wait' ? first.what : undefined;
}

/**
 * As with volumes: what a guest that is off is to have counts as attached. While nobody can tell what a guest has, the
 * record says what may have to leave, and never what has come: a card is written down before it is plugged.
 */
function renderInterfaces({ desired, observed }: ObservationInput): InterfaceObservation[] {
  const isLive = isUp(observed.guest);
  const profiles = observed.record?.nicProfiles ?? {};
  const { nics, strayPorts } = observed;
  const dead = deadCards(desired, observed);
  const wanted = desired.interfaces.map(({ id }): InterfaceObservation => {
    const profile = isLive ? profiles[id] : undefined;
    const isThere = nics?.includes(id) && !dead.includes(id);
    const state = !isLive || isThere ? 'attached' : 'attaching';
    return { id, state, ...(profile === undefined ? {} : { profile }) };
  });
  // Without its port and its record a card that the guest still has is nobody's: it was taken by force.
  const present = nics?.filter((id) => id in profiles) ?? (Object.keys(profiles) as InterfaceId[]);
  const held = new Set([...(isLive ? present : []), ...strayPorts]);
  const leaving = [...held].filter((id) => !desired.interfaces.some((each) => each.id === id));
  return [...wanted, ...leaving.map((id) => ({ id, state: 'detaching' }) as const)];
}

/** A volume of a guest that is off counts as attached: it is plugged when the guest starts. */
function renderVolumes(input: ObservationInput): VolumeObservation[] {
  const { desired, observed } = input;
  const wanted = desired.power === 'terminated' ? [] : desired.volumes;
  const wantedIds = wanted.map(({ volumeId }) => volumeId);
  const guests = isUp(observed.guest) ? observed.guestVolumes : [];
  const present = [...observed.volumes, ...guests.map(({ volumeId }) => volumeId)];
  const leaving = present.filter((id) => !wantedIds.includes(id));
  const isComingUp = desired.power === 'running' && input.plan.length > 0;
  return [
    ...wantedIds.map((id) => renderVolume(input, id, isUp(observed.guest) || isComingUp)),
    ...leaving.map((id) => withReason(input, { volumeId: id, state: 'detaching' })),
  ];
}

function renderVolume(input: ObservationInput, id: VolumeId, isLive: boolean): VolumeObservation {
  const profile = input.disks.get(id);
  const { volumes, guestVolumes } = input.observed;
  const isServed = isLive && guestVolumes.some((each) => each.volumeId === id && each.isWhole);
  if (volumes.includes(id) || isServed) {
    return { volumeId: id, state: 'attached', ...(profile === undefined ? {} : { profile }) };
  }
  if (!isLive) return { volumeId: id, state: 'attached' };
  const failures = input.trouble.volumes.get(id)?.failures ?? 0;
  const state = failures >= VOLUME_FAILURES_SHOWN ? 'failed' : 'attaching';
  return withReason(input, { volumeId: id, state });
}

function withReason(input: ObservationInput, volume: VolumeObservation): VolumeObservation {
  const reason = input.trouble.volumes.get(volume.volumeId)?.reason;
  return reason === undefined ? volume : { ...volume, reason };
}
