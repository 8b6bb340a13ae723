// Owns which IPv6 blocks VPCs and subnets have: a VPC's are the cloud's to give, a subnet's are parts of those.
//
// What the cloud gives are unique local addresses (RFC 4193), whose first 56 bits are chosen at random: nobody has to be
// asked for them, and no two VPCs of the cloud have the same. They lead nowhere outside their VPC.

import type { SubnetCidrAssociationId, VpcCidrAssociationId, VpcId } from '@ironbark/core/ids.ts';
import {
  type Cidr6,
  cidr6Contains,
  cidrs6Overlap,
  parseBlock6,
  parseCidr6,
  renderCidr6,
} from '@ironbark/core/ipv6.ts';
import { newId, type RandomSource } from '@ironbark/platform/random.ts';
import {
  deleteSubnetIpv6Cidr,
  deleteVpcIpv6Cidr,
  findIpv6CidrOfSubnet,
  hasIpv6AddressesIn,
  insertSubnetIpv6Cidr,
  insertVpcIpv6Cidr,
  isVpcIpv6CidrTaken,
  listIpv6CidrsOf,
  listSubnetIpv6Cidrs,
  listSubnetIpv6CidrsOf,
  listVpcIpv6Cidrs,
  setAssignIpv6,
} from '../store/ipv6.ts';
import type { SubnetIpv6CidrTable, VpcIpv6CidrTable } from '../store/ipv6-schema.ts';
import { insertAclEntry, listAclEntries, listAclsOf } from '../store/network-acls.ts';
import type { SubnetRow } from '../store/schema.ts';
import { listGroupsOfVpc, listRulesOf } from '../store/security-groups.ts';
import type { Queries } from '../store/store.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { missingParameter, notOffered, refuse } from './refusals.ts';
import { matchIds, SUBNET_CIDR_ASSOCIATION } from './resource-ids.ts';
import { insertIpv6EgressToAll } from './security-groups.ts';
import { touchVpc } from './vpc-changes.ts';

/** "Amazon VPC quotas": IPv6 CIDR blocks per VPC. */
const MAX_BLOCKS = 5;
/** As EC2's Amazon-provided blocks, and its IPv6 subnets. */
const [VPC_PREFIX, SUBNET_PREFIX] = [56, 64];
/** "Default network ACL": VPC User Guide. */
const DEFAULT_ENTRY = 101;

export async function associateIpv6(
  app: App,
  { accountId }: Caller,
  change: Change,
  vpcId: VpcId,
): Promise<VpcIpv6CidrTable> {
  const { tx } = change;
  const vpc = await getVpc(tx, accountId, vpcId);
  // The host itself routes it, and its own IPv6 is not the cloud's affair.
  if (vpc.isDefault === 1) throw notOffered('IPv6 in a default VPC', 'Create a VPC.');
  const before = await listIpv6CidrsOf(tx, vpcId);
  if (before.length >= MAX_BLOCKS) {
    throw refuse(
      'limit-exceeded',
      'vpc-cidr-association',
      `This network '${vpcId}' has met its maximum number of allowed CIDRs: ${MAX_BLOCKS}`,
    );
  }
  const cidr = renderCidr6(await takeBlock(tx, app.random));
  const row = { id: newId(app.random, 'vpc-cidr-assoc'), accountId, vpcId, cidr };
  await insertVpcIpv6Cidr(tx, row);
  if (before.length === 0) await openToIpv6(tx, app.random, vpcId);
  await touchVpc(change, vpcId);
  return row;
}

async function takeBlock(tx: Queries, random: RandomSource): Promise<Cidr6> {
  for (;;) {
    const digits = Buffer.from(random.bytes(6)).toString('hex');
    const block = { base: BigInt(`0xfd${digits}`) << 72n, prefix: VPC_PREFIX };
    if (!(await isVpcIpv6CidrTaken(tx, renderCidr6(block)))) return block;
  }
}

/** What nobody has changed lets IPv6 through as it does IPv4: "we automatically add rules", VPC User Guide. */
async function openToIpv6(tx: Queries, random: RandomSource, vpcId: VpcId): Promise<void> {
  for (const group of await listGroupsOfVpc(tx, vpcId)) {
    const out = (await listRulesOf(tx, group.id)).filter((rule) => rule.isEgress === 1);
    const isOpen =
      out.length === 1 && out[0]!.protocol === '-1' && out[0]!.cidrIpv4 === '0.0.0.0/0';
    if (isOpen) await insertIpv6EgressToAll(tx, group, random);
  }
  const acl = (await listAclsOf(tx, vpcId)).find((one) => one.isDefault === 1)!;
  const entries = await listAclEntries(tx, acl.id);
  for (const isEgress of [0, 1] as const) {
    const [first, ...more] = entries.filter((entry) => entry.isEgress === isEgress);
    const isOpen = first?.isAllowed === 1 && first.protocol === -1 && first.cidr === '0.0.0.0/0';
    if (!isOpen || more.length > 0) continue;
    await insertAclEntry(tx, { ...first, ruleNumber: DEFAULT_ENTRY, cidr: '::/0' });
  }
}

