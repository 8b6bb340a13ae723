// Owns the composition of what a node has for volumes that its guests drive themselves.

import type { InstanceId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { GuestTargets } from '@ironbark/protocol/internal/guest-targets.ts';
import { GuestVolumes } from './app/guest-volumes.ts';
import { createSimulatedGuestTargets } from './drivers/simulated/guest-targets.ts';
import type { GuestVolumeDesk } from './http/guest-volume-answers.ts';
import type { InstanceContext } from './reconcilers/instance-context.ts';
import type { RecordStore } from './store/records.ts';

interface GuestVolumeOptions {
  hypervisor: 'qemu' | 'simulated';
  guestTargets?: GuestTargets;
  clock: Clock;
}

export function openGuestVolumes(
  options: GuestVolumeOptions,
  records: RecordStore,
): Pick<InstanceContext, 'guestVolumes' | 'guestTargets'> {
  const doAtOnce = options.hypervisor === 'simulated';
  const guestTargets =
    options.guestTargets ?? (doAtOnce ? createSimulatedGuestTargets() : undefined);
  const guestVolumes = new GuestVolumes({ records, clock: options.clock, doAtOnce });
  return { guestVolumes, ...(guestTargets === undefined ? {} : { guestTargets }) };
}

/** What a guest says may be what its reconciler waits for. */
export function guestVolumeDesk(
  volumes: GuestVolumes,
  poke: (id: InstanceId) => void,
): GuestVolumeDesk {
  return {
    hear: (instance, id, word) => {
      const isHeard = volumes.hear(instance, id, word);
      if (isHeard) poke(instance.id);
      return isHeard;
    },
    render: (instance) => volumes.render(instance),
    untilChange: (signal) => volumes.untilChange(signal),
  };
}
