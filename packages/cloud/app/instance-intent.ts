// Owns the document that tells a node what one instance is to be, composed from its rows.

import type { SecurityGroupId } from '@ironbark/core/ids.ts';
import { DIRECT, PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { GIB } from '@ironbark/core/units.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import type {
  BlockExport,
  InstanceImage,
  InstanceIntent,
  InterfaceIntent,
  MetadataIntent,
  RoleIntent,
  RootDiskIntent,
  VolumeIntent,
} from '@ironbark/protocol/internal/instance-messages.ts';
import type {
  AttachmentRow,
  InstanceRow,
  InterfaceRow,
  SubnetRow,
  TagRow,
  VolumeRow,
} from '../store/schema.ts';
import { privateDnsName } from './addresses.ts';
import { volumeProfile } from './attach-modes.ts';
import { isRootOf } from './instances.ts';
import { rootDiskProfile } from './io-profiles.ts';

/** Every row that the document is made of. */
export interface InstanceRows {
  instance: InstanceRow;
  interfaces: readonly InterfaceRow[];
  groups: readonly { interfaceId: string; groupId: SecurityGroupId; name: string }[];
  morePrivateIps: readonly { interfaceId: string; privateIp: string }[];
  ipv6Addresses: readonly { interfaceId: string; address: string }[];
  subnetIpv6Cidrs: readonly { subnetId: string; cidr: string }[];
  /** Of all VPCs. */
  subnets: readonly SubnetRow[];
  attachments: readonly { attachment: AttachmentRow; volume: VolumeRow }[];
  subnet: SubnetRow & { vpcCidr: string };
  tags: readonly TagRow[];
  role?: RoleIntent | undefined;
}

export type IntentPlan =
  | { kind: 'none' }
  /** It is to start with volumes that cannot be opened yet. */
  | { kind: 'wait'; forVolumes: string[] }
  | { kind: 'send'; generation: number };

/** A guest finds its volumes when it starts, so a start waits for all of them; a running one gets them later. */
export function planIntent(
  instance: Pick<
    InstanceRow,
    'nodeId' | 'terminatedAt' | 'desiredPower' | 'observedPower' | 'generation'
  >,
  attachments: readonly Pick<AttachmentRow, 'volumeId' | 'desired' | 'offeredExport'>[],
): IntentPlan {
  if (instance.nodeId === null || instance.terminatedAt !== null) return { kind: 'none' };
  const isStart =
    instance.desiredPower === 'running' &&
    (instance.observedPower === null || instance.observedPower === 'stopped');
  const absent = attachments.filter((a) => a.desired === 'attached' && a.offeredExport === null);
  if (isStart && absent.length > 0) {
    return { kind: 'wait', forVolumes: absent.map((attachment) => attachment.volumeId) };
  }
  return { kind: 'send', generation: instance.generation };
}

export function composeIntent(rows: InstanceRows, region: string): InstanceIntent {
  const { instance } = rows;
  const leaving = rows.interfaces.filter(({ attachState }) => attachState === 'detaching');
  const cut = leaving.filter(({ detachForced }) => detachForced === 1).map(({ id }) => id);
  return {
    id: instance.id,
    generation: instance.generation,
    power: instance.desiredPower,
    forceStop: instance.desiredForceStop === 1,
    rebootCount: instance.desiredRebootCount,
    vcpus: instance.vcpus,
    memoryMib: instance.memoryMib,
    image: JSON.parse(instance.image) as InstanceImage,
    rootDisk: composeRootDisk(rows),
    interfaces: rows.interfaces
      .filter(({ attachState }) => attachState !== 'detaching')
      .map((row) => composeInterface(rows, row, region)),
    ...(cut.length === 0 ? {} : { cutInterfaces: cut }),
    volumes: instance.desiredPower === 'terminated' ? [] : rows.attachments.flatMap(composeVolume),
    metadata: composeMetadata(rows, region),
  };
}

function composeInterface(
  { groups, subnets, morePrivateIps, ipv6Addresses, subnetIpv6Cidrs }: InstanceRows,
  row: InterfaceRow,
  region: string,
): InterfaceIntent {
  const { id, deviceIndex, macAddress, privateIp, subnetId } = row;
  const own = groups.filter(({ interfaceId }) => interfaceId === id);
  const more = morePrivateIps.filter(({ interfaceId }) => interfaceId === id);
  const own6 = ipv6Addresses.filter(({ interfaceId }) => interfaceId === id);
  const block6 = subnetIpv6Cidrs.find((block) => block.subnetId === subnetId);
  return {
    ...{ id, deviceIndex, macAddress, privateIp, subnetId, profile: PARAVIRTUAL },
    hostname: privateDnsName(privateIp, region),
    privateIps: [privateIp, ...more.map((one) => one.privateIp)],
    ...(own6.length > 0 && { ipv6Addresses: own6.map(({ address }) => address) }),
    ...(block6 && { subnetIpv6Cidr: block6.cidr }),
    subnetCidr: subnets.find((subnet) => subnet.id === subnetId)!.cidr,
    securityGroups: own.map(({ name }) => name),
    securityGroupIds: own.map(({ groupId }) => groupId),
  };
}

function composeRootDisk({ instance, attachments, tags }: InstanceRows): RootDiskIntent {
  const { rootDiskBytes: sizeBytes, rootDeviceName: deviceName } = instance;
  const found = attachments.find(({ attachment }) => isRootOf(instance, attachment));
  if (found === undefined) return { sizeBytes, deviceName, profile: rootDiskProfile(tags) };
  const { volume } = found;
  return { sizeBytes: sizeOf(volume), deviceName, profile: DIRECT, volumeId: volume.id };
}

function sizeOf(volume: VolumeRow): number {
  return (volume.offeredSizeGib ?? volume.sizeGib) * GIB;
}

function composeVolume({
  attachment,
  volume,
}: InstanceRows['attachments'][number]): VolumeIntent[] {
  if (attachment.offeredExport === null) return [];
  return [
    {
      volumeId: volume.id,
      deviceName: attachment.deviceName,
      sizeBytes: sizeOf(volume),
      source: JSON.parse(attachment.offeredExport) as BlockExport,
      profile: volumeProfile(attachment),
    },
  ];
}

function composeMetadata(rows: InstanceRows, region: string): MetadataIntent {
  const { instance, subnet } = rows;
  const [first] = rows.interfaces;
  const privateIp = first?.privateIp;
  // An instance's groups are those of its first interface.
  const groups = rows.groups.filter(({ interfaceId }) => interfaceId === first?.id);
  const { keyName, publicKey } = instance;
  return {
    accountId: instance.accountId,
    region,
    availabilityZone: instance.zone,
    imageId: instance.imageId,
    instanceType: instance.instanceType,
    reservationId: instance.reservationId,
    launchIndex: instance.launchIndex,
    launchedAt: renderTime(instance.launchedAt),
    hostname: privateIp === undefined ? instance.id : privateDnsName(privateIp, region),
    keys: keyName === null || publicKey === null ? [] : [{ name: keyName, openssh: publicKey }],
    securityGroups: groups.map((group) => group.name),
    securityGroupIds: groups.map((group) => group.groupId),
    vpcId: instance.vpcId,
    vpcCidr: subnet.vpcCidr,
    subnetCidr: subnet.cidr,
    ...(instance.userData === null ? {} : { userData: instance.userData }),
    options: JSON.parse(instance.metadataOptions) as MetadataIntent['options'],
    tags: Object.fromEntries(rows.tags.map((tag) => [tag.key, tag.value])),
    ...(rows.role === undefined ? {} : { role: rows.role }),
  };
}
