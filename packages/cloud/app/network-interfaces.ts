// Owns the rules of network interfaces: how one is made, what it can be set to, and how it goes.

import type { AccountId, InterfaceId, SecurityGroupId, SubnetId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import {
  deleteInterfaceAddress,
  insertInterfaceAddress,
  listAddressesOfInterface,
} from '../store/interface-addresses.ts';
import {
  deleteInterface,
  findInterface,
  insertInterface,
  setInterfaceGroups,
} from '../store/network-interfaces.ts';
import type { InterfaceRow, SubnetRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { renderMac } from './addresses.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { tellOfInterface } from './interface-changes.ts';
import { giveIpv6, type Ipv6Wish } from './ipv6-addresses.ts';
import { findGroups, takeAddress } from './networks.ts';
import { letGoAll, letGoOf } from './public-addresses.ts';
import { QUOTAS } from './quotas/catalogue.ts';
import { requireWithin } from './quotas/limits.ts';
import { invalidValue, notFound, refuse } from './refusals.ts';
import { INTERFACE } from './resource-ids.ts';
import { getSubnet } from './subnets.ts';
import { setTags, type Tag } from './tags.ts';
import { touchPorts, touchVpc } from './vpc-changes.ts';

export const MAX_GROUPS_OF_INTERFACE = 5;
/** EC2's largest instance types have 50 on one interface. */
export const MAX_PRIVATE_ADDRESSES = 50;

/** As of EC2's other descriptions. */
const MAX_DESCRIPTION = 255;

export function checkInterfaceDescription(text: string | undefined): string {
  if (text === undefined || text.length <= MAX_DESCRIPTION) return text ?? '';
  const message = `It has at most ${MAX_DESCRIPTION} characters.`;
  throw invalidValue('description', `${text.slice(0, 40)}...`, message);
}

export async function getInterface(
  tx: Queries,
  accountId: AccountId,
  id: InterfaceId,
): Promise<InterfaceRow> {
  const row = await findInterface(tx, id);
  if (row?.accountId === accountId) return row;
  throw notFound('network-interface', INTERFACE.label, [id]);
}

/** One that its user may change. */
export async function getOwnInterface(
  tx: Queries,
  accountId: AccountId,
  id: InterfaceId,
): Promise<InterfaceRow> {
  const row = await getInterface(tx, accountId, id);
  if (row.isManaged === 0) return row;
  throw refuse(
    'operation-not-permitted',
    'network-interface',
    `You do not have permission to change ${id}: it is a NAT gateway's.`,
  );
}

export function checkGroupCount(ids: readonly SecurityGroupId[]): void {
  if (ids.length <= MAX_GROUPS_OF_INTERFACE) return;
  throw refuse(
    'limit-exceeded',
    'permission',
    `The maximum number of security groups per interface is ${MAX_GROUPS_OF_INTERFACE}.`,
  );
}

export interface InterfaceWish extends Ipv6Wish {
  subnetId: SubnetId;
  groupIds: readonly SecurityGroupId[];
  privateIp: string | undefined;
  morePrivateIps: readonly string[];
  moreCount: number;
  description: string;
  tags: readonly Tag[];
}

export async function createInterface(
  app: App,
  caller: Caller,
  change: Change,
  wish: InterfaceWish,
): Promise<InterfaceId> {
  const { tx } = change;
  const { accountId } = caller;
  const subnet = await getSubnet(change, caller, wish.subnetId);
  checkGroupCount(wish.groupIds);
  const names = { groupIds: wish.groupIds, groupNames: [] };
  const groups = await findGroups(tx, accountId, subnet.vpcId, names);
  const id = await writeFreeInterface(app, caller, change, {
    subnet,
    groupIds: groups.map((group) => group.id),
    privateIp: wish.privateIp,
    spared: wish.morePrivateIps,
    description: wish.description,
    isManaged: 0,
  });
  const { morePrivateIps: privateIps, moreCount: count } = wish;
  const row = (await findInterface(tx, id))!;
  await addPrivateIps(change, row, { subnet, privateIps, count });
  await giveIpv6(app, change, row, { ...wish, isAssigned: subnet.assignIpv6 === 1 });
  await setTags(tx, accountId, id, wish.tags);
  await touchVpc(change, subnet.vpcId);
  return id;
}

export interface FreeInterface {
  subnet: SubnetRow;
  groupIds: readonly SecurityGroupId[];
  privateIp: string | undefined;
  /** Addresses that the same request names for more. */
  spared?: readonly string[];
  description: string;
  isManaged: 0 | 1;
}

/** Of no instance. */
export async function writeFreeInterface(
  app: App,
  { accountId }: Caller,
  { tx, nowMs }: Change,
  { subnet, groupIds, privateIp, spared, description, isManaged }: FreeInterface,
): Promise<InterfaceId> {
  await requireWithin(tx, accountId, QUOTAS.interfaces);
  const id = newId(app.random, 'eni');
  const row = {
    id,
    accountId,
    instanceId: '' as const,
    vpcId: subnet.vpcId,
    subnetId: subnet.id,
    zone: subnet.zone,
    deviceIndex: 0,
    privateIp: await takeAddress(tx, subnet, privateIp, spared),
    macAddress: renderMac(app.random.bytes(5)),
    attachmentId: '' as const,
    description,
    createdAt: nowMs,
    isManaged,
    attachedAt: null,
  };
  await insertInterface(tx, row, groupIds);
  return id;
}

export interface MorePrivateIps {
  subnet: SubnetRow;
  /** These, or so many. */
  privateIps: readonly string[];
  count: number;
  /** None of these, which the same request names for others. */
  spared?: readonly string[];
}

/** Answers those that were added. */
export async function addPrivateIps(
  change: Change,
  row: InterfaceRow,
  { subnet, privateIps, count, spared }: MorePrivateIps,
): Promise<string[]> {
  const { tx } = change;
  const before = await listAddressesOfInterface(tx, row.id);
  checkAddressCount(before.length, privateIps.length > 0 ? privateIps.length : count);
  const wanted = privateIps.length > 0 ? privateIps : Array<undefined>(count).fill(undefined);
  const added: string[] = [];
  for (const one of wanted) {
    const privateIp = await takeAddress(tx, subnet, one, spared);
    await insertInterfaceAddress(tx, { interfaceId: row.id, subnetId: subnet.id, privateIp });
    added.push(privateIp);
  }
  if (added.length > 0) await tellOfInterface(change, row);
  return added;
}

/** Before anything is as large as a request says. */
function checkAddressCount(before: number, more: number): void {
  if (more < 0) {
    throw invalidValue('SecondaryPrivateIpAddressCount', more, 'It has to be at least 1.');
  }
  if (before + more >= MAX_PRIVATE_ADDRESSES) {
    throw refuse(
      'limit-exceeded',
      'private-address',
      `An interface can have ${MAX_PRIVATE_ADDRESSES} private addresses.`,
    );
  }
}

export async function removePrivateIps(
  change: Change,
  row: InterfaceRow,
  privateIps: readonly string[],
): Promise<void> {
  const { tx } = change;
  const own = (await listAddressesOfInterface(tx, row.id)).map((one) => one.privateIp);
  const absent = privateIps.find((privateIp) => !own.includes(privateIp));
  if (absent !== undefined) {
    throw invalidValue(
      'privateIpAddress',
      absent.slice(0, 64),
      `Some of ${privateIps.join(', ')} are not assigned to interface ${row.id} as secondary addresses.`,
    );
  }
  for (const privateIp of privateIps) {
    await letGoOf(change, row.id, privateIp);
    await deleteInterfaceAddress(tx, { interfaceId: row.id, privateIp });
  }
  await tellOfInterface(change, row);
}

/** An instance's guest reads its groups from its metadata. */
export async function changeGroups(
  change: Change,
  row: InterfaceRow,
  groupIds: readonly SecurityGroupId[],
): Promise<void> {
  const { tx } = change;
  if (groupIds.length === 0) {
    throw invalidValue('groups', '', 'You must specify at least one security group.');
  }
  checkGroupCount(groupIds);
  const names = { groupIds, groupNames: [] };
  const groups = await findGroups(tx, row.accountId, row.vpcId, names);
  await setInterfaceGroups(
    tx,
    row.id,
    groups.map((group) => group.id),
  );
  await tellOfInterface(change, row);
}

export async function removeInterface(
  { accountId }: Caller,
  change: Change,
  id: InterfaceId,
): Promise<void> {
  const row = await getOwnInterface(change.tx, accountId, id);
  if (row.instanceId !== '') {
    const message = `Network interface '${id}' is currently in use.`;
    throw refuse('invalid-parameter', 'network-interface', message);
  }
  await eraseInterface(change, row);
}

/** With its public addresses: elastic ones stay their account's, automatic ones are nobody's. */
export async function eraseInterface(change: Change, row: InterfaceRow): Promise<void> {
  await letGoAll(change, row.id);
  await deleteInterface(change.tx, row);
  await touchPorts(change, row.vpcId, [row.id]);
}
