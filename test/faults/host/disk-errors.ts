// A volume's device answers errors: the guest sees them as a disk's own, keeps running, and so does everything else.

import { join } from 'node:path';
import { systemClock } from '@ironbark/platform/clock.ts';
import { connectQmp, type QmpClient } from '@ironbark/platform/qmp.ts';
import { DISK_NODE, daemonPaths, FILE_NODE } from '@ironbark/storage/drivers/daemon-arguments.ts';
import { eventually } from '../../support/cloud-under-test.ts';
import { zeroFigure } from '../../support/figures.ts';
import {
  type GuestLab,
  hypervisorOf,
  readBootId,
  systemStatus,
  VOLUME_FOLDER,
} from './guest-lab.ts';
import type { GuestScenario } from './scenario.ts';

const EIO = 5;
const FAULTY_NODE = 'faulty';

export const diskErrors: GuestScenario = async (lab, { explain }) => {
  const { cloud, first, other, device } = lab;
  const bootId = await readBootId(first);
  const hypervisor = await hypervisorOf(cloud, first);
  const wrong: string[] = [];
  const write = `dd if=/dev/zero of=${device} bs=64k seek=8000 count=1 oflag=direct 2> /dev/null`;
  // Its file system would meet the errors, too.
  await first.run(`umount ${VOLUME_FOLDER}`);
  await breakWrites(lab);
  const isRefused = async () => (await first.run(`${write}; echo $?`)) !== '0';
  if (!(await isRefused())) wrong.push('the guest saw no error');
  if ((await systemStatus(cloud, first)) !== 'ok') wrong.push('the guest was paused');
  if ((await other.run('echo here')) !== 'here') wrong.push('the other does not answer');
  await mendWrites(lab);
  await eventually('a write that works', async () => !(await isRefused()));
  await first.run(`mount ${device} ${VOLUME_FOLDER}`);
  if ((await hypervisorOf(cloud, first)).pid !== hypervisor.pid) wrong.push('another process');
  if ((await readBootId(first)) !== bootId) wrong.push('another boot');
  for (const each of wrong) explain(`disk errors: ${each}`);
  return [zeroFigure('disk errors: what went wrong', wrong.length)];
};

/** Puts a node that fails writes between the volume's disk and its file. */
async function breakWrites(lab: GuestLab): Promise<void> {
  await withStorageDaemon(lab, async (qmp) => {
    const error = { event: 'none', iotype: 'write', errno: EIO, immediately: true };
    const faulty = { driver: 'blkdebug', 'node-name': FAULTY_NODE, image: FILE_NODE };
    await qmp.execute('blockdev-add', { ...faulty, 'inject-error': [error] });
    await reopenDisk(qmp, FAULTY_NODE);
  });
}

async function mendWrites(lab: GuestLab): Promise<void> {
  await withStorageDaemon(lab, async (qmp) => {
    await reopenDisk(qmp, FILE_NODE);
    await qmp.execute('blockdev-del', { 'node-name': FAULTY_NODE });
  });
}

async function reopenDisk(qmp: QmpClient, file: string): Promise<void> {
  const disk = { driver: 'raw', 'node-name': DISK_NODE, file, discard: 'unmap' };
  await qmp.execute('blockdev-reopen', { options: [disk] });
}

/** It talks to one client at a time, which is the cloud: that goes away meanwhile. */
async function withStorageDaemon(
  { cloud, volumeId }: GuestLab,
  work: (qmp: QmpClient) => Promise<void>,
): Promise<void> {
  await cloud.ironbark('down', '--keep-guests');
  const { controlSocket } = daemonPaths(volumeId as `vol-${string}`);
  const socketPath = join(cloud.dataDir, 'storage', controlSocket);
  const qmp = await connectQmp({ socketPath, clock: systemClock, timeoutMs: 10_000 });
  try {
    await work(qmp);
  } finally {
    qmp.close();
  }
  await cloud.up({ flags: ['--no-image'] });
}
