// Owns the workload of volumes that a guest drives itself: what volumes promise, of one that is written to over AoE, through
// the target that guests have. A write that is answered counts, as Linux's driver takes it, which never flushes; every
// second process has the disk's cache on, and what it has flushed counts.

import { resolve } from 'node:path';
import type { SubnetId } from '@ironbark/core/ids.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { serviceUid } from '@ironbark/platform/service-users.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import { openGuestTargets } from '@ironbark/storage/drivers/guest-targets/guest-targets.ts';
import { volumeUsersOf } from '@ironbark/storage/drivers/volume-users.ts';
import { TapDisk } from '../../support/aoe/tap-disk.ts';
import { silent } from './objects.ts';
import { openVolumesOf, type WrittenDisk } from './volumes.ts';
import type { OpenWorkload, WorkloadInput } from './workload.ts';

const SUBNET: SubnetId = 'subnet-00000000000000001';
const PLACE = { shelf: 1, slot: 0 };

export async function openAoeVolumes(input: WorkloadInput): Promise<OpenWorkload> {
  const dataDir = resolve(input.folder, 's');
  const targets = openGuestTargets({
    ...{ dataDir, commands: systemCommands, clock: systemClock, logger: silent },
    users: volumeUsersOf(dataDir, serviceUid('block-targets', dataDir)),
  });
  const reach = async ({ id, ...seen }: VolumeStorageObservation): Promise<WrittenDisk> => {
    if (seen.export?.kind !== 'nbd-unix') throw new Error(`${id} is not exported`);
    const { socketPath } = seen.export;
    const disk = await TapDisk.plug(PLACE);
    const { interfaceName, macAddress } = disk;
    const network = { subnetId: SUBNET, interfaceName, macAddress };
    await targets.open({ volumeId: id, ...network, ...PLACE, socketPath });
    return await choosePromise(disk, input.session);
  };
  const volumes = await openVolumesOf(input, { headerBytes: 0, reach });
  return {
    ...volumes,
    halt: async () => {
      await targets.endAll();
      await volumes.halt?.();
    },
  };
}

/** A disk keeps what was chosen, so both are chosen. */
async function choosePromise(disk: TapDisk, session: number): Promise<WrittenDisk> {
  const cache = session % 2 === 0 ? 'off' : 'on';
  await disk.setWriteCache(cache);
  if (cache === 'on') return disk;
  return { write: (...run) => disk.write(...run), flush: async () => {} };
}
