// Owns the network that every account starts with: a default VPC, one subnet of it, and its default security group.

import type { AccountId, SecurityGroupId, VpcId } from '@ironbark/core/ids.ts';
import {
  type Cidr,
  cidrsOverlap,
  firstSubnet,
  parseBlock,
  renderCidr,
  sizeOfCidr,
} from '@ironbark/core/ipv4.ts';
import { newId, type RandomSource } from '@ironbark/platform/random.ts';
import { insertSubnet, insertVpc, listAllSubnets } from '../store/networks.ts';
import { insertGroup, insertGroupRule } from '../store/security-groups.ts';
import type { Queries } from '../store/store.ts';
import { refuse } from './refusals.ts';

export interface NetworkOptions {
  random: RandomSource;
  zone: string;
  /** The block that this cloud may use on its hosts. */
  vpcCidr: string;
}

/** AWS's default subnets have this length (VPC User Guide, "Default VPC components"). */
const SUBNET_PREFIX = 20;

/**
 * Every account's default VPC shows the same block, as on AWS. The subnets are different parts of it, because the
 * host routes between them.
 */
export async function insertDefaultNetwork(
  tx: Queries,
  accountId: AccountId,
  options: NetworkOptions,
): Promise<void> {
  const { random, zone, vpcCidr } = options;
  const cidr = parseBlock(vpcCidr);
  if (cidr === undefined) throw new Error(`not an IPv4 block: ${vpcCidr}`);
  const vpcId = newId(random, 'vpc');
  await insertVpc(tx, { id: vpcId, accountId, cidr: vpcCidr, isDefault: 1 });
  await insertSubnet(tx, {
    id: newId(random, 'subnet'),
    accountId,
    vpcId,
    zone,
    cidr: renderCidr(await takeBlock(tx, cidr)),
    isDefault: 1,
    nextAddress: 0,
  });
  await insertDefaultGroup(tx, accountId, vpcId, random);
}

async function takeBlock(tx: Queries, whole: Cidr): Promise<Cidr> {
  const taken = (await listAllSubnets(tx)).map(({ cidr }) => parseBlock(cidr)!);
  const { base: first, prefix } = firstSubnet(whole, SUBNET_PREFIX);
  const step = sizeOfCidr({ base: first, prefix });
  for (let base = first; base < first + sizeOfCidr(whole); base += step) {
    const block = { base, prefix };
    if (!taken.some((other) => cidrsOverlap(other, block))) return block;
  }
  throw refuse(
    'limit-exceeded',
    'subnet',
    `Every subnet of ${renderCidr(whole)} has an account; this cloud can hold ${taken.length} accounts.`,
  );
}

async function insertDefaultGroup(
  tx: Queries,
  accountId: AccountId,
  vpcId: VpcId,
  random: RandomSource,
): Promise<void> {
  const groupId: SecurityGroupId = newId(random, 'sg');
  const description = 'default VPC security group';
  await insertGroup(tx, { id: groupId, accountId, vpcId, name: 'default', description });
  const rule = { accountId, groupId, protocol: '-1', fromPort: -1, toPort: -1, description: null };
  await insertGroupRule(tx, {
    ...rule,
    id: newId(random, 'sgr'),
    isEgress: 0,
    cidrIpv4: null,
    sourceGroupId: groupId,
  });
  await insertGroupRule(tx, {
    ...rule,
    id: newId(random, 'sgr'),
    isEgress: 1,
    cidrIpv4: '0.0.0.0/0',
    sourceGroupId: null,
  });
}
