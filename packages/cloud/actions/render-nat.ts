// Owns EC2's shape of a NAT gateway.

import type { NatGateway } from '@aws-sdk/client-ec2';
import type { Tag } from '../app/tags.ts';
import type { NatGatewayRow } from '../store/network-schema.ts';
import { tagsOf } from './render-instance.ts';

export interface NatItem {
  row: NatGatewayRow;
  tags: readonly Tag[];
}

export function stateOf({ deletedAt }: NatGatewayRow): 'available' | 'deleted' {
  return deletedAt === null ? 'available' : 'deleted';
}

export function renderNat({ row, tags }: NatItem): NatGateway {
  return {
    NatGatewayId: row.id,
    VpcId: row.vpcId,
    SubnetId: row.subnetId,
    State: stateOf(row),
    ConnectivityType: 'public',
    CreateTime: new Date(row.createdAt),
    ...(row.deletedAt === null ? {} : { DeleteTime: new Date(row.deletedAt) }),
    NatGatewayAddresses: [
      {
        AllocationId: row.allocationId,
        NetworkInterfaceId: row.interfaceId,
        PrivateIp: row.privateIp,
        PublicIp: row.publicIp,
        IsPrimary: true,
        Status: 'succeeded',
      },
    ],
    ...tagsOf(tags),
  };
}
