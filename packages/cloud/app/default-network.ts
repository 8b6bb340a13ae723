// Owns the network that every account starts with: a default VPC, one subnet of it, and its default security group.

import type { AccountId, SubnetId, VpcId } from '@ironbark/core/ids.ts';
import {
  type Cidr,
  cidrsOverlap,
  firstSubnet,
  parseBlock,
  renderCidr,
  sizeOfCidr,
} from '@ironbark/core/ipv4.ts';
import { newId, type RandomSource } from '@ironbark/platform/random.ts';
import { insertInternetGateway } from '../store/internet-gateways.ts';
import { insertSubnet, listSubnets, listSubnetsOfDefaultVpcs } from '../store/networks.ts';
import { putRoute } from '../store/route-tables.ts';
import type { Queries } from '../store/store.ts';
import { refuse } from './refusals.ts';
import { getMainAssociation, insertWholeVpc } from './vpcs.ts';

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
): Promise<VpcId> {
  const { random, vpcCidr } = options;
  const cidr = parseBlock(vpcCidr);
  if (cidr === undefined) throw new Error(`not an IPv4 block: ${vpcCidr}`);
  const vpcId = await insertWholeVpc(tx, random, { accountId, cidr: vpcCidr, isDefault: 1 });
  const gatewayId = newId(random, 'igw');
  await insertInternetGateway(tx, { id: gatewayId, accountId, vpcId });
  const { routeTableId } = await getMainAssociation(tx, vpcId);
  await putRoute(tx, { routeTableId, destination: '0.0.0.0/0', targetId: gatewayId });
  await insertDefaultSubnet(tx, { accountId, vpcId }, options);
  return vpcId;
}

export async function insertDefaultSubnet(
  tx: Queries,
  { accountId, vpcId }: { accountId: AccountId; vpcId: VpcId },
  { random, zone, vpcCidr }: NetworkOptions,
): Promise<SubnetId> {
  const id = newId(random, 'subnet');
  const own = (await listSubnets(tx, accountId)).filter((subnet) => subnet.vpcId === vpcId);
  const block = await takeBlock(
    tx,
    parseBlock(vpcCidr)!,
    own.map(({ cidr }) => parseBlock(cidr)!),
  );
  const cidr = renderCidr(block);
  await insertSubnet(tx, { id, accountId, vpcId, zone, cidr, isDefault: 1, nextAddress: 0 });
  return id;
}

async function takeBlock(tx: Queries, whole: Cidr, own: readonly Cidr[]): Promise<Cidr> {
  const ofDefault = await listSubnetsOfDefaultVpcs(tx);
  const taken = [...own, ...ofDefault.map(({ cidr }) => parseBlock(cidr)!)];
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
