// Owns what EC2 shows of a network interface, by itself and among those of an instance.

import type { GroupIdentifier, InstanceNetworkInterface } from '@aws-sdk/client-ec2';
import { privateDnsName } from '../app/addresses.ts';
import type { InterfaceGroup } from '../store/network-interfaces.ts';
import type { InterfaceRow } from '../store/schema.ts';

export function renderGroup(group: { groupId: string; name: string }): GroupIdentifier {
  return { GroupId: group.groupId, GroupName: group.name };
}

export function renderInterface(
  { row, groups }: { row: InterfaceRow; groups: readonly InterfaceGroup[] },
  region: string,
) {
  const PrivateDnsName = privateDnsName(row.privateIp, region);
  return {
    NetworkInterfaceId: row.id,
    OwnerId: row.accountId,
    Status: 'in-use',
    InterfaceType: 'interface' as const,
    Description: row.description,
    MacAddress: row.macAddress,
    SubnetId: row.subnetId,
    VpcId: row.vpcId,
    SourceDestCheck: true,
    PrivateDnsName,
    PrivateIpAddress: row.privateIp,
    PrivateIpAddresses: [{ Primary: true, PrivateDnsName, PrivateIpAddress: row.privateIp }],
    Ipv6Addresses: [],
    Groups: groups.map(renderGroup),
    Attachment: {
      AttachmentId: row.attachmentId,
      AttachTime: new Date(row.createdAt),
      DeleteOnTermination: true,
      DeviceIndex: row.deviceIndex,
      NetworkCardIndex: 0,
      Status: 'attached',
    },
  } satisfies InstanceNetworkInterface;
}
