// Owns a cloud on a small disk of its own with two real guests, one of which has a volume: what the host's faults are
// done to.

import { join } from 'node:path';
import { GIB } from '@ironbark/core/units.ts';
import {
  findProcessIn,
  isAlive,
  type ProcessIdentity,
  signalProcess,
} from '@ironbark/platform/processes.ts';
import { CloudUnderTest, eventually } from '../../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../../support/direct-guest.ts';
import { zeroFigure } from '../../support/figures.ts';
import { findDevice } from '../../support/guests.ts';
import { SmallDisk } from '../../support/small-disk.ts';
import { attachVolume, createVolume } from '../../support/volumes.ts';
import type { Fleet } from '../daemon-kill/fleet.ts';

/** Two root disks and a volume of a GiB each, the image, and the GiB that a node leaves to its host. */
const DISK_BYTES = 6 * GIB;
export const VOLUME_FOLDER = '/mnt/v';

export interface GuestLab extends AsyncDisposable {
  disk: SmallDisk;
  cloud: CloudUnderTest;
  /** Has the volume, with a file system at `VOLUME_FOLDER`. */
  first: DirectGuest;
  /** Nothing is done to it: nothing may happen to it. */
  other: DirectGuest;
  volumeId: string;
  device: string;
}

export async function createGuestLab(): Promise<GuestLab> {
  await using starting = new AsyncDisposableStack();
  const disk = starting.use(await SmallDisk.make(DISK_BYTES));
  const cloud = starting.use(await CloudUnderTest.start({ parent: disk.path }));
  const first = await launchDirectGuest(cloud);
  const other = await launchDirectGuest(cloud);
  const volumeId = await createVolume(cloud);
  await attachVolume(cloud, volumeId, { instanceId: first.id, device: '/dev/sdf' });
  const device = await findDevice(first.run, volumeId);
  await first.run(
    `mke2fs -q -t ext4 ${device} && mkdir -p ${VOLUME_FOLDER} && mount ${device} ${VOLUME_FOLDER}`,
  );
  const running = starting.move();
  const dispose = () => running.disposeAsync();
  return { disk, cloud, first, other, volumeId, device, [Symbol.asyncDispose]: dispose };
}

export async function hypervisorOf(
  cloud: CloudUnderTest,
  guest: DirectGuest,
): Promise<ProcessIdentity> {
  const folder = join(cloud.dataDir, 'node/instances', guest.id, 'run');
  const found = await findProcessIn(folder);
  if (found === undefined) throw new Error(`${guest.id} has no process`);
  return found;
}

/** The kernel of a guest chooses another one at each boot. */
export function readBootId(guest: DirectGuest): Promise<string> {
  return guest.run('cat /proc/sys/kernel/random/boot_id');
}

/** `ok`, or `impaired` for a guest that makes no progress. */
export async function systemStatus(
  cloud: CloudUnderTest,
  { id }: DirectGuest,
): Promise<string | undefined> {
  const request = { InstanceIds: [id], IncludeAllInstances: true };
  const { InstanceStatuses } = await cloud.ec2().call('DescribeInstanceStatus', request);
  return InstanceStatuses?.[0]?.SystemStatus?.Status;
}

export async function untilStatus(
  { cloud }: GuestLab,
  guest: DirectGuest,
  status: 'ok' | 'impaired',
): Promise<void> {
  const isSo = async () => (await systemStatus(cloud, guest)) === status;
  await eventually(`${guest.id} is ${status}`, isSo);
}

/** Stops a guest's hypervisor in its tracks until disposed, as one that is wedged. */
export async function freeze(identity: ProcessIdentity): Promise<AsyncDisposable> {
  await signalProcess(identity, 'SIGSTOP');
  return { [Symbol.asyncDispose]: async () => void (await signalProcess(identity, 'SIGCONT')) };
}

/** The guests as those under which daemons are killed; `judge` compares with what they are now. */
export async function asFleet({ cloud, first, other }: GuestLab): Promise<Fleet> {
  const guests = [first, other];
  const boots = await Promise.all(guests.map(readBootId));
  const processes = await Promise.all(guests.map((guest) => hypervisorOf(cloud, guest)));
  const judge = async () => {
    const alive = await Promise.all(processes.map(isAlive));
    const now = await Promise.all(guests.map(readBootId));
    return [
      zeroFigure('guests killed', alive.filter((each) => !each).length),
      zeroFigure('guests booted again', now.filter((each, index) => each !== boots[index]).length),
    ];
  };
  return { size: guests.length, judge };
}
