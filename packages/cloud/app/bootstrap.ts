// Owns the first start: the account, its root key and the default network. Every secret is made here, from
// random bytes; there is no default one.

import type { AccountId, SecurityGroupId, VpcId } from '@ironbark/core/ids.ts';
import { firstSubnet, parseBlock, renderCidr } from '@ironbark/core/ipv4.ts';
import { newId, type RandomSource } from '@ironbark/platform/random.ts';
import { findFirstAccount, insertAccessKey, insertAccount } from '../store/accounts.ts';
import { insertSubnet, insertVpc } from '../store/networks.ts';
import { insertGroup, insertGroupRule } from '../store/security-groups.ts';
import type { Queries, Store } from '../store/store.ts';

export interface BootstrapOptions {
  random: RandomSource;
  nowMs: number;
  zone: string;
  vpcCidr: string;
  accountId?: AccountId;
}

/** AWS's default subnets have this length (VPC User Guide, "Default VPC components"). */
const SUBNET_PREFIX = 20;

/** Makes what is missing and answers the account. Doing it again changes nothing. */
export function ensureAccount(store: Store, options: BootstrapOptions): Promise<AccountId> {
  return store.transaction(async (tx) => {
    const existing = await findFirstAccount(tx);
    if (existing !== undefined) return requireSame(existing.id, options.accountId);
    const id = options.accountId ?? newAccountId(options.random);
    await insertAccount(tx, { id, createdAt: options.nowMs });
    await insertRootKey(tx, id, options);
    await insertDefaultNetwork(tx, id, options);
    return id;
  });
}

function requireSame(existing: AccountId, asked: AccountId | undefined): AccountId {
  if (asked === undefined || asked === existing) return existing;
  throw new Error(`this data folder belongs to account ${existing}, not to ${asked}`);
}

/** Twelve digits, the first not 0: some tools read an account as a number. */
function newAccountId(random: RandomSource): AccountId {
  const digits = (random.bytes(8).readBigUInt64BE() % 900_000_000_000n) + 100_000_000_000n;
  return String(digits);
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';

async function insertRootKey(
  tx: Queries,
  accountId: AccountId,
  { random, nowMs }: BootstrapOptions,
): Promise<void> {
  const suffix = Array.from(random.bytes(16), (byte) => BASE32[byte % BASE32.length]).join('');
  await insertAccessKey(tx, {
    id: `AKIA${suffix}`,
    accountId,
    secret: random.bytes(30).toString('base64'),
    arn: `arn:aws:iam::${accountId}:root`,
    userId: accountId,
    isRoot: 1,
    status: 'active',
    createdAt: nowMs,
  });
}

async function insertDefaultNetwork(
  tx: Queries,
  accountId: AccountId,
  options: BootstrapOptions,
): Promise<void> {
  const cidr = parseBlock(options.vpcCidr);
  if (cidr === undefined) throw new Error(`not an IPv4 block: ${options.vpcCidr}`);
  const vpcId = newId(options.random, 'vpc');
  await insertVpc(tx, { id: vpcId, accountId, cidr: options.vpcCidr, isDefault: 1 });
  await insertSubnet(tx, {
    id: newId(options.random, 'subnet'),
    accountId,
    vpcId,
    zone: options.zone,
    cidr: renderCidr(firstSubnet(cidr, SUBNET_PREFIX)),
    isDefault: 1,
    nextAddress: 0,
  });
  await insertDefaultGroup(tx, accountId, vpcId, options.random);
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
