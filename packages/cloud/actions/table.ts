// Owns the list of actions that are implemented; everything else that AWS knows is refused by name.

import type { Ec2Action } from '@ironbark/protocol/ec2/types.ts';
import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { attachVolume } from './attach-volume.ts';
import { copySnapshot } from './copy-snapshot.ts';
import { createImage } from './create-image.ts';
import { createKeyPair } from './create-key-pair.ts';
import { createSnapshot } from './create-snapshot.ts';
import { createSnapshots } from './create-snapshots.ts';
import { createTable } from './create-table.ts';
import { createTags } from './create-tags.ts';
import { createVolume } from './create-volume.ts';
import { deleteKeyPair } from './delete-key-pair.ts';
import { deleteSnapshot } from './delete-snapshot.ts';
import { deleteTags } from './delete-tags.ts';
import { deleteVolume } from './delete-volume.ts';
import { deregisterImage } from './deregister-image.ts';
import { describeAccountAttributes } from './describe-account-attributes.ts';
import { describeAvailabilityZones } from './describe-availability-zones.ts';
import { describeImageAttribute } from './describe-image-attribute.ts';
import { describeImages } from './describe-images.ts';
import { describeInstanceAttribute } from './describe-instance-attribute.ts';
import { describeInstanceStatus } from './describe-instance-status.ts';
import { describeInstanceTypeOfferings } from './describe-instance-type-offerings.ts';
import { describeInstanceTypes } from './describe-instance-types.ts';
import { describeInstances } from './describe-instances.ts';
import { describeKeyPairs } from './describe-key-pairs.ts';
import { describeLockedSnapshots } from './describe-locked-snapshots.ts';
import { describeNetworkInterfaces } from './describe-network-interfaces.ts';
import { describeRegions } from './describe-regions.ts';
import { describeSecurityGroupRules } from './describe-security-group-rules.ts';
import { describeSecurityGroups } from './describe-security-groups.ts';
import { describeSnapshotAttribute } from './describe-snapshot-attribute.ts';
import { describeSnapshotTierStatus } from './describe-snapshot-tier-status.ts';
import { describeSnapshots } from './describe-snapshots.ts';
import { describeSubnets } from './describe-subnets.ts';
import { describeTags } from './describe-tags.ts';
import { describeVolumeAttribute } from './describe-volume-attribute.ts';
import { describeVolumeStatus } from './describe-volume-status.ts';
import { describeVolumes } from './describe-volumes.ts';
import { describeVolumesModifications } from './describe-volumes-modifications.ts';
import { describeVpcAttribute } from './describe-vpc-attribute.ts';
import { describeVpcs } from './describe-vpcs.ts';
import { detachVolume } from './detach-volume.ts';
import { disableEbsEncryptionByDefault } from './disable-ebs-encryption-by-default.ts';
import { enableEbsEncryptionByDefault } from './enable-ebs-encryption-by-default.ts';
import { enableVolumeIo } from './enable-volume-io.ts';
import { getConsoleOutput } from './get-console-output.ts';
import { getEbsDefaultKmsKeyId } from './get-ebs-default-kms-key-id.ts';
import { getEbsEncryptionByDefault } from './get-ebs-encryption-by-default.ts';
import type { Ec2Handler } from './handler.ts';
import { importKeyPair } from './import-key-pair.ts';
import { lockSnapshot } from './lock-snapshot.ts';
import { modifyEbsDefaultKmsKeyId } from './modify-ebs-default-kms-key-id.ts';
import { modifyInstanceAttribute } from './modify-instance-attribute.ts';
import { modifyInstanceMetadataOptions } from './modify-instance-metadata-options.ts';
import { modifySnapshotAttribute } from './modify-snapshot-attribute.ts';
import { modifyVolume } from './modify-volume.ts';
import { modifyVolumeAttribute } from './modify-volume-attribute.ts';
import { rebootInstances } from './reboot-instances.ts';
import { registerImage } from './register-image.ts';
import { resetEbsDefaultKmsKeyId } from './reset-ebs-default-kms-key-id.ts';
import { resetSnapshotAttribute } from './reset-snapshot-attribute.ts';
import { runInstances } from './run-instances.ts';
import { startInstances } from './start-instances.ts';
import { stopInstances } from './stop-instances.ts';
import { terminateInstances } from './terminate-instances.ts';
import { unlockSnapshot } from './unlock-snapshot.ts';

