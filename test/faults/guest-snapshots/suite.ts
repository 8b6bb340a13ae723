// Owns the suite of snapshots under load: for each place of a volume's bytes that this host has, and each driver of its
// disk, a real guest writes while a snapshot is taken, and has the volume of one moment from it. `--only WORD` runs those
// whose name has the word. Volumes in Ceph are in the suite of Ceph.

import { LoopDevices } from '@ironbark/storage/testing/loop-devices.ts';
import { CloudUnderTest } from '../../support/cloud-under-test.ts';
import { launchDirectGuest } from '../../support/direct-guest.ts';
import type { FaultSuite } from '../../support/fault-suite.ts';
import { nameWay } from '../../support/snapshot-under-load.ts';
import { measureWays, waysIn } from './ways.ts';

/** A volume of 1 GiB, its label, and what encryption puts before it. */
const DISK_MIB = 1_100;

export const guestSnapshotsSuite: FaultSuite = async ({ only = '', explain }) => {
  const all = [...waysIn('file'), ...waysIn('device')];
  const ways = all.filter((way) => nameWay(way).includes(only));
  if (ways.length === 0) throw new Error(`none of ${all.map(nameWay).join('; ')} has ${only}`);
  await using disks = await LoopDevices.make([DISK_MIB]);
  await using cloud = await CloudUnderTest.start({
    flags: ['--volume-devices', disks.paths.join(',')],
  });
  const guest = await launchDirectGuest(cloud);
  return await measureWays(cloud, guest, { ways, explain });
};
