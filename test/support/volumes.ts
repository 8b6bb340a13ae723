// Owns volumes of a cloud under test: made, attached, detached, snapshotted, and the process that serves one.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import { type CloudUnderTest, eventually } from './cloud-under-test.ts';

/** A volume of 1 GiB, with zeroes or what a snapshot holds. */
export function createVolume(cloud: CloudUnderTest, snapshotId?: string): Promise<string> {
  return makeVolume(cloud, snapshotId === undefined ? { Size: 1 } : { SnapshotId: snapshotId });
}

/** Of 1 GiB, with its bytes in this backend. */
export function createVolumeIn(
  cloud: CloudUnderTest,
  backend: string,
  how: { Encrypted?: boolean; SnapshotId?: string } = {},
): Promise<string> {
  const Tags = [{ Key: 'ironbark:backend', Value: backend }];
  const TagSpecifications = [{ ResourceType: 'volume' as const, Tags }];
  return makeVolume(cloud, { Size: 1, TagSpecifications, ...how });
}

export async function makeVolume(
  cloud: CloudUnderTest,
  wish: Omit<Ec2Input<'CreateVolume'>, 'AvailabilityZone'>,
): Promise<string> {
  const ec2 = cloud.ec2();
  const AvailabilityZone = `${cloud.credentials.region}a`;
  const { VolumeId } = await ec2.call('CreateVolume', { ...wish, AvailabilityZone });
  await untilVolume(cloud, VolumeId!, 'available');
  return VolumeId!;
}

export async function attachVolume(
  cloud: CloudUnderTest,
  volumeId: string,
  to: { instanceId: string; device: string },
): Promise<void> {
  const attachment = { VolumeId: volumeId, InstanceId: to.instanceId, Device: to.device };
  await cloud.ec2().call('AttachVolume', attachment);
  await eventually(`${volumeId} attached`, async () => {
    const { Volumes } = await describe(cloud, volumeId);
    const { Attachments = [] } = Volumes?.[0] ?? {};
    const own = Attachments.find(({ InstanceId }) => InstanceId === to.instanceId);
    return own?.State === 'attached';
  });
}

export async function detachVolume(
  cloud: CloudUnderTest,
  volumeId: string,
  { force = false } = {},
): Promise<void> {
  const how = force ? { Force: true } : {};
  await cloud.ec2().call('DetachVolume', { VolumeId: volumeId, ...how });
  await untilVolume(cloud, volumeId, 'available');
}

/** Resolves once it is gone, bytes and all. */
export async function deleteVolume(cloud: CloudUnderTest, volumeId: string): Promise<void> {
  await cloud.ec2().call('DeleteVolume', { VolumeId: volumeId });
  await eventually(`${volumeId} gone`, () =>
    describe(cloud, volumeId).then(
      () => false,
      () => true,
    ),
  );
}

/** All of the volume is read, on a host that does other things too. */
const SNAPSHOT_TIMEOUT_MS = 180_000;

export async function createSnapshot(cloud: CloudUnderTest, volumeId: string): Promise<string> {
  const ec2 = cloud.ec2();
  const { SnapshotId } = await ec2.call('CreateSnapshot', { VolumeId: volumeId });
  await untilCompleted(cloud, SnapshotId!);
  return SnapshotId!;
}

export async function untilCompleted(cloud: CloudUnderTest, snapshotId: string): Promise<void> {
  const ec2 = cloud.ec2();
  const isCompleted = async () => {
    const { Snapshots } = await ec2.call('DescribeSnapshots', { SnapshotIds: [snapshotId] });
    const { State, StateMessage } = Snapshots![0]!;
    if (State === 'error') throw new Error(`${snapshotId}: ${StateMessage}`);
    return State === 'completed';
  };
  await eventually(`${snapshotId} completed`, isCompleted, { timeoutMs: SNAPSHOT_TIMEOUT_MS });
}

/** Resolves once it is gone for clients; its bytes go afterwards. */
export async function deleteSnapshot(cloud: CloudUnderTest, snapshotId: string): Promise<void> {
  const ec2 = cloud.ec2();
  await ec2.call('DeleteSnapshot', { SnapshotId: snapshotId });
  await eventually(`${snapshotId} gone`, () =>
    ec2.call('DescribeSnapshots', { SnapshotIds: [snapshotId] }).then(
      () => false,
      () => true,
    ),
  );
}

async function untilVolume(
  cloud: CloudUnderTest,
  volumeId: string,
  state: 'available',
): Promise<void> {
  await eventually(`${volumeId} ${state}`, async () => {
    const { Volumes } = await describe(cloud, volumeId);
    return Volumes?.[0]?.State === state;
  });
}

function describe(cloud: CloudUnderTest, volumeId: string) {
  return cloud.ec2().call('DescribeVolumes', { VolumeIds: [volumeId] });
}

/** The process that serves an attached volume. */
export async function targetPid(cloud: CloudUnderTest, volumeId: string): Promise<number> {
  const path = join(cloud.dataDir, 'storage/run/processes', `${volumeId}.pid`);
  return Number((await readFile(path, 'utf8')).trim());
}