const EC2_HANDLERS = {
  AttachVolume: attachVolume,
  CopySnapshot: copySnapshot,
  CreateImage: createImage,
  CreateKeyPair: createKeyPair,
  CreateSnapshot: createSnapshot,
  CreateSnapshots: createSnapshots,
  CreateTags: createTags,
  CreateVolume: createVolume,
  DeleteKeyPair: deleteKeyPair,
  DeleteSnapshot: deleteSnapshot,
  DeleteTags: deleteTags,
  DeleteVolume: deleteVolume,
  DeregisterImage: deregisterImage,
  DescribeAccountAttributes: describeAccountAttributes,
  DescribeAvailabilityZones: describeAvailabilityZones,
  DescribeImageAttribute: describeImageAttribute,
  DescribeImages: describeImages,
  DescribeInstanceAttribute: describeInstanceAttribute,
  DescribeInstanceStatus: describeInstanceStatus,
  DescribeInstanceTypeOfferings: describeInstanceTypeOfferings,
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeInstances: describeInstances,
  DescribeKeyPairs: describeKeyPairs,
  DescribeLockedSnapshots: describeLockedSnapshots,
  DescribeNetworkInterfaces: describeNetworkInterfaces,
  DescribeRegions: describeRegions,
  DescribeSecurityGroupRules: describeSecurityGroupRules,
  DescribeSecurityGroups: describeSecurityGroups,
  DescribeSnapshotAttribute: describeSnapshotAttribute,
  DescribeSnapshotTierStatus: describeSnapshotTierStatus,
  DescribeSnapshots: describeSnapshots,
  DescribeSubnets: describeSubnets,
  DescribeTags: describeTags,
  DescribeVolumeAttribute: describeVolumeAttribute,
  DescribeVolumeStatus: describeVolumeStatus,
  DescribeVolumes: describeVolumes,
  DescribeVolumesModifications: describeVolumesModifications,
  DescribeVpcAttribute: describeVpcAttribute,
  DescribeVpcs: describeVpcs,
  DetachVolume: detachVolume,
  DisableEbsEncryptionByDefault: disableEbsEncryptionByDefault,
  EnableVolumeIO: enableVolumeIo,
  GetConsoleOutput: getConsoleOutput,
  EnableEbsEncryptionByDefault: enableEbsEncryptionByDefault,
  GetEbsDefaultKmsKeyId: getEbsDefaultKmsKeyId,
  GetEbsEncryptionByDefault: getEbsEncryptionByDefault,
  ModifyEbsDefaultKmsKeyId: modifyEbsDefaultKmsKeyId,
  ResetEbsDefaultKmsKeyId: resetEbsDefaultKmsKeyId,
  ImportKeyPair: importKeyPair,
  LockSnapshot: lockSnapshot,
  ModifyInstanceAttribute: modifyInstanceAttribute,
  ModifyInstanceMetadataOptions: modifyInstanceMetadataOptions,
  ModifySnapshotAttribute: modifySnapshotAttribute,
  ModifyVolumeAttribute: modifyVolumeAttribute,
  ModifyVolume: modifyVolume,
  RebootInstances: rebootInstances,
  RegisterImage: registerImage,
  ResetSnapshotAttribute: resetSnapshotAttribute,
  RunInstances: runInstances,
  StartInstances: startInstances,
  StopInstances: stopInstances,
  TerminateInstances: terminateInstances,
  UnlockSnapshot: unlockSnapshot,
} satisfies { [Name in Ec2Action]?: Ec2Handler<Name> };

/** The implemented actions, in alphabetical order. */
export const EC2_ACTIONS: readonly string[] = Object.keys(EC2_HANDLERS).sort();

export function createEc2Actions(app: App): ActionTable {
  return createTable(app, 'EC2', EC2_HANDLERS);
}
