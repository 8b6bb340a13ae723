// Owns the rules of VPCs: what each is made with, its blocks, and what has to be gone before it goes.

import type { AccountId, VpcCidrAssociationId, VpcId } from '@ironbark/core/ids.ts';
import { cidrContains, cidrsOverlap, parseBlock, renderCidr } from '@ironbark/core/ipv4.ts';
import { newId, type RandomSource } from '@ironbark/platform/random.ts';
import type { Flag } from '../store/account-schema.ts';
import { deleteAcl, listAclsOf } from '../store/network-acls.ts';
import type { VpcCidrRow } from '../store/network-schema.ts';
import { insertVpc, listSubnets, takeNetworkNumber } from '../store/networks.ts';
import {
  deleteAssociationsOfVpc,
  deleteRouteTable,
  insertAssociation,
  insertRouteTable,
  listAssociationsOf,
  listRouteTablesOf,
} from '../store/route-tables.ts';
import { listGroupsOfVpc } from '../store/security-groups.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import {
  deleteVpcCidr,
  deleteVpcRows,
  hasRowsOf,
  insertVpcCidr,
  insertVpcGone,
  listCidrsOf,
  listVpcCidrs,
} from '../store/vpcs.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { insertDefaultAcl } from './network-acls.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { notOffered, refuse } from './refusals.ts';
import { matchIds, VPC_CIDR_ASSOCIATION } from './resource-ids.ts';
import { DEFAULT_GROUP, eraseGroupsOf, insertDefaultGroup } from './security-groups.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';
import { outOfRange, parseVpcBlock } from './vpc-cidrs.ts';
import {
  endRequestsOf,
  findPeerWithin,
  listActivePeerings,
  refuseForPeersOf,
} from './vpc-peerings.ts';

/** "Amazon VPC quotas": IPv4 CIDR blocks per VPC. */
const MAX_BLOCKS = 5;

export interface VpcParts {
  accountId: AccountId;
  cidr: string;
  isDefault: Flag;
}

/** With all that EC2 makes with it: the main route table, the default network ACL and the default group. */
export async function insertWholeVpc(
  tx: Queries,
  random: RandomSource,
  { accountId, cidr, isDefault }: VpcParts,
): Promise<VpcId> {
  const id = newId(random, 'vpc');
  const networkNumber = await takeNetworkNumber(tx);
  const row = { id, accountId, cidr, isDefault, generation: 1, networkNumber };
  await insertVpc(tx, { ...row, masquerades: isDefault });
  await insertVpcCidr(tx, { id: newId(random, 'vpc-cidr-assoc'), accountId, vpcId: id, cidr });
  const routeTableId = newId(random, 'rtb');
  await insertRouteTable(tx, { id: routeTableId, accountId, vpcId: id });
  const main = { id: newId(random, 'rtbassoc'), routeTableId, subnetId: null };
  await insertAssociation(tx, { ...main, accountId, vpcId: id });
  await insertDefaultAcl(tx, accountId, id);
  await insertDefaultGroup(tx, accountId, id, random);
  return id;
}

export async function createVpc(
  app: App,
  { accountId }: Caller,
  { tx, touched }: Change,
  { cidrBlock, tags }: { cidrBlock: string | undefined; tags: readonly Tag[] },
): Promise<VpcId> {
  const cidr = renderCidr(parseVpcBlock(cidrBlock, app.publicAddresses));
  await requireWithin(tx, accountId, QUOTAS.vpcs);
  const id = await insertWholeVpc(tx, app.random, { accountId, cidr, isDefault: 0 });
  await setTags(tx, accountId, id, tags);
  touched.vpcs.add(id);
  return id;
}

/** EC2 answers the same for all of these, and takes only what a VPC was made with along. */
async function hasDependents(tx: Queries, id: VpcId): Promise<boolean> {
  for (const table of [
    'subnet',
    'internetGateway',
    'egressOnlyGateway',
    'networkInterface',
  ] as const) {
    if (await hasRowsOf(tx, table, id)) return true;
  }
  if ((await listActivePeerings(tx, id)).length > 0) return true;
  const groups = await listGroupsOfVpc(tx, id);
  const tables = await listRouteTablesOf(tx, id);
  const acls = await listAclsOf(tx, id);
  const hasOthers = tables.length > 1 || acls.length > 1;
  return hasOthers || groups.some((group) => group.name !== DEFAULT_GROUP);
}

