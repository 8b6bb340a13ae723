// Owns the list of actions that are implemented; everything else that AWS knows is refused by name.

import type { Ec2Action } from '@ironbark/protocol/ec2/types.ts';
import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { associateIamInstanceProfile } from './associate-iam-instance-profile.ts';
import { attachVolume } from './attach-volume.ts';
import { copyImage } from './copy-image.ts';
import { copySnapshot } from './copy-snapshot.ts';
import { createImage } from './create-image.ts';
import { createKeyPair } from './create-key-pair.ts';
import { createLaunchTemplate } from './create-launch-template.ts';
import { createLaunchTemplateVersion } from './create-launch-template-version.ts';
import { createPlacementGroup } from './create-placement-group.ts';
import { createSnapshot } from './create-snapshot.ts';
import { createSnapshots } from './create-snapshots.ts';
import { createTable } from './create-table.ts';
import { createTags } from './create-tags.ts';
import { createVolume } from './create-volume.ts';
import { deleteKeyPair } from './delete-key-pair.ts';
import { deleteLaunchTemplate } from './delete-launch-template.ts';
import { deleteLaunchTemplateVersions } from './delete-launch-template-versions.ts';
import { deletePlacementGroup } from './delete-placement-group.ts';
import { deleteSnapshot } from './delete-snapshot.ts';
import { deleteTags } from './delete-tags.ts';
import { deleteVolume } from './delete-volume.ts';
import { deregisterImage } from './deregister-image.ts';
import { describeAccountAttributes } from './describe-account-attributes.ts';
import { describeAvailabilityZones } from './describe-availability-zones.ts';
import { describeIamInstanceProfileAssociations } from './describe-iam-instance-profile-associations.ts';
import { describeImageAttribute } from './describe-image-attribute.ts';
import { describeImages } from './describe-images.ts';
import { describeInstanceAttribute } from './describe-instance-attribute.ts';
import { describeInstanceCreditSpecifications } from './describe-instance-credit-specifications.ts';
import { describeInstanceStatus } from './describe-instance-status.ts';
import { describeInstanceTypeOfferings } from './describe-instance-type-offerings.ts';
import { describeInstanceTypes } from './describe-instance-types.ts';
import { describeInstances } from './describe-instances.ts';
import { describeKeyPairs } from './describe-key-pairs.ts';
import { describeLaunchTemplateVersions } from './describe-launch-template-versions.ts';
import { describeLaunchTemplates } from './describe-launch-templates.ts';
import { describeLockedSnapshots } from './describe-locked-snapshots.ts';
import { describePlacementGroups } from './describe-placement-groups.ts';
import { describeRegions } from './describe-regions.ts';
import { describeSnapshotAttribute } from './describe-snapshot-attribute.ts';
import { describeSnapshotTierStatus } from './describe-snapshot-tier-status.ts';
import { describeSnapshots } from './describe-snapshots.ts';
import { describeTags } from './describe-tags.ts';
import { describeVolumeAttribute } from './describe-volume-attribute.ts';
import { describeVolumeStatus } from './describe-volume-status.ts';
import { describeVolumes } from './describe-volumes.ts';
import { describeVolumesModifications } from './describe-volumes-modifications.ts';
import { detachVolume } from './detach-volume.ts';
import { disableEbsEncryptionByDefault } from './disable-ebs-encryption-by-default.ts';
import { disableImageBlockPublicAccess } from './disable-image-block-public-access.ts';
import { disableImageDeprecation } from './disable-image-deprecation.ts';
import { disableImageDeregistrationProtection } from './disable-image-deregistration-protection.ts';
import { disableSnapshotBlockPublicAccess } from './disable-snapshot-block-public-access.ts';
import { disassociateIamInstanceProfile } from './disassociate-iam-instance-profile.ts';
import { enableEbsEncryptionByDefault } from './enable-ebs-encryption-by-default.ts';
import { enableImageBlockPublicAccess } from './enable-image-block-public-access.ts';
import { enableImageDeprecation } from './enable-image-deprecation.ts';
import { enableImageDeregistrationProtection } from './enable-image-deregistration-protection.ts';
import { enableSnapshotBlockPublicAccess } from './enable-snapshot-block-public-access.ts';
import { enableVolumeIo } from './enable-volume-io.ts';
import { getConsoleOutput } from './get-console-output.ts';
import { getEbsDefaultKmsKeyId } from './get-ebs-default-kms-key-id.ts';
import { getEbsEncryptionByDefault } from './get-ebs-encryption-by-default.ts';
import { getImageBlockPublicAccessState } from './get-image-block-public-access-state.ts';
import { getLaunchTemplateData } from './get-launch-template-data.ts';
import { getPasswordData } from './get-password-data.ts';
import { getSnapshotBlockPublicAccessState } from './get-snapshot-block-public-access-state.ts';
import type { Ec2Handler } from './handler.ts';
import { importKeyPair } from './import-key-pair.ts';
import { lockSnapshot } from './lock-snapshot.ts';
import { modifyEbsDefaultKmsKeyId } from './modify-ebs-default-kms-key-id.ts';
import { modifyImageAttribute } from './modify-image-attribute.ts';
import { modifyInstanceAttribute } from './modify-instance-attribute.ts';
import { modifyInstanceMetadataOptions } from './modify-instance-metadata-options.ts';
import { modifyLaunchTemplate } from './modify-launch-template.ts';
import { modifySnapshotAttribute } from './modify-snapshot-attribute.ts';
import { modifyVolume } from './modify-volume.ts';
import { modifyVolumeAttribute } from './modify-volume-attribute.ts';
import { monitorInstances } from './monitor-instances.ts';
import { rebootInstances } from './reboot-instances.ts';
import { registerImage } from './register-image.ts';
import { replaceIamInstanceProfileAssociation } from './replace-iam-instance-profile-association.ts';
import { resetEbsDefaultKmsKeyId } from './reset-ebs-default-kms-key-id.ts';
import { resetImageAttribute } from './reset-image-attribute.ts';
import { resetInstanceAttribute } from './reset-instance-attribute.ts';
import { resetSnapshotAttribute } from './reset-snapshot-attribute.ts';
import { runInstances } from './run-instances.ts';
import { startInstances } from './start-instances.ts';
import { stopInstances } from './stop-instances.ts';
import { NETWORK_HANDLERS } from './table-network.ts';
import { terminateInstances } from './terminate-instances.ts';
import { unlockSnapshot } from './unlock-snapshot.ts';
import { unmonitorInstances } from './unmonitor-instances.ts';

