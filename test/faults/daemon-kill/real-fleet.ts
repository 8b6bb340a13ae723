// Owns real guests that write to volumes while daemons are killed: none may end, start again, or see an error.

import { join } from 'node:path';
import { findProcessIn, isAlive, type ProcessIdentity } from '@ironbark/platform/processes.ts';
import type { CloudUnderTest } from '../../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../../support/direct-guest.ts';
import { zeroFigure } from '../../support/figures.ts';
import { checkBlocks, type GuestWriter, startWriter } from '../../support/guest-writer.ts';
import { findDevice } from '../../support/guests.ts';
import { attachVolume, createVolume, targetPid } from '../../support/volumes.ts';
import type { Fleet } from './fleet.ts';

const DATA = '/mnt/v/data';
/** Emulated guests that write without a pause take the processors that the next daemon starts on. */
const WRITE_PAUSE_MS = 250;

interface Subject {
  guest: DirectGuest;
  volumeId: string;
  writer: GuestWriter;
  hypervisor: ProcessIdentity;
  target: number;
  bootId: string;
}

export async function makeRealFleet(cloud: CloudUnderTest, size: number): Promise<Fleet> {
  const subjects: Subject[] = [];
  for (let count = 0; count < size; count++) subjects.push(await makeSubject(cloud));
  return { size, judge: () => judge(cloud, subjects) };
}

async function makeSubject(cloud: CloudUnderTest): Promise<Subject> {
  const guest = await launchDirectGuest(cloud);
  const volumeId = await createVolume(cloud);
  await attachVolume(cloud, volumeId, { instanceId: guest.id, device: '/dev/sdf' });
  const device = await findDevice(guest.run, volumeId);
  await guest.run(`mke2fs -q -t ext4 ${device} && mkdir -p /mnt/v && mount ${device} /mnt/v`);
  const writer = await startWriter(guest, DATA, { pauseMs: WRITE_PAUSE_MS });
  await writer.untilMore(1);
  const hypervisor = (await findProcessIn(runFolder(cloud, guest)))!;
  const target = await targetPid(cloud, volumeId);
  return { guest, volumeId, writer, hypervisor, target, bootId: await readBootId(guest) };
}

function runFolder(cloud: CloudUnderTest, guest: DirectGuest): string {
  return join(cloud.dataDir, 'node/instances', guest.id, 'run');
}

/** The kernel of the guest chooses another one at each boot. */
function readBootId(guest: DirectGuest): Promise<string> {
  return guest.run('cat /proc/sys/kernel/random/boot_id');
}

async function judge(cloud: CloudUnderTest, subjects: readonly Subject[]) {
  const count = async (fails: (subject: Subject) => Promise<boolean>) =>
    (await Promise.all(subjects.map(fails))).filter(Boolean).length;
  return [
    zeroFigure(
      'guests killed',
      await count(async ({ hypervisor }) => !(await isAlive(hypervisor))),
    ),
    zeroFigure(
      'guests booted again',
      await count(async ({ guest, bootId }) => (await readBootId(guest)) !== bootId),
    ),
    zeroFigure(
      'storage daemons killed or started again',
      await count(async ({ volumeId, target }) => (await targetPid(cloud, volumeId)) !== target),
    ),
    zeroFigure('guests that saw an error or lost a write', await count(lostSomething)),
  ];
}

async function lostSomething({ guest, writer }: Subject): Promise<boolean> {
  try {
    await writer.untilMore(1);
    await checkBlocks(guest, DATA, await writer.stop());
    return false;
  } catch {
    return true;
  }
}
