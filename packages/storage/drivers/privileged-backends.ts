// Owns the backends that need rights, as the process that has them opens them: for the Storage Controller, which asks
// for their work, and for the volumes' daemons, which open what they made.

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { StagedBackends } from '@ironbark/protocol/internal/staged-backend.ts';
import { openDeviceBackend } from './device-backend.ts';
import type { FindPlace } from './volume-place.ts';

export interface BackendSettings {
  /** Disks and partitions that each hold one volume. */
  volumeDevices?: readonly string[];
}

export interface PrivilegedBackends extends AsyncDisposable {
  staged: StagedBackends;
  findPlace: FindPlace;
  /** For people: what of them is not well. */
  listProblems(): string[];
}

export async function openPrivilegedBackends(
  settings: BackendSettings,
  host: { commands: Commands; clock: Clock; logger: Logger },
): Promise<PrivilegedBackends> {
  await using opening = new AsyncDisposableStack();
  const { volumeDevices = [] } = settings;
  const device =
    volumeDevices.length === 0
      ? undefined
      : opening.use(await openDeviceBackend({ ...host, devices: volumeDevices }));
  const findPlace: FindPlace = async (id: VolumeId) => {
    const found = device?.findDevice(id);
    if (found === undefined) return { kind: 'file' };
    return { kind: 'device', rdev: found.rdev, sizeBytes: found.sizeBytes };
  };
  const opened = opening.move();
  return {
    staged: { ...(device === undefined ? {} : { device }) },
    findPlace,
    listProblems: () => device?.listProblems() ?? [],
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
