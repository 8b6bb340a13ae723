// Owns the suite of volumes in Ceph: points in time and clones (points.ts), clones whose flattening is cut short
// (flattening.ts), volumes in use on another host (gates.ts), and real guests of a whole cloud: one that writes while disks
// of the cluster are killed and come back, and one that writes while snapshots are taken. `--only points`, `flattening`,
// `gates`, `guest` and `snapshots` run one of them. The packages of a whole Ceph are some 50 MB, so this is by command and
// installs them itself.

import { CephCluster, installCeph, POOL } from '../../support/ceph-cluster.ts';
import { CloudUnderTest, eventually } from '../../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../../support/direct-guest.ts';
import type { SuiteOptions } from '../../support/fault-suite.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { startFio, TROUBLE } from '../../support/guest-fio.ts';
import {
  checkBlocks,
  type GuestWriter,
  longestStall,
  startWriter,
} from '../../support/guest-writer.ts';
import { findDevice } from '../../support/guests.ts';
import {
  attachVolume,
  createSnapshot,
  createVolumeIn,
  deleteSnapshot,
  deleteVolume,
  detachVolume,
} from '../../support/volumes.ts';
import { measureWays, waysIn } from '../guest-snapshots/ways.ts';
import { measureFlattening } from './flattening.ts';
import { measureGates } from './gates.ts';
import { countLeft, measurePoints } from './points.ts';

/** A pause that nobody takes for a slow write. */
const STALL_S = 5;

export async function cephSuite(options: SuiteOptions): Promise<Figure[]> {
  const { explain, only, seed, count: rounds } = options;
  await installCeph(explain);
  await using ceph = await CephCluster.start();
  explain('a monitor, a manager and three disks are there');
  const is = (part: string) => only === undefined || only === part;
  const figures = is('points') ? await measurePoints(ceph, explain) : [];
  if (is('flattening')) figures.push(...(await measureFlattening(ceph, { rounds, seed, explain })));
  if (is('gates')) figures.push(...(await measureGates(ceph, explain)));
  if (is('guest')) figures.push(...(await measureGuest(ceph, explain)));
  if (is('snapshots')) figures.push(...(await measureSnapshots(ceph, explain)));
  return [...figures, ...(await countLeft(ceph))];
}

function startCloud(ceph: CephCluster): Promise<CloudUnderTest> {
  const where = ['--ceph-conf', ceph.confPath, '--ceph-keyring', ceph.keyringPath];
  return CloudUnderTest.start({ flags: ['--ceph-pool', POOL, ...where] });
}

/** Of volumes that a guest writes to meanwhile. */
async function measureSnapshots(
  ceph: CephCluster,
  explain: (line: string) => void,
): Promise<Figure[]> {
  await using cloud = await startCloud(ceph);
  const guest = await launchDirectGuest(cloud);
  return await measureWays(cloud, guest, { ways: waysIn('rbd'), explain });
}

async function measureGuest(ceph: CephCluster, explain: (line: string) => void): Promise<Figure[]> {
  await using cloud = await startCloud(ceph);
  const guest = await launchDirectGuest(cloud);
  const volume = await createVolumeIn(cloud, 'rbd');
  await attachVolume(cloud, volume, { instanceId: guest.id, device: '/dev/sdf' });
  const device = await findDevice(guest.run, volume);
  await guest.run(`mke2fs -q -t ext4 ${device} && mkdir -p /mnt/v && mount ${device} /mnt/v`);
  const figures = await harm(ceph, guest, explain);
  const cloned = await measureGuestClone(cloud, guest, volume);
  await guest.run('umount /mnt/v');
  await detachVolume(cloud, volume);
  await deleteVolume(cloud, volume);
  return [...figures, ...cloned];
}

/** A file system that is snapshotted while it is mounted, cloned, and mounted from the clone. */
async function measureGuestClone(
  cloud: CloudUnderTest,
  guest: DirectGuest,
  volume: string,
): Promise<Figure[]> {
  const sums = 'cd /mnt/v && sha256sum data fio';
  await guest.run('sync');
  const expected = await guest.run(sums);
  const snapshot = await createSnapshot(cloud, volume);
  const clone = await createVolumeIn(cloud, 'rbd', { SnapshotId: snapshot });
  await attachVolume(cloud, clone, { instanceId: guest.id, device: '/dev/sdg' });
  const device = await findDevice(guest.run, clone);
  await guest.run(`mkdir -p /mnt/c && mount ${device} /mnt/c`);
  const found = await guest.run(sums.replace('/v', '/c'));
  await guest.run('umount /mnt/c');
  await detachVolume(cloud, clone);
  await deleteVolume(cloud, clone);
  await deleteSnapshot(cloud, snapshot);
  return [zeroFigure('files of a clone that are not as snapshotted', found === expected ? 0 : 1)];
}

async function harm(
  ceph: CephCluster,
  guest: DirectGuest,
  explain: (line: string) => void,
): Promise<Figure[]> {
  const work = { path: '/mnt/v/fio', size: '24m', rate: '2m', depth: 4 };
  const fio = await startFio(guest, work);
  const writer = await startWriter(guest, '/mnt/v/data');
  await writer.untilMore(3);
  await ceph.killDisk(0);
  const one = await writer.untilMore(5);
  explain(`one disk of three killed: stalled for ${longestStall(one)} s`);
  await ceph.startDisk(0);
  await ceph.untilHealthy();
  await ceph.killDisk(1);
  await ceph.killDisk(2);
  await untilStalled(guest, writer);
  await ceph.startDisk(1);
  await ceph.startDisk(2);
  const two = await writer.untilMore(5);
  explain(`two disks of three killed: stalled for ${longestStall(two)} s`);
  const exit = await fio.untilEnd();
  if (exit !== 0) explain(await fio.log());
  const wrong = await checkBlocks(guest, '/mnt/v/data', await writer.stop()).then(
    () => 0,
    (error: unknown) => {
      explain(String(error));
      return 1;
    },
  );
  return [
    zeroFigure('errors of fio with verify', exit),
    zeroFigure('acknowledged blocks that are not as written', wrong),
    zeroFigure('errors that the guest saw', Number(await guest.run(`${TROUBLE} | wc -l`))),
  ];
}

/** The guest waits: its clock goes on and its writer does not. */
async function untilStalled(guest: DirectGuest, writer: GuestWriter): Promise<void> {
  await eventually('the guest to stall', async () => {
    const now = Number((await guest.run('cat /proc/uptime')).split(' ')[0]);
    return now - (await writer.read()).at(-1)!.uptimeS > STALL_S;
  });
}
