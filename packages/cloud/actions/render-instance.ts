// Owns EC2's shape of an instance.

import type {
  Instance,
  InstanceBlockDeviceMapping,
  InstanceStateChange,
  Reservation,
  InstanceState as WireState,
} from '@aws-sdk/client-ec2';
import { INSTANCE_STATE_CODES, type InstanceState } from '@ironbark/core/states.ts';
import type { MetadataIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import { privateDnsName } from '../app/addresses.ts';
import { entityArn } from '../app/iam/names.ts';
import type { StateChange } from '../app/instances.ts';
import type { Tag } from '../app/tags.ts';
import { viewAttachmentState } from '../app/volume-view.ts';
import type { InstanceProfileTable } from '../store/iam-schema.ts';
import type { AttachmentRow } from '../store/schema.ts';
import type { InstanceRecord } from './instance-records.ts';
import { type InterfaceRecord, renderGroup, renderInterface } from './render-interface.ts';

export function renderState(state: InstanceState): WireState {
  return { Code: INSTANCE_STATE_CODES[state], Name: state };
}

export function renderStateChange(change: StateChange): InstanceStateChange {
  return {
    InstanceId: change.id,
    CurrentState: renderState(change.current),
    PreviousState: renderState(change.previous),
  };
}

/** It takes no time to turn on or off, so nothing is ever `pending`. */
export function renderMonitoring({ detailedMonitoring }: { detailedMonitoring: 0 | 1 }): {
  State: 'enabled' | 'disabled';
} {
  return { State: detailedMonitoring === 1 ? 'enabled' : 'disabled' };
}

export type RenderedTags = { Key: string; Value: string }[];

export function renderTags(tags: readonly Tag[]): RenderedTags {
  return tags.map((tag) => ({ Key: tag.key, Value: tag.value }));
}

/** EC2 leaves the member out where there are none. */
export function tagsOf(tags: readonly Tag[]): { Tags?: RenderedTags } {
  return tags.length === 0 ? {} : { Tags: renderTags(tags) };
}

/** Instances of one reservation belong together, in the order of their launch. */
export function renderReservations(
  records: readonly InstanceRecord[],
  region: string,
): Reservation[] {
  const byReservation = Map.groupBy(records, (record) => record.row.reservationId);
  return [...byReservation].map(([id, members]) => ({
    ReservationId: id,
    OwnerId: members[0]!.row.accountId,
    Groups: [],
    Instances: members
      .toSorted((left, right) => left.row.launchIndex - right.row.launchIndex)
      .map((record) => renderInstance(record, region)),
  }));
}

export function renderInstance(record: InstanceRecord, region: string): Instance {
  const { row, view } = record;
  return {
    InstanceId: row.id,
    ImageId: row.imageId,
    State: renderState(view.state),
    StateTransitionReason: view.transitionReason,
    ...(view.stateReason === undefined
      ? {}
      : { StateReason: { Code: view.stateReason.code, Message: view.stateReason.message } }),
    InstanceType: row.instanceType as NonNullable<Instance['InstanceType']>,
    ...(row.keyName === null ? {} : { KeyName: row.keyName }),
    ...(row.clientToken === null ? {} : { ClientToken: row.clientToken }),
    AmiLaunchIndex: row.launchIndex,
    ProductCodes: [],
    LaunchTime: new Date(row.launchedAt),
    Placement: {
      AvailabilityZone: row.zone,
      GroupName: record.groupName ?? '',
      ...(row.placementGroupId === null ? {} : { GroupId: row.placementGroupId }),
      Tenancy: 'default',
    },
    Monitoring: renderMonitoring(row),
    Architecture: 'x86_64',
    PlatformDetails: 'Linux/UNIX',
    RootDeviceName: row.rootDeviceName,
    RootDeviceType: row.rootDeviceType,
    VirtualizationType: 'hvm',
    EbsOptimized: false,
    EnaSupport: false,
    BlockDeviceMappings: record.attachments.map(renderMapping),
    CpuOptions: { CoreCount: row.vcpus, ThreadsPerCore: 1 },
    HibernationOptions: { Configured: false },
    EnclaveOptions: { Enabled: false },
    CurrentInstanceBootMode: 'legacy-bios',
    UsageOperation: 'RunInstances',
    UsageOperationUpdateTime: new Date(row.createdAt),
    PrivateDnsNameOptions: {
      HostnameType: 'ip-name',
      EnableResourceNameDnsARecord: false,
      EnableResourceNameDnsAAAARecord: false,
    },
    MaintenanceOptions: { AutoRecovery: 'disabled' },
    MetadataOptions: renderMetadataOptions(record),
    ...(record.profile === undefined
      ? {}
      : { IamInstanceProfile: renderProfileLink(record.profile) }),
    ...tagsOf(record.tags),
    ...renderNetwork(record, region),
  };
}

export function renderProfileLink(profile: InstanceProfileTable) {
  return { Arn: entityArn('instance-profile', profile), Id: profile.id };
}

/** A terminated instance has no interface, hence no address, subnet or group any more. */
function renderNetwork(record: InstanceRecord, region: string): Partial<Instance> {
  const first = record.interfaces[0];
  const none = { PrivateDnsName: '', PublicDnsName: '', NetworkInterfaces: [], SecurityGroups: [] };
  if (first === undefined) return none;
  return {
    PrivateDnsName: privateDnsName(first.row.privateIp, region),
    PublicDnsName: '',
    PrivateIpAddress: first.row.privateIp,
    ...(first.ipv6Addresses[0] && { Ipv6Address: first.ipv6Addresses[0] }),
    SubnetId: first.row.subnetId,
    VpcId: first.row.vpcId,
    SourceDestCheck: first.row.sourceDestCheck === 1,
    ...publicAddressOf(first),
    SecurityGroups: first.groups.map(renderGroup),
    NetworkInterfaces: record.interfaces.map((one) => renderInterface(one, region)),
  };
}

/** Of its first private address. */
function publicAddressOf({ row, addresses }: InterfaceRecord): Partial<Instance> {
  const found = addresses.find((one) => one.privateIp === row.privateIp);
  return found === undefined ? {} : { PublicIpAddress: found.publicIp };
}

function renderMapping(row: AttachmentRow): InstanceBlockDeviceMapping {
  const state = viewAttachmentState(row);
  return {
    DeviceName: row.deviceName,
    Ebs: {
      VolumeId: row.volumeId,
      AttachTime: new Date(row.createdAt),
      DeleteOnTermination: row.deleteOnTermination === 1,
      Status: state === 'busy' ? 'attached' : state,
    },
  };
}

/** `pending` until the guest's node has the options that are desired. */
export function renderMetadataOptions({
  row,
}: Pick<InstanceRecord, 'row'>): NonNullable<Instance['MetadataOptions']> {
  const options = JSON.parse(row.metadataOptions) as MetadataIntent['options'];
  const isApplied = row.observedGeneration >= row.generation;
  return {
    State: isApplied ? 'applied' : 'pending',
    HttpTokens: options.tokens,
    HttpPutResponseHopLimit: options.hopLimit,
    HttpEndpoint: options.endpoint,
    HttpProtocolIpv6: 'disabled',
    InstanceMetadataTags: options.instanceTags,
  };
}
