// Owns the rows of the authorization matrix for EC2 and STS: one good request of each action, and which members of a
// request name something that has an owner. A new action needs a row here, a new kind of id a line.

import type { AccountResources } from './account-resources.ts';
import { DEVICE } from './account-resources.ts';
import { NETWORK_REFERENCES, NETWORK_ROWS } from './matrix-network.ts';

type Input = Readonly<Record<string, unknown>>;

/** A request that would succeed for the owner of these resources; the matrix sends it as a dry run to be sure. */
export const ACTION_ROWS: Readonly<Record<string, (own: AccountResources) => Input>> = {
  ...NETWORK_ROWS,
  AssociateIamInstanceProfile: (own) => ({
    InstanceId: own.stopped,
    IamInstanceProfile: { Name: own.profile },
  }),
  AttachVolume: (own) => ({ VolumeId: own.volume, InstanceId: own.running, Device: '/dev/sdg' }),
  CopyImage: (own) => ({
    SourceRegion: own.caller.region,
    SourceImageId: own.image,
    Name: `${own.mark} copied`,
  }),
  CopySnapshot: (own) => ({ SourceRegion: own.caller.region, SourceSnapshotId: own.snapshot }),
  CreateImage: (own) => ({ InstanceId: own.running, Name: `${own.mark} made` }),
  CreateKeyPair: (own) => ({ KeyName: `${own.mark}-another` }),
  CreateLaunchTemplate: (own) => ({
    LaunchTemplateName: `${own.mark}-more`,
    LaunchTemplateData: { ImageId: own.image },
  }),
  CreateLaunchTemplateVersion: (own) => ({
    LaunchTemplateId: own.template,
    LaunchTemplateData: { ImageId: own.image },
  }),
  CreatePlacementGroup: (own) => ({ GroupName: `${own.mark}-more` }),
  CreateSnapshot: (own) => ({ VolumeId: own.volume }),
  CreateSnapshots: (own) => ({ InstanceSpecification: { InstanceId: own.running } }),
  CreateTags: (own) => ({ Resources: [own.volume], Tags: [{ Key: 'k', Value: 'v' }] }),
  CreateVolume: (own) => ({ AvailabilityZone: `${own.caller.region}a`, Size: 1 }),
  DeleteKeyPair: (own) => ({ KeyPairId: own.keyPair }),
  DeleteLaunchTemplate: (own) => ({ LaunchTemplateId: own.template }),
  DeleteLaunchTemplateVersions: (own) => ({ LaunchTemplateId: own.template, Versions: ['2'] }),
  DeletePlacementGroup: (own) => ({ GroupName: own.placementName }),
  DeleteSnapshot: (own) => ({ SnapshotId: own.snapshot }),
  DeleteTags: (own) => ({ Resources: [own.volume], Tags: [{ Key: 'mark' }] }),
  DeleteVolume: (own) => ({ VolumeId: own.volume }),
  DeregisterImage: (own) => ({ ImageId: own.image }),
  DescribeAccountAttributes: () => ({}),
  DescribeAvailabilityZones: () => ({}),
  DescribeIamInstanceProfileAssociations: () => ({}),
  DisassociateIamInstanceProfile: (own) => ({ AssociationId: own.association }),
  ReplaceIamInstanceProfileAssociation: (own) => ({
    AssociationId: own.association,
    IamInstanceProfile: { Name: own.profile },
  }),
  DescribeImageAttribute: (own) => ({ ImageId: own.image, Attribute: 'description' }),
  DescribeImages: () => ({}),
  DescribeInstanceAttribute: (own) => ({ InstanceId: own.running, Attribute: 'instanceType' }),
  DescribeInstanceCreditSpecifications: () => ({}),
  DescribeInstanceStatus: () => ({ IncludeAllInstances: true }),
  DescribeInstanceTypeOfferings: () => ({}),
  DescribeInstanceTypes: () => ({}),
  DescribeInstances: () => ({}),
  DescribeKeyPairs: () => ({}),
  DescribeLaunchTemplateVersions: (own) => ({ LaunchTemplateId: own.template }),
  DescribeLaunchTemplates: () => ({}),
  DescribeLockedSnapshots: () => ({}),
  DescribePlacementGroups: () => ({}),
  DescribeRegions: () => ({}),
  DescribeSnapshotAttribute: (own) => ({
    SnapshotId: own.snapshot,
    Attribute: 'createVolumePermission',
  }),
  DescribeSnapshotTierStatus: () => ({}),
  DescribeSnapshots: () => ({}),
  DescribeTags: () => ({}),
  DescribeVolumeAttribute: (own) => ({ VolumeId: own.volume, Attribute: 'autoEnableIO' }),
  DescribeVolumeStatus: () => ({}),
  DescribeVolumes: () => ({}),
  DescribeVolumesModifications: () => ({}),
  DetachVolume: (own) => ({ VolumeId: own.attached, InstanceId: own.running, Device: DEVICE }),
  DisableEbsEncryptionByDefault: () => ({}),
  DisableImageDeprecation: (own) => ({ ImageId: own.image }),
  DisableImageDeregistrationProtection: (own) => ({ ImageId: own.image }),
  EnableImageDeregistrationProtection: (own) => ({ ImageId: own.image }),
  EnableImageDeprecation: (own) => ({ ImageId: own.image, DeprecateAt: '2030-01-01T00:00:00Z' }),
  GetLaunchTemplateData: (own) => ({ InstanceId: own.running }),
  GetPasswordData: (own) => ({ InstanceId: own.running }),
  ModifyImageAttribute: (own) => ({ ImageId: own.image, Description: { Value: 'another' } }),
  ModifyLaunchTemplate: (own) => ({ LaunchTemplateId: own.template, DefaultVersion: '2' }),
  ResetImageAttribute: (own) => ({ ImageId: own.image, Attribute: 'launchPermission' }),
  EnableVolumeIO: (own) => ({ VolumeId: own.volume }),
  GetConsoleOutput: (own) => ({ InstanceId: own.running }),
  EnableEbsEncryptionByDefault: () => ({}),
  DisableImageBlockPublicAccess: () => ({}),
  DisableSnapshotBlockPublicAccess: () => ({}),
  EnableImageBlockPublicAccess: () => ({ ImageBlockPublicAccessState: 'block-new-sharing' }),
  EnableSnapshotBlockPublicAccess: () => ({ State: 'block-new-sharing' }),
  GetImageBlockPublicAccessState: () => ({}),
  GetSnapshotBlockPublicAccessState: () => ({}),
  GetEbsDefaultKmsKeyId: () => ({}),
  GetEbsEncryptionByDefault: () => ({}),
  ModifyEbsDefaultKmsKeyId: () => ({ KmsKeyId: 'alias/aws/ebs' }),
  ResetEbsDefaultKmsKeyId: () => ({}),
  ImportKeyPair: (own) => ({ KeyName: `${own.mark}-imported`, PublicKeyMaterial: PUBLIC_KEY }),
  LockSnapshot: (own) => ({
    SnapshotId: own.snapshot,
    LockMode: 'governance',
    LockDuration: 1,
  }),
  ModifyInstanceAttribute: (own) => ({
    InstanceId: own.running,
    Attribute: 'disableApiTermination',
    Value: 'false',
  }),
  ResetInstanceAttribute: (own) => ({
    InstanceId: own.running,
    Attribute: 'sourceDestCheck',
  }),
  ModifyInstanceMetadataOptions: (own) => ({ InstanceId: own.running, HttpTokens: 'required' }),
  ModifySnapshotAttribute: (own) => ({
    SnapshotId: own.snapshot,
    CreateVolumePermission: { Add: [{ Group: 'all' }] },
  }),
  ModifyVolumeAttribute: (own) => ({ VolumeId: own.volume, AutoEnableIO: { Value: true } }),
  ModifyVolume: (own) => ({ VolumeId: own.volume, Size: 2 }),
  MonitorInstances: (own) => ({ InstanceIds: [own.running] }),
  UnmonitorInstances: (own) => ({ InstanceIds: [own.running] }),
  RebootInstances: (own) => ({ InstanceIds: [own.running] }),
  RegisterImage: (own) => ({ Name: `${own.mark} another`, ImageLocation: own.location }),
  ResetSnapshotAttribute: (own) => ({
    SnapshotId: own.snapshot,
    Attribute: 'createVolumePermission',
  }),
  RunInstances: (own) => ({
    ImageId: own.image,
    InstanceType: 't3.nano',
    MinCount: 1,
    MaxCount: 1,
  }),
  StartInstances: (own) => ({ InstanceIds: [own.stopped] }),
  StopInstances: (own) => ({ InstanceIds: [own.running] }),
  TerminateInstances: (own) => ({ InstanceIds: [own.running] }),
  UnlockSnapshot: (own) => ({ SnapshotId: own.locked }),
};

