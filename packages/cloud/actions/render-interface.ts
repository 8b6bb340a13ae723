// Owns what EC2 shows of a network interface, by itself and among those of an instance.

import type {
  GroupIdentifier,
  InstanceNetworkInterface,
  InstanceNetworkInterfaceAssociation,
} from '@aws-sdk/client-ec2';
import { privateDnsName } from '../app/addresses.ts';
import type { InterfaceGroup } from '../store/network-interfaces.ts';
import type { AddressRow } from '../store/network-schema.ts';
import type { InterfaceRow } from '../store/schema.ts';
import { renderIpv6Addresses } from './render-ipv6.ts';

export interface InterfaceRecord {
  row: InterfaceRow;
  groups: readonly InterfaceGroup[];
  morePrivateIps: readonly string[];
  ipv6Addresses: readonly string[];
  /** Public ones that are its own. */
  addresses: readonly AddressRow[];
}

export function renderGroup(group: { groupId: string; name: string }): GroupIdentifier {
  return { GroupId: group.groupId, GroupName: group.name };
}

/** Of an interface among those of its instance EC2 does not say which association it is. */
function renderAssociation(
  { addresses }: InterfaceRecord,
  privateIp: string,
): { Association?: InstanceNetworkInterfaceAssociation } {
  const row = addresses.find((one) => one.privateIp === privateIp);
  if (row === undefined) return {};
  // AWS's own word for the owner of an address that came with a launch.
  const IpOwnerId = ipOwnerOf(row);
  return { Association: { PublicIp: row.publicIp, PublicDnsName: '', IpOwnerId } };
}

export function renderInterface(record: InterfaceRecord, region: string) {
  const { row, groups, morePrivateIps } = record;
  return {
    NetworkInterfaceId: row.id,
    OwnerId: row.accountId,
    Status: row.instanceId === '' && row.isManaged === 0 ? 'available' : 'in-use',
    InterfaceType: 'interface' as const,
    Description: row.description,
    MacAddress: row.macAddress,
    SubnetId: row.subnetId,
    VpcId: row.vpcId,
    SourceDestCheck: row.sourceDestCheck === 1,
    PrivateDnsName: privateDnsName(row.privateIp, region),
    PrivateIpAddress: row.privateIp,
    PrivateIpAddresses: [row.privateIp, ...morePrivateIps].map((privateIp) => ({
      Primary: privateIp === row.privateIp,
      PrivateDnsName: privateDnsName(privateIp, region),
      PrivateIpAddress: privateIp,
      ...renderAssociation(record, privateIp),
    })),
    ...renderAssociation(record, row.privateIp),
    Ipv6Addresses: renderIpv6Addresses(record.ipv6Addresses),
    Groups: groups.map(renderGroup),
    Attachment: {
      AttachmentId: row.attachmentId,
      AttachTime: new Date(row.attachedAt ?? row.createdAt),
      DeleteOnTermination: row.deleteOnTermination === 1,
      DeviceIndex: row.deviceIndex,
      NetworkCardIndex: 0,
      Status: row.attachState,
    },
  } satisfies InstanceNetworkInterface;
}

/** An address that nobody allocated is the cloud's. */
export function ipOwnerOf({ isAutomatic, accountId }: AddressRow): string {
  return isAutomatic === 1 ? 'amazon' : accountId;
}