export async function removeVpc(caller: Caller, change: Change, id: VpcId): Promise<void> {
  const { accountId } = caller;
  const { tx, touched } = change;
  await getVpc(tx, accountId, id);
  if (await hasDependents(tx, id)) {
    throw refuse(
      'dependency-violation',
      'vpc',
      `The vpc '${id}' has dependencies and cannot be deleted.`,
    );
  }
  await endRequestsOf(caller, change, id);
  await eraseGroupsOf(tx, id);
  await deleteAssociationsOfVpc(tx, id);
  for (const table of await listRouteTablesOf(tx, id)) {
    await deleteRouteTable(tx, table.id);
    await deleteTags(tx, table.id);
  }
  for (const acl of await listAclsOf(tx, id)) {
    await deleteAcl(tx, acl.id);
    await deleteTags(tx, acl.id);
  }
  await deleteVpcRows(tx, id);
  await insertVpcGone(tx, id);
  await deleteTags(tx, id);
  touched.vpcs.add(id);
}

export async function associateCidr(
  app: App,
  { accountId }: Caller,
  change: Change,
  { vpcId, cidrBlock }: { vpcId: VpcId; cidrBlock: string | undefined },
): Promise<VpcCidrRow> {
  const { tx } = change;
  const vpc = await getVpc(tx, accountId, vpcId);
  // The host routes default VPCs, and has other networks of its own.
  if (vpc.isDefault === 1) throw notOffered('Another block for a default VPC', 'Create a VPC.');
  const cidr = parseVpcBlock(cidrBlock, app.publicAddresses);
  const blocks = await listCidrsOf(tx, vpcId);
  if (blocks.some((block) => cidrsOverlap(parseBlock(block.cidr)!, cidr))) {
    throw outOfRange(cidr, 'vpc', ' It overlaps a block that the VPC has.');
  }
  const peer = await findPeerWithin(tx, vpcId, cidr);
  if (peer !== undefined) {
    throw outOfRange(cidr, 'vpc', ` It overlaps a block of ${peer}, which the VPC is peered with.`);
  }
  await refuseForPeersOf(tx, vpcId, cidr);
  if (blocks.length >= MAX_BLOCKS) {
    throw refuse(
      'limit-exceeded',
      'vpc-cidr-association',
      `This network ${vpcId} has met its maximum number of allowed CIDRs: ${MAX_BLOCKS}`,
    );
  }
  const id = newId(app.random, 'vpc-cidr-assoc');
  const row = { id, accountId, vpcId, cidr: renderCidr(cidr) };
  await insertVpcCidr(tx, row);
  await touchVpc(change, vpcId);
  return row;
}

export async function disassociateCidr(
  { accountId }: Caller,
  change: Change,
  id: VpcCidrAssociationId,
): Promise<VpcCidrRow> {
  const { tx } = change;
  const [row] = matchIds(VPC_CIDR_ASSOCIATION, [id], await listVpcCidrs(tx, accountId));
  const vpc = await getVpc(tx, accountId, row!.vpcId);
  if (vpc.cidr === row!.cidr) {
    throw refuse(
      'operation-not-permitted',
      'vpc',
      `The vpc CIDR block with association ID ${id} may not be disassociated. It is the primary IPv4 CIDR block of the VPC`,
    );
  }
  const block = parseBlock(row!.cidr)!;
  const subnets = (await listSubnets(tx, accountId)).filter((one) => one.vpcId === vpc.id);
  if (subnets.some((subnet) => cidrContains(block, parseBlock(subnet.cidr)!))) {
    throw refuse(
      'dependency-violation',
      'vpc',
      `The vpc CIDR block with association ID ${id} has subnets and may not be disassociated`,
    );
  }
  await deleteVpcCidr(tx, id);
  await touchVpc(change, vpc.id);
  return row!;
}

/** The table that a VPC's subnets follow unless they say otherwise. */
export async function getMainAssociation(tx: Queries, vpcId: VpcId) {
  return (await listAssociationsOf(tx, vpcId)).find((one) => one.subnetId === null)!;
}