const PUBLIC_KEY = Buffer.from(
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJyDsxU9BnUtIMKKAqZTUThJYoIz8UDVlLlKmyLdZ7pl x',
);

export interface Reference {
  /** What of the other account's is named. */
  of: (other: AccountResources) => string;
  /** What the answer has to be. */
  code: string;
  /** Members that cannot stand beside this one. */
  without?: readonly string[];
}

const MAPPING = 'InvalidBlockDeviceMapping';
const INSTANCE = ref((other) => other.running, 'InvalidInstanceID.NotFound');
const VOLUME = ref((other) => other.volume, 'InvalidVolume.NotFound');
const SNAPSHOT = ref((other) => other.snapshot, 'InvalidSnapshot.NotFound');
const IMAGE = ref((other) => other.image, 'InvalidAMIID.NotFound');
const KEY_PAIR = ref((other) => other.keyPair, 'InvalidKeyPair.NotFound');
const TEMPLATE = ref((other) => other.template, 'InvalidLaunchTemplateId.NotFound', [
  'LaunchTemplateName',
]);
const TEMPLATE_NAME = ref(
  (other) => other.templateName,
  'InvalidLaunchTemplateName.NotFoundException',
  ['LaunchTemplateId'],
);
const ASSOCIATION = ref((other) => other.association, 'NoSuchAssociation');
const PLACEMENT = 'InvalidPlacementGroup.Unknown';
const GROUP = ref((other) => other.group, 'InvalidGroup.NotFound');
const SUBNET = ref((other) => other.subnet, 'InvalidSubnetID.NotFound');
const VPC = ref((other) => other.vpc, 'InvalidVpcID.NotFound');

