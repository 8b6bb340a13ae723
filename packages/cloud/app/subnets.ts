// Owns the rules of subnets: their blocks lie in their VPC's and do not overlap.

import type { SubnetId, VpcId } from '@ironbark/core/ids.ts';
import {
  type Cidr,
  cidrContains,
  cidrsOverlap,
  parseBlock,
  renderCidr,
} from '@ironbark/core/ipv4.ts';
import { newId } from '@ironbark/platform/random.ts';
import { hasInterfacesIn } from '../store/network-interfaces.ts';
import {
  deleteSubnetRow,
  insertSubnet,
  listSubnets,
  listSubnetsOfDefaultVpcs,
  updateSubnet,
} from '../store/networks.ts';
import { deleteAssociationsOfSubnet } from '../store/route-tables.ts';
import type { SubnetRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import { listCidrsOf } from '../store/vpcs.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { associateSubnetIpv6 } from './ipv6-blocks.ts';
import { invalidValue, refuse } from './refusals.ts';
import { matchIds, SUBNET } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';
import { outOfRange, parseCidrBlock } from './vpc-cidrs.ts';
import { zoneIdOf } from './zone-ids.ts';

/** "Amazon VPC quotas": subnets per VPC. */
const MAX_SUBNETS = 200;

export interface SubnetWish {
  vpcId: VpcId;
  cidrBlock: string | undefined;
  ipv6CidrBlock?: string | undefined;
  zone: string;
  tags: readonly Tag[];
}

interface ZoneName {
  AvailabilityZone?: string | undefined;
  AvailabilityZoneId?: string | undefined;
}

/** This cloud has one zone, which may be meant by its id too. */
export function parseZone(
  app: Pick<App, 'zone' | 'region'>,
  { AvailabilityZone, AvailabilityZoneId }: ZoneName,
): string {
  const isOther = AvailabilityZone !== undefined && AvailabilityZone !== app.zone;
  const isOtherId = AvailabilityZoneId !== undefined && AvailabilityZoneId !== zoneIdOf(app.zone);
  if (!isOther && !isOtherId) return app.zone;
  const given = isOther ? AvailabilityZone : AvailabilityZoneId!;
  throw invalidValue(
    isOther ? 'availabilityZone' : 'availabilityZoneId',
    given.slice(0, 64),
    `Subnets can currently only be created in the following availability zones: ${app.zone}.`,
  );
}

export async function createSubnet(
  app: App,
  { accountId }: Caller,
  change: Change,
  { vpcId, cidrBlock, ipv6CidrBlock, zone, tags }: SubnetWish,
): Promise<SubnetRow> {
  const { tx } = change;
  const vpc = await getVpc(tx, accountId, vpcId);
  const cidr = parseCidrBlock(cidrBlock, 'subnet');
  const blocks = await listCidrsOf(tx, vpcId);
  if (!blocks.some((block) => cidrContains(parseBlock(block.cidr)!, cidr))) {
    throw outOfRange(cidr, 'subnet');
  }
  const others = (await listSubnets(tx, accountId)).filter((one) => one.vpcId === vpcId);
  if (others.some((other) => cidrsOverlap(parseBlock(other.cidr)!, cidr))) {
    throw refuse(
      'duplicate',
      'subnet',
      `The CIDR '${renderCidr(cidr)}' conflicts with another subnet`,
    );
  }
  if (vpc.isDefault === 1) await requireFreeOnHost(tx, cidr);
  if (others.length >= MAX_SUBNETS) {
    throw refuse('limit-exceeded', 'subnet', `A VPC can have ${MAX_SUBNETS} subnets.`);
  }
  const row = {
    id: newId(app.random, 'subnet'),
    accountId,
    vpcId,
    zone,
    cidr: renderCidr(cidr),
    isDefault: 0,
    nextAddress: 0,
    mapPublicIp: 0,
    assignIpv6: 0,
    aclId: null,
    aclAssociationId: null,
  } as const;
  await insertSubnet(tx, row);
  if (ipv6CidrBlock !== undefined) await associateSubnetIpv6(app, change, row, ipv6CidrBlock);
  await setTags(tx, accountId, row.id, tags);
  await touchVpc(change, vpcId);
  return row;
}

/** The host routes the subnets of all default VPCs, which show one block: each account's are other parts of it. */
async function requireFreeOnHost(tx: Queries, cidr: Cidr): Promise<void> {
  const taken = await listSubnetsOfDefaultVpcs(tx);
  if (!taken.some((other) => cidrsOverlap(parseBlock(other.cidr)!, cidr))) return;
  throw refuse(
    'duplicate',
    'subnet',
    `The CIDR '${renderCidr(cidr)}' conflicts with another subnet: default VPCs of this cloud share their block. Choose another part of it, or create a VPC.`,
  );
}

export async function getSubnet(
  { tx }: Change,
  { accountId }: Caller,
  id: SubnetId,
): Promise<SubnetRow> {
  return matchIds(SUBNET, [id], await listSubnets(tx, accountId))[0]!;
}

export async function removeSubnet(caller: Caller, change: Change, id: SubnetId): Promise<void> {
  const { tx } = change;
  const subnet = await getSubnet(change, caller, id);
  if (await hasInterfacesIn(tx, id)) {
    throw refuse(
      'dependency-violation',
      'subnet',
      `The subnet '${id}' has dependencies and cannot be deleted.`,
    );
  }
  await deleteAssociationsOfSubnet(tx, id);
  await deleteSubnetRow(tx, id);
  await deleteTags(tx, id);
  await touchVpc(change, subnet.vpcId);
}

/** Of instances that are launched from now on. */
export function setMapPublicIp({ tx }: Change, id: SubnetId, value: boolean): Promise<void> {
  return updateSubnet(tx, id, { mapPublicIp: value ? 1 : 0 });
}
