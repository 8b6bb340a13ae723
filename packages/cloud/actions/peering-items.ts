// Owns peerings as they are shown: EC2's shape, and what they are filtered by.

import type { VpcPeeringConnection, VpcPeeringConnectionVpcInfo } from '@aws-sdk/client-ec2';
import type { AccountId, VpcId } from '@ironbark/core/ids.ts';
import type { FilterTable } from '../app/filters.ts';
import {
  expiryOf,
  type PeeringState,
  peeringMessage,
  peeringStateOf,
} from '../app/peering-view.ts';
import type { Tag } from '../app/tags.ts';
import type { VpcPeeringRow } from '../store/network-schema.ts';
import type { Queries } from '../store/store.ts';
import { listCidrsOf } from '../store/vpcs.ts';
import { tagsOf } from './render-instance.ts';

export interface PeeringItem {
  row: VpcPeeringRow;
  state: PeeringState;
  tags: readonly Tag[];
  /** Blocks of both VPCs, as far as the account may know them. */
  cidrs: readonly string[];
  accepterCidrs: readonly string[];
  region: string;
}

export interface PeeringScope {
  accountId: AccountId;
  region: string;
  nowMs: number;
  tagsOf: (id: string) => readonly Tag[];
}

export async function peeringItem(
  db: Queries,
  row: VpcPeeringRow,
  { accountId, region, nowMs, tagsOf: tags }: PeeringScope,
): Promise<PeeringItem> {
  const state = peeringStateOf(row, nowMs);
  // What somebody else has is known once that one has agreed.
  const isKnown = state === 'active' || row.accepterAccountId === accountId;
  return {
    ...{ row, state, region },
    tags: tags(row.id),
    cidrs: await blocksOf(db, row.vpcId),
    accepterCidrs: isKnown ? await blocksOf(db, row.accepterVpcId) : [],
  };
}

async function blocksOf(db: Queries, id: VpcId): Promise<string[]> {
  return (await listCidrsOf(db, id)).map(({ cidr }) => cidr);
}

export const PEERING_FILTERS: FilterTable<PeeringItem> = {
  names: {
    'accepter-vpc-info.cidr-block': ({ accepterCidrs }) => accepterCidrs,
    'accepter-vpc-info.owner-id': ({ row }) => row.accepterAccountId,
    'accepter-vpc-info.vpc-id': ({ row }) => row.accepterVpcId,
    'expiration-time': (item) => expirationOf(item)?.toISOString(),
    'requester-vpc-info.cidr-block': ({ cidrs }) => cidrs,
    'requester-vpc-info.owner-id': ({ row }) => row.accountId,
    'requester-vpc-info.vpc-id': ({ row }) => row.vpcId,
    'status-code': ({ state }) => state,
    'status-message': ({ row, state }) => peeringMessage(row, state),
    'vpc-peering-connection-id': ({ row }) => row.id,
  },
  tags: ({ tags }) => tags,
};

function expirationOf({ row, state }: PeeringItem): Date | undefined {
  const isOpen = state === 'pending-acceptance' || state === 'initiating-request';
  return isOpen ? new Date(expiryOf(row)) : undefined;
}

export function renderPeering(item: PeeringItem): VpcPeeringConnection {
  const { row, state, tags, region } = item;
  const expires = expirationOf(item);
  const accepter = { VpcId: row.accepterVpcId, OwnerId: row.accepterAccountId, Region: region };
  const requester = { VpcId: row.vpcId, OwnerId: row.accountId, Region: region };
  return {
    VpcPeeringConnectionId: row.id,
    RequesterVpcInfo: { ...requester, ...renderBlocks(item.cidrs, state) },
    AccepterVpcInfo: { ...accepter, ...renderBlocks(item.accepterCidrs, state) },
    ...(expires === undefined ? {} : { ExpirationTime: expires }),
    Status: { Code: state, Message: peeringMessage(row, state) },
    ...tagsOf(tags),
  };
}

function renderBlocks(
  cidrs: readonly string[],
  state: PeeringState,
): Partial<VpcPeeringConnectionVpcInfo> {
  const [first] = cidrs;
  if (first === undefined) return {};
  const options = {
    AllowDnsResolutionFromRemoteVpc: false,
    AllowEgressFromLocalClassicLinkToRemoteVpc: false,
    AllowEgressFromLocalVpcToRemoteClassicLink: false,
  };
  return {
    CidrBlock: first,
    CidrBlockSet: cidrs.map((CidrBlock) => ({ CidrBlock })),
    ...(state === 'active' ? { PeeringOptions: options } : {}),
  };
}