function ref(of: Reference['of'], code: string, without: readonly string[] = []): Reference {
  return { of, code, without };
}

/**
 * By member path, or by `Action path` where an action differs. `undefined`: the name means nothing that anybody owns,
 * or it is looked up among the caller's own names.
 */
export const REFERENCES: Readonly<Record<string, Reference | undefined>> = {
  ...NETWORK_REFERENCES,
  InstanceId: INSTANCE,
  'InstanceSpecification.InstanceId': INSTANCE,
  'InstanceSpecification.ExcludeDataVolumeIds[]': VOLUME,
  'DetachVolume InstanceId': ref(INSTANCE.of, 'InvalidAttachment.NotFound'),
  'InstanceIds[]': INSTANCE,
  VolumeId: VOLUME,
  'VolumeIds[]': VOLUME,
  'BlockDeviceMappings[].Ebs.VolumeId': ref(VOLUME.of, MAPPING, ['Attribute', 'Value']),
  SnapshotId: SNAPSHOT,
  SourceSnapshotId: SNAPSHOT,
  'SnapshotIds[]': SNAPSHOT,
  'BlockDeviceMappings[].Ebs.SnapshotId': SNAPSHOT,
  // Only what is attached can be named there.
  'CreateImage BlockDeviceMappings[].Ebs.SnapshotId': ref(SNAPSHOT.of, MAPPING),
  ImageId: IMAGE,
  SourceImageId: IMAGE,
  LaunchTemplateId: TEMPLATE,
  LaunchTemplateName: TEMPLATE_NAME,
  'CreateLaunchTemplate LaunchTemplateName': undefined,
  'LaunchTemplateIds[]': TEMPLATE,
  'LaunchTemplateNames[]': TEMPLATE_NAME,
  'LaunchTemplate.LaunchTemplateId': TEMPLATE,
  'LaunchTemplate.LaunchTemplateName': TEMPLATE_NAME,
  'Placement.GroupId': ref((other) => other.placementGroup, PLACEMENT),
  'Placement.GroupName': ref((other) => other.placementName, PLACEMENT),
  'DescribePlacementGroups GroupIds[]': ref((other) => other.placementGroup, PLACEMENT),
  'DescribePlacementGroups GroupNames[]': ref((other) => other.placementName, PLACEMENT),
  'DeletePlacementGroup GroupName': ref((other) => other.placementName, PLACEMENT),
  'CreatePlacementGroup GroupName': undefined,
  GroupName: undefined,
  LinkedGroupId: undefined,
  ParentGroupId: undefined,
  DestinationAvailabilityZoneId: undefined,
  'ImageIds[]': IMAGE,
  ImageLocation: ref((other) => other.location, 'UnauthorizedOperation'),
  KeyPairId: KEY_PAIR,
  'KeyPairIds[]': KEY_PAIR,
  'KeyNames[]': ref((other) => other.keyName, KEY_PAIR.code),
  'RunInstances KeyName': ref((other) => other.keyName, KEY_PAIR.code),
  KeyName: undefined,
  'GroupIds[]': GROUP,
  'SecurityGroupIds[]': GROUP,
  'Groups[]': ref(GROUP.of, GROUP.code, ['Attribute', 'Value']),
  'SecurityGroupRuleIds[]': ref((other) => other.rule, 'InvalidSecurityGroupRuleId.NotFound'),
  SubnetId: SUBNET,
  'SubnetIds[]': SUBNET,
  VpcId: VPC,
  'VpcIds[]': VPC,
  'NetworkInterfaceIds[]': ref(
    (other) => other.networkInterface,
    'InvalidNetworkInterfaceID.NotFound',
  ),
  'NetworkInterfaces[].NetworkInterfaceId': ref(
    (other) => other.networkInterface,
    'InvalidNetworkInterfaceID.NotFound',
  ),
  'NetworkInterfaces[].SubnetId': SUBNET,
  'NetworkInterfaces[].Groups[]': GROUP,
  'Resources[]': INSTANCE,
  'CreateVolumePermission.Add[].UserId': undefined,
  'CreateVolumePermission.Remove[].UserId': undefined,
  'UserIds[]': undefined,
  'UserGroups[]': undefined,
  'LaunchPermission.Add[].UserId': undefined,
  'LaunchPermission.Remove[].UserId': undefined,
  'GroupNames[]': undefined,
  'SecurityGroups[]': undefined,
  'BlockDeviceMappings[].Ebs.KmsKeyId': undefined,
  'BlockDeviceMappings[].Ebs.AvailabilityZoneId': undefined,
  'BlockDeviceMappings[].VirtualName': undefined,
  'BlockDeviceMappings[].DeviceName': undefined,
  'CapacityReservationSpecification.CapacityReservationTarget.CapacityReservationId': undefined,
  AvailabilityZoneId: undefined,
  'IamInstanceProfile.Name': ref((other) => other.profile, 'InvalidParameterValue'),
  'DisassociateIamInstanceProfile AssociationId': ASSOCIATION,
  'ReplaceIamInstanceProfileAssociation AssociationId': ASSOCIATION,
  'AssociationIds[]': ASSOCIATION,
  KernelId: undefined,
  RamdiskId: undefined,
  KmsKeyId: undefined,
  'MetricCategoryIds[]': undefined,
  'Monitoring.MetricCategoryIds[]': undefined,
  'OwnerIds[]': undefined,
  'Placement.AvailabilityZoneId': undefined,
  'Placement.HostId': undefined,
  'RegionNames[]': undefined,
  'RestorableByUserIds[]': undefined,
  RootDeviceName: undefined,
  Name: undefined,
  'SecondaryInterfaces[].SecondarySubnetId': undefined,
  'ZoneIds[]': undefined,
  'ZoneNames[]': undefined,
};
