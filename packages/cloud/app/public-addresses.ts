// Owns public addresses: the administrator's pool, elastic ones, and those that a launch is given.

import type { AccountId, AllocationId, InterfaceId, VpcId } from '@ironbark/core/ids.ts';
import { parseBlock, parseIpv4, renderIpv4, sizeOfCidr } from '@ironbark/core/ipv4.ts';
import { newId } from '@ironbark/platform/random.ts';
import {
  deleteAddress,
  insertAddress,
  listAddresses,
  listAddressesInVpc,
  listAddressesOn,
  listPublicIps,
  updateAddress,
} from '../store/addresses.ts';
import { findGatewayOf } from '../store/internet-gateways.ts';
import { hasNatGateway } from '../store/nat-gateways.ts';
import { findInterface } from '../store/network-interfaces.ts';
import type { AddressRow } from '../store/network-schema.ts';
import type { InterfaceRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import {
  invalidCombination,
  invalidValue,
  missingParameter,
  notFound,
  refuse,
} from './refusals.ts';
import { ADDRESS_ASSOCIATION, ALLOCATION, matchIds, parseId } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';
import { touchPorts } from './vpc-changes.ts';

/** The next one that nobody has; the block's first and last are no host's. */
async function takeFromPool(app: App, tx: Queries, wanted?: string): Promise<string> {
  const pool = parseBlock(app.publicAddresses)!;
  const used = await listPublicIps(tx);
  if (wanted !== undefined) {
    const address = parseIpv4(wanted);
    const isInside =
      address !== undefined && address > pool.base && address < pool.base + sizeOfCidr(pool) - 1;
    if (isInside && !used.has(wanted)) return wanted;
    throw refuse('not-found', 'address', `Address '${wanted.slice(0, 64)}' not found.`);
  }
  for (let at = 1; at < sizeOfCidr(pool) - 1; at++) {
    const address = renderIpv4(pool.base + at);
    if (!used.has(address)) return address;
  }
  throw refuse(
    'insufficient-capacity',
    'address',
    `Every public address of ${app.publicAddresses} is taken. The administrator can give this cloud more.`,
  );
}

export async function allocateAddress(
  app: App,
  { accountId }: Caller,
  { tx, nowMs }: Change,
  { wanted, tags }: { wanted: string | undefined; tags: readonly Tag[] },
): Promise<AddressRow> {
  await requireWithin(tx, accountId, QUOTAS.addresses);
  const row = {
    id: newId(app.random, 'eipalloc'),
    accountId,
    publicIp: await takeFromPool(app, tx, wanted),
    ...FREE,
    isAutomatic: 0,
    createdAt: nowMs,
  } as const;
  await insertAddress(tx, row);
  await setTags(tx, accountId, row.id, tags);
  return row;
}

const FREE = { associationId: null, interfaceId: null, privateIp: null } as const;

/** At a launch, where the subnet or the request says so. */
export async function giveAutomaticAddress(
  app: App,
  { tx, nowMs }: Change,
  { id, accountId, privateIp }: Pick<InterfaceRow, 'id' | 'accountId' | 'privateIp'>,
): Promise<void> {
  await insertAddress(tx, {
    id: newId(app.random, 'eipalloc'),
    accountId,
    publicIp: await takeFromPool(app, tx),
    associationId: newId(app.random, 'eipassoc'),
    interfaceId: id,
    privateIp,
    isAutomatic: 1,
    createdAt: nowMs,
  });
}

export interface AddressName {
  AllocationId?: string | undefined;
  PublicIp?: string | undefined;
}

/** EC2 takes the allocation alone: an address by itself names one of EC2-Classic. These are its own sentences. */
const ALLOCATION_WANTED = {
  mapping: invalidCombination(
    'You must specify an allocation id when mapping an address to a VPC instance',
  ),
  releasing: refuse(
    'invalid-parameter',
    'address',
    'You must specify an allocation id when releasing a VPC elastic IP address',
  ),
  unmapping: refuse(
    'invalid-parameter',
    'address',
    'You must specify an association id when unmapping an address from a VPC instance',
  ),
} as const;

async function getAddress(
  tx: Queries,
  accountId: AccountId,
  { AllocationId, PublicIp }: AddressName,
  purpose: 'mapping' | 'releasing',
): Promise<AddressRow> {
  if (AllocationId !== undefined && PublicIp !== undefined) {
    throw invalidCombination(
      'You may specify public IP or allocation id, but not both in the same call',
    );
  }
  const own = (await listAddresses(tx, accountId)).filter((row) => row.isAutomatic === 0);
  if (AllocationId !== undefined) {
    const id: AllocationId = parseId(ALLOCATION, AllocationId, 'AllocationId');
    return matchIds(ALLOCATION, [id], own)[0]!;
  }
  if (PublicIp === undefined) throw missingParameter('AllocationId');
  throw refuseAddress(own, PublicIp, purpose);
}

function refuseAddress(
  rows: readonly AddressRow[],
  publicIp: string,
  purpose: keyof typeof ALLOCATION_WANTED,
): Error {
  if (parseIpv4(publicIp) === undefined) {
    return invalidValue('PublicIp', publicIp.slice(0, 64), 'Invalid IPv4 address.');
  }
  if (rows.some((one) => one.publicIp === publicIp)) return ALLOCATION_WANTED[purpose];
  const message = `The address '${publicIp}' does not belong to you.`;
  return refuse('not-authenticated', 'address', message);
}

export async function releaseAddress(
  { accountId }: Caller,
  { tx }: Change,
  which: AddressName,
): Promise<void> {
  const row = await getAddress(tx, accountId, which, 'releasing');
  // What a NAT gateway translates to is nobody else's while it lives, whatever the row says.
  if (row.interfaceId !== null || (await hasNatGateway(tx, row.id))) {
    throw refuse('in-use', 'address', `Address ${row.publicIp} is in use.`);
  }
  await deleteAddress(tx, row.id);
  await deleteTags(tx, row.id);
}

export interface AssociationWish {
  which: AddressName;
  target: Pick<InterfaceRow, 'id' | 'vpcId'>;
  privateIp: string;
  mayTakeOver: boolean;
}

export async function associateAddress(
  app: App,
  { accountId }: Caller,
  change: Change,
  { which, target, privateIp, mayTakeOver }: AssociationWish,
): Promise<AddressRow> {
  const { tx } = change;
  const row = await getAddress(tx, accountId, which, 'mapping');
  await requireGateway(tx, target.vpcId);
  if (row.interfaceId === target.id && row.privateIp === privateIp) return row;
  await requireUnmanaged(tx, row);
  if (row.interfaceId !== null && !mayTakeOver) {
    throw alreadyAssociated(`${row.id} is already associated with ${row.interfaceId}`);
  }
  await letGo(change, row);
  for (const other of await listAddressesOn(tx, [target.id])) {
    if (other.privateIp !== privateIp) continue;
    if (other.isAutomatic === 0 && !mayTakeOver) {
      throw alreadyAssociated(`${privateIp} of ${target.id} is already associated`);
    }
    await letGo(change, other);
  }
  const associationId = newId(app.random, 'eipassoc');
  const values = { associationId, interfaceId: target.id, privateIp };
  await updateAddress(tx, row.id, values);
  await touchPorts(change, target.vpcId, [target.id]);
  return { ...row, ...values };
}

function alreadyAssociated(what: string): Error {
  return refuse('already-attached', 'address', `resource ${what}`);
}

async function requireGateway(tx: Queries, vpcId: VpcId): Promise<void> {
  if ((await findGatewayOf(tx, vpcId)) !== undefined) return;
  throw refuse(
    'not-attached',
    'internet-gateway',
    `Network ${vpcId} is not attached to any internet gateway`,
  );
}

/** An automatic one is nobody's then; an elastic one stays its account's. */
async function letGo(change: Change, row: AddressRow): Promise<void> {
  const { tx } = change;
  if (row.interfaceId === null) return;
  const holder = await findInterface(tx, row.interfaceId);
  if (row.isAutomatic === 1) await deleteAddress(tx, row.id);
  else await updateAddress(tx, row.id, FREE);
  if (holder !== undefined) await touchPorts(change, holder.vpcId, [holder.id]);
}

export async function disassociateAddress(
  { accountId }: Caller,
  change: Change,
  {
    AssociationId,
    PublicIp,
  }: { AssociationId?: string | undefined; PublicIp?: string | undefined },
): Promise<void> {
  const rows = await listAddresses(change.tx, accountId);
  const row = findAssociated(rows, { AssociationId, PublicIp });
  await requireUnmanaged(change.tx, row);
  await letGo(change, row);
}

/** Only with its NAT gateway does it become free. */
async function requireUnmanaged(tx: Queries, { interfaceId, publicIp }: AddressRow): Promise<void> {
  if (interfaceId === null || (await findInterface(tx, interfaceId))?.isManaged !== 1) return;
  throw refuse(
    'operation-not-permitted',
    'address',
    `You do not have permission to disassociate ${publicIp}: it is a NAT gateway's.`,
  );
}

function findAssociated(
  rows: readonly AddressRow[],
  {
    AssociationId,
    PublicIp,
  }: { AssociationId?: string | undefined; PublicIp?: string | undefined },
): AddressRow {
  if (AssociationId !== undefined) {
    const id = parseId(ADDRESS_ASSOCIATION, AssociationId, 'AssociationId');
    const row = rows.find((one) => one.associationId === id);
    if (row !== undefined) return row;
    throw notFound('address-association', ADDRESS_ASSOCIATION.label, [id]);
  }
  if (PublicIp === undefined) throw missingParameter('AssociationId');
  throw refuseAddress(rows, PublicIp, 'unmapping');
}

/** For an interface that goes. */
export function letGoAll(change: Change, id: InterfaceId): Promise<void> {
  return letGoThose(change, id, () => true);
}

/** For an interface that outlives its attachment: what the cloud gave with that goes with it. */
export function letGoAutomatic(change: Change, id: InterfaceId): Promise<void> {
  return letGoThose(change, id, ({ isAutomatic }) => isAutomatic === 1);
}

/** For a private address that goes. */
export function letGoOf(change: Change, id: InterfaceId, privateIp: string): Promise<void> {
  return letGoThose(change, id, (row) => row.privateIp === privateIp);
}

async function letGoThose(
  change: Change,
  id: InterfaceId,
  isMeant: (row: AddressRow) => boolean,
): Promise<void> {
  const rows = await listAddressesOn(change.tx, [id]);
  for (const row of rows.filter(isMeant)) await letGo(change, row);
}

export async function hasPublicAddresses(tx: Queries, vpcId: VpcId): Promise<boolean> {
  return (await listAddressesInVpc(tx, vpcId)).length > 0;
}