const EC2_HANDLERS = {
  ...NETWORK_HANDLERS,
  AssociateIamInstanceProfile: associateIamInstanceProfile,
  AttachVolume: attachVolume,
  CopyImage: copyImage,
  CopySnapshot: copySnapshot,
  CreateImage: createImage,
  CreateKeyPair: createKeyPair,
  CreateLaunchTemplate: createLaunchTemplate,
  CreateLaunchTemplateVersion: createLaunchTemplateVersion,
  CreatePlacementGroup: createPlacementGroup,
  CreateSnapshot: createSnapshot,
  CreateSnapshots: createSnapshots,
  CreateTags: createTags,
  CreateVolume: createVolume,
  DeleteKeyPair: deleteKeyPair,
  DeleteLaunchTemplate: deleteLaunchTemplate,
  DeleteLaunchTemplateVersions: deleteLaunchTemplateVersions,
  DeletePlacementGroup: deletePlacementGroup,
  DeleteSnapshot: deleteSnapshot,
  DeleteTags: deleteTags,
  DeleteVolume: deleteVolume,
  DeregisterImage: deregisterImage,
  DescribeAccountAttributes: describeAccountAttributes,
  DescribeAvailabilityZones: describeAvailabilityZones,
  DescribeIamInstanceProfileAssociations: describeIamInstanceProfileAssociations,
  DescribeImageAttribute: describeImageAttribute,
  DescribeImages: describeImages,
  DescribeInstanceAttribute: describeInstanceAttribute,
  DescribeInstanceCreditSpecifications: describeInstanceCreditSpecifications,
  DescribeInstanceStatus: describeInstanceStatus,
  DescribeInstanceTypeOfferings: describeInstanceTypeOfferings,
  DescribeInstanceTypes: describeInstanceTypes,
  DescribeInstances: describeInstances,
  DescribeKeyPairs: describeKeyPairs,
  DescribeLaunchTemplateVersions: describeLaunchTemplateVersions,
  DescribeLaunchTemplates: describeLaunchTemplates,
  DescribeLockedSnapshots: describeLockedSnapshots,
  DescribePlacementGroups: describePlacementGroups,
  DescribeRegions: describeRegions,
  DescribeSnapshotAttribute: describeSnapshotAttribute,
  DescribeSnapshotTierStatus: describeSnapshotTierStatus,
  DescribeSnapshots: describeSnapshots,
  DescribeTags: describeTags,
  DescribeVolumeAttribute: describeVolumeAttribute,
  DescribeVolumeStatus: describeVolumeStatus,
  DescribeVolumes: describeVolumes,
  DescribeVolumesModifications: describeVolumesModifications,
  DetachVolume: detachVolume,
  DisableEbsEncryptionByDefault: disableEbsEncryptionByDefault,
  DisableImageBlockPublicAccess: disableImageBlockPublicAccess,
  DisableImageDeprecation: disableImageDeprecation,
  DisableImageDeregistrationProtection: disableImageDeregistrationProtection,
  DisableSnapshotBlockPublicAccess: disableSnapshotBlockPublicAccess,
  DisassociateIamInstanceProfile: disassociateIamInstanceProfile,
  EnableEbsEncryptionByDefault: enableEbsEncryptionByDefault,
  EnableImageBlockPublicAccess: enableImageBlockPublicAccess,
  EnableImageDeprecation: enableImageDeprecation,
  EnableImageDeregistrationProtection: enableImageDeregistrationProtection,
  EnableSnapshotBlockPublicAccess: enableSnapshotBlockPublicAccess,
  EnableVolumeIO: enableVolumeIo,
  GetConsoleOutput: getConsoleOutput,
  GetEbsDefaultKmsKeyId: getEbsDefaultKmsKeyId,
  GetEbsEncryptionByDefault: getEbsEncryptionByDefault,
  GetImageBlockPublicAccessState: getImageBlockPublicAccessState,
  GetLaunchTemplateData: getLaunchTemplateData,
  GetPasswordData: getPasswordData,
  GetSnapshotBlockPublicAccessState: getSnapshotBlockPublicAccessState,
  ImportKeyPair: importKeyPair,
  LockSnapshot: lockSnapshot,
  ModifyEbsDefaultKmsKeyId: modifyEbsDefaultKmsKeyId,
  ModifyImageAttribute: modifyImageAttribute,
  ModifyInstanceAttribute: modifyInstanceAttribute,
  ModifyInstanceMetadataOptions: modifyInstanceMetadataOptions,
  ModifyLaunchTemplate: modifyLaunchTemplate,
  ModifySnapshotAttribute: modifySnapshotAttribute,
  ModifyVolume: modifyVolume,
  ModifyVolumeAttribute: modifyVolumeAttribute,
  MonitorInstances: monitorInstances,
  RebootInstances: rebootInstances,
  RegisterImage: registerImage,
  ReplaceIamInstanceProfileAssociation: replaceIamInstanceProfileAssociation,
  ResetEbsDefaultKmsKeyId: resetEbsDefaultKmsKeyId,
  ResetImageAttribute: resetImageAttribute,
  ResetInstanceAttribute: resetInstanceAttribute,
  ResetSnapshotAttribute: resetSnapshotAttribute,
  RunInstances: runInstances,
  StartInstances: startInstances,
  StopInstances: stopInstances,
  TerminateInstances: terminateInstances,
  UnlockSnapshot: unlockSnapshot,
  UnmonitorInstances: unmonitorInstances,
} satisfies { [Name in Ec2Action]?: Ec2Handler<Name> };

/** The implemented actions, in alphabetical order. */
export const EC2_ACTIONS: readonly string[] = Object.keys(EC2_HANDLERS).sort();

export function createEc2Actions(app: App): ActionTable {
  return createTable(app, 'ec2', EC2_HANDLERS);
}