/** Undefined: that association is none of IPv6. */
export async function disassociateIpv6(
  { accountId }: Caller,
  change: Change,
  id: VpcCidrAssociationId,
): Promise<VpcIpv6CidrTable | undefined> {
  const { tx } = change;
  const row = (await listVpcIpv6Cidrs(tx, accountId)).find((one) => one.id === id);
  if (row === undefined) return undefined;
  const block = parseBlock6(row.cidr)!;
  const subnets = await listSubnetIpv6CidrsOf(tx, row.vpcId);
  if (subnets.some((subnet) => cidr6Contains(block, parseBlock6(subnet.cidr)!))) {
    throw refuse(
      'dependency-violation',
      'vpc',
      `The vpc CIDR block with association ID ${id} has subnets and may not be disassociated`,
    );
  }
  await deleteVpcIpv6Cidr(tx, row);
  await touchVpc(change, row.vpcId);
  return row;
}

export async function associateSubnetIpv6(
  app: App,
  change: Change,
  { id: subnetId, accountId, vpcId }: Pick<SubnetRow, 'id' | 'accountId' | 'vpcId'>,
  text: string | undefined,
): Promise<SubnetIpv6CidrTable> {
  const { tx } = change;
  const wanted = await checkSubnetBlock(tx, vpcId, text);
  if ((await findIpv6CidrOfSubnet(tx, subnetId)) !== undefined) {
    throw refuse(
      'duplicate',
      'subnet',
      `The subnet '${subnetId}' has an IPv6 CIDR block already: it can have one.`,
    );
  }
  const row = { id: newId(app.random, 'subnet-cidr-assoc'), accountId, vpcId, subnetId };
  const whole = { ...row, cidr: renderCidr6(wanted) };
  await insertSubnetIpv6Cidr(tx, whole);
  await touchVpc(change, vpcId);
  return whole;
}

async function checkSubnetBlock(
  tx: Queries,
  vpcId: VpcId,
  text: string | undefined,
): Promise<Cidr6> {
  if (text === undefined || text === '') throw missingParameter('ipv6CidrBlock');
  const cidr = parseCidr6(text);
  const shown = cidr === undefined ? text.slice(0, 64) : renderCidr6(cidr);
  const blocks = await listIpv6CidrsOf(tx, vpcId);
  const isInside = (one: Cidr6) =>
    blocks.some((block) => cidr6Contains(parseBlock6(block.cidr)!, one));
  if (cidr?.prefix !== SUBNET_PREFIX || !isInside(cidr)) {
    throw refuse('invalid-parameter', 'subnet', `The CIDR '${shown}' is invalid.`);
  }
  const others = await listSubnetIpv6CidrsOf(tx, vpcId);
  if (others.some((other) => cidrs6Overlap(parseBlock6(other.cidr)!, cidr))) {
    throw refuse('duplicate', 'subnet', `The CIDR '${shown}' conflicts with another subnet`);
  }
  return cidr;
}

export async function disassociateSubnetIpv6(
  { accountId }: Caller,
  change: Change,
  id: SubnetCidrAssociationId,
): Promise<SubnetIpv6CidrTable> {
  const { tx } = change;
  const known = await listSubnetIpv6Cidrs(tx, accountId);
  const [row] = matchIds(SUBNET_CIDR_ASSOCIATION, [id], known);
  if (await hasIpv6AddressesIn(tx, row!.subnetId)) {
    throw refuse(
      'dependency-violation',
      'subnet',
      `The subnet CIDR block with association ID ${id} has addresses that interfaces have, and may not be disassociated`,
    );
  }
  await deleteSubnetIpv6Cidr(tx, row!.subnetId);
  await setAssignIpv6(tx, row!.subnetId, 0);
  await touchVpc(change, row!.vpcId);
  return row!;
}

/** Of interfaces that are made from now on. */
export async function setAssignsIpv6(
  { tx }: Change,
  row: SubnetRow,
  value: boolean,
): Promise<void> {
  if (value && (await findIpv6CidrOfSubnet(tx, row.id)) === undefined) {
    throw refuse(
      'invalid-parameter',
      'request',
      `Invalid value 'true' for assignIpv6AddressOnCreation. The subnet '${row.id}' must have an IPv6 CIDR block associated with it.`,
    );
  }
  await setAssignIpv6(tx, row.id, value ? 1 : 0);
}
