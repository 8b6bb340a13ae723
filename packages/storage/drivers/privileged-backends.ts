// Owns the backends that need rights, as the process that has them opens them: for the Storage Controller, which asks
// for their work, and for the volumes' daemons, which open what they made.

import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { StagedBackends } from '@ironbark/protocol/internal/staged-backend.ts';
import { volumePath } from './daemon-arguments.ts';
import { openDeviceBackend } from './device-backend.ts';
import { RbdBackend } from './rbd-backend.ts';
import type { CephSettings } from './rbd-command.ts';
import type { FindPlace } from './volume-place.ts';

export interface BackendSettings {
  /** Disks and partitions that each hold one volume. */
  volumeDevices?: readonly string[];
  /** The cluster that has the images of `rbd` volumes. */
  ceph?: CephSettings;
}

export interface BackendHost {
  commands: Commands;
  clock: Clock;
  logger: Logger;
  /** Of the Storage Controller, whose volumes' files lie below. */
  dataDir: string;
}

export interface PrivilegedBackends extends AsyncDisposable {
  staged: StagedBackends;
  findPlace: FindPlace;
  /** For people: what of them is not well. */
  listProblems(): string[];
}

const FILE = { kind: 'file' } as const;

async function isPresent(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}

export async function openPrivilegedBackends(
  settings: BackendSettings,
  host: BackendHost,
): Promise<PrivilegedBackends> {
  await using opening = new AsyncDisposableStack();
  const { volumeDevices = [] } = settings;
  const device =
    volumeDevices.length === 0
      ? undefined
      : opening.use(await openDeviceBackend({ ...host, devices: volumeDevices }));
  const rbd =
    settings.ceph === undefined ? undefined : opening.use(new RbdBackend(settings.ceph, host));
  const findPlace: FindPlace = async (id: VolumeId) => {
    const found = device?.findDevice(id);
    if (found !== undefined)
      return { kind: 'device', rdev: found.rdev, sizeBytes: found.sizeBytes };
    if (rbd === undefined || (await isPresent(join(host.dataDir, volumePath(id))))) return FILE;
    if ((await rbd.inspect(id)) === undefined) return FILE;
    return { kind: 'rbd', ceph: rbd.settings, image: id };
  };
  const opened = opening.move();
  return {
    staged: {
      ...(device === undefined ? {} : { device }),
      ...(rbd === undefined ? {} : { rbd }),
    },
    findPlace,
    listProblems: () => device?.listProblems() ?? [],
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}
