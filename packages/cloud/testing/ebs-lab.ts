// Owns what tests of images whose root disks are volumes share: a snapshot, an image of it, its instance.

import { type ErrorKind, type ErrorResource, isServiceError } from '@ironbark/core/errors.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
import type { TestCloud } from './test-cloud.ts';

export const ROOT = '/dev/sda1';

export function refused(kind: ErrorKind, resource: ErrorResource, part = '') {
  return (error: unknown) =>
    isServiceError(error, kind) && error.resource === resource && error.message.includes(part);
}

export async function makeSnapshot(t: TestCloud, sizeGib = 2): Promise<string> {
  const { VolumeId } = await t.call('CreateVolume', {
    AvailabilityZone: 'us-east-1a',
    Size: sizeGib,
  });
  await t.settleVolume(VolumeId!, 'available');
  const { SnapshotId } = await t.call('CreateSnapshot', { VolumeId: VolumeId! });
  await t.settle(`${SnapshotId} completed`, async () => {
    const { Snapshots } = await t.call('DescribeSnapshots', { SnapshotIds: [SnapshotId!] });
    return Snapshots![0]!.State === 'completed';
  });
  await t.call('DeleteVolume', { VolumeId: VolumeId! });
  await t.settle('the volume is gone', () => t.storage.listVolumeIds().length === 0);
  return SnapshotId!;
}

export type Ebs = NonNullable<
  NonNullable<Ec2Input<'RegisterImage'>['BlockDeviceMappings']>[0]['Ebs']
>;

export async function register(t: TestCloud, SnapshotId: string, ebs: Ebs = {}): Promise<string> {
  const { ImageId } = await t.call('RegisterImage', {
    Name: `of ${SnapshotId}`,
    RootDeviceName: ROOT,
    Architecture: 'x86_64',
    VirtualizationType: 'hvm',
    BlockDeviceMappings: [{ DeviceName: ROOT, Ebs: { SnapshotId, ...ebs } }],
  });
  return ImageId!;
}

export async function describeImage(t: TestCloud, id: string) {
  return (await t.call('DescribeImages', { ImageIds: [id] })).Images![0]!;
}

export function settleImage(t: TestCloud, id: string, state: string): Promise<void> {
  return t.settle(`${id} ${state}`, async () => (await describeImage(t, id)).State === state);
}

export async function launchRunning(t: TestCloud, input: Partial<Ec2Input<'RunInstances'>> = {}) {
  const [id] = await t.launch(await register(t, await makeSnapshot(t)), input);
  await t.settleState(id!, 'running');
  return id!;
}

export async function rootOf(t: TestCloud, id: string): Promise<string> {
  const { BlockDeviceMappings } = await t.describe(id);
  return BlockDeviceMappings!.find(({ DeviceName }) => DeviceName === ROOT)!.Ebs!.VolumeId!;
}
