// Measures how soon a volume from a snapshot, or an encrypted one, is in a guest, by its size: on a disk that has room for
// the largest.

import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type Figure, medianFigure } from '../support/figures.ts';
import { SmallDisk } from '../support/small-disk.ts';
import { createSnapshot, createVolume, deleteVolume, detachVolume } from '../support/volumes.ts';

const SIZES_GIB = [1, 10, 100] as const;
const REPEATS = 3;
/** Of the issue: under 2 s whatever the size. */
const BAR_MS = 2_000;
/** It has no blocks where nothing is written, and nothing is written to most of a volume. */
const DISK_BYTES = 160 * GIB;
/** What the snapshot holds. */
const DATA_MIB = 512;
const LOOK_MS = 25;

export async function measureRestore(): Promise<Figure[]> {
  await using disk = await SmallDisk.make(DISK_BYTES);
  await using cloud = await CloudUnderTest.start({ parent: disk.path });
  const snapshotId = await makeSnapshot(cloud);
  const { instanceId } = await cloud.json<{ instanceId: string }>('launch', '--type', 't3.nano');
  const figures: Figure[] = [];
  const kinds = [
    ['from a snapshot', { SnapshotId: snapshotId }],
    ['from a snapshot, encrypted', { SnapshotId: snapshotId, Encrypted: true }],
    ['empty, encrypted', { Encrypted: true }],
  ] as const;
  for (const [kind, wish] of kinds) {
    for (const Size of SIZES_GIB) {
      const tookMs: number[] = [];
      for (let n = 0; n < REPEATS; n++) {
        tookMs.push(await makeOnce(cloud, { ...wish, Size }, instanceId));
      }
      const name = `CreateVolume of ${Size} GiB ${kind}, to attached, ms`;
      figures.push(medianFigure(name, tookMs, BAR_MS));
    }
  }
  return figures;
}

/** Of a volume whose file is written from the host, before anybody has it open. */
async function makeSnapshot(cloud: CloudUnderTest): Promise<string> {
  const source = await createVolume(cloud);
  const file = await open(join(cloud.dataDir, 'storage/volumes', `${source}.raw`), 'r+');
  for (let at = 0; at < DATA_MIB; at++) {
    await file.write(Buffer.alloc(MIB, `${at} of them`), 0, MIB, at * MIB);
  }
  await file.close();
  const snapshotId = await createSnapshot(cloud, source);
  await deleteVolume(cloud, source);
  return snapshotId;
}

async function makeOnce(
  cloud: CloudUnderTest,
  wish: { SnapshotId?: string; Encrypted?: boolean; Size: number },
  instanceId: string,
): Promise<number> {
  const ec2 = cloud.ec2();
  const startMs = performance.now();
  const AvailabilityZone = `${cloud.credentials.region}a`;
  const { VolumeId = '' } = await ec2.call('CreateVolume', { ...wish, AvailabilityZone });
  const look = async () =>
    (await ec2.call('DescribeVolumes', { VolumeIds: [VolumeId] })).Volumes![0]!;
  const isAvailable = async () => (await look()).State === 'available';
  await eventually('it is available', isAvailable, { intervalMs: LOOK_MS });
  const attachment = { VolumeId, InstanceId: instanceId, Device: '/dev/sdf' };
  await ec2.call('AttachVolume', attachment);
  const isAttached = async () => (await look()).Attachments?.[0]?.State === 'attached';
  await eventually('it is attached', isAttached, { intervalMs: LOOK_MS });
  const tookMs = performance.now() - startMs;
  await detachVolume(cloud, VolumeId);
  await deleteVolume(cloud, VolumeId);
  return tookMs;
}
