// Owns the network interfaces of a launch: each made with its instance, or one that waits already.

import type { InstanceId, InterfaceId, SecurityGroupId, SubnetId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import { findInterface, insertInterface, updateInterface } from '../store/network-interfaces.ts';
import { type InterfaceRow, type SubnetRow, toFlag } from '../store/schema.ts';
import { renderMac } from './addresses.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { checkInterfaceCount, requireFree } from './interface-attachments.ts';
import { giveIpv6, type Ipv6Wish } from './ipv6-addresses.ts';
import { addPrivateIps, checkGroupCount, getOwnInterface } from './network-interfaces.ts';
import { chooseSubnet, findGroups, takeAddress } from './networks.ts';
import { giveAutomaticAddress } from './public-addresses.ts';
import { invalidCombination } from './refusals.ts';
import { setTags, type Tag } from './tags.ts';
import { requireVpcNodes } from './vpc-capability.ts';
import { touchPorts } from './vpc-changes.ts';

export interface LaunchedInterface extends Ipv6Wish {
  deviceIndex: number;
  /** One that exists; the rest is for a new one. */
  interfaceId: InterfaceId | undefined;
  subnetId: SubnetId | undefined;
  groupIds: SecurityGroupId[];
  groupNames: readonly string[];
  privateIp: string | undefined;
  /** Private addresses besides the first one, or how many. */
  morePrivateIps: readonly string[];
  moreCount: number;
  interfaceDescription: string;
  /** Undefined: as the subnet says. */
  wantsPublicIp: boolean | undefined;
  deleteOnTermination: boolean;
}

/** The first one, and those besides it in the order of their indexes. */
export interface InterfaceWish extends LaunchedInterface {
  moreInterfaces: readonly LaunchedInterface[];
}

export interface PlannedInterface extends LaunchedInterface {
  subnet: SubnetRow;
  existing?: InterfaceRow;
}

export interface LaunchPlace {
  zone: string | undefined;
  defaultZone: string;
  instanceType: string;
  maxCount: number;
}

/** Looked up and found good; the first one says which VPC and zone the instance is in. */
export async function planInterfaces(
  tx: Change['tx'],
  caller: Caller,
  { moreInterfaces, ...first }: InterfaceWish,
  place: LaunchPlace,
): Promise<PlannedInterface[]> {
  const wishes = [first, ...moreInterfaces];
  checkInterfaceCount(place.instanceType, wishes.length);
  const isSingle = wishes.every(
    (one) =>
      one.interfaceId === undefined &&
      !one.privateIp &&
      one.morePrivateIps.length + one.ipv6Addresses.length === 0,
  );
  if (place.maxCount > 1 && !isSingle) {
    throw invalidCombination(
      'A network interface or PrivateIpAddress can be given for a single instance only.',
    );
  }
  const hasMore = wishes.some((one) => one.morePrivateIps.length > 0 || one.moreCount > 0);
  const needsVpc = wishes.length > 1 || first.interfaceId !== undefined || hasMore;
  if (needsVpc || first.wantsPublicIp === true) await requireVpcNodes(tx);
  const planned: PlannedInterface[] = [];
  for (const wish of wishes) {
    const one = await planInterface(tx, caller, wish, place);
    // EC2 gives an address of its own accord to instances with one interface only.
    const isUsual = wishes.length === 1 && one.subnet.mapPublicIp === 1;
    planned.push({ ...one, wantsPublicIp: wish.wantsPublicIp ?? isUsual });
  }
  checkTogether(planned);
  return planned;
}

async function planInterface(
  tx: Change['tx'],
  { accountId }: Caller,
  wish: LaunchedInterface,
  { zone, defaultZone }: LaunchPlace,
): Promise<PlannedInterface> {
  if (wish.interfaceId !== undefined) {
    const existing = await getOwnInterface(tx, accountId, wish.interfaceId);
    requireFree(existing);
    const { subnetId } = existing;
    const subnet = await chooseSubnet(tx, accountId, { subnetId, zone, defaultZone });
    return { ...wish, subnet, existing };
  }
  const { subnetId } = wish;
  const subnet = await chooseSubnet(tx, accountId, { subnetId, zone, defaultZone });
  checkGroupCount(wish.groupIds);
  const groups = await findGroups(tx, accountId, subnet.vpcId, wish);
  return { ...wish, subnet, groupIds: groups.map(({ id }) => id) };
}

function checkTogether([first, ...others]: readonly PlannedInterface[]): void {
  const own = [first!, ...others].flatMap(({ existing }) => existing?.id ?? []);
  if (new Set(own).size < own.length) {
    throw invalidCombination('A network interface can be attached at one device index only.');
  }
  const { vpcId, zone } = first!.subnet;
  if (others.every(({ subnet }) => subnet.vpcId === vpcId && subnet.zone === zone)) return;
  throw invalidCombination(
    'The network interfaces of an instance have to be in one availability zone and, in this cloud, in one VPC.',
  );
}

export async function writeInterfaces(
  app: App,
  caller: Caller,
  change: Change,
  interfaces: readonly PlannedInterface[],
  instance: { id: InstanceId; tags: readonly Tag[] },
): Promise<void> {
  const spared = interfaces.flatMap((one) => [one.privateIp ?? [], one.morePrivateIps].flat());
  for (const one of interfaces) {
    if (one.existing !== undefined) await takeInterface(app, change, one, instance.id);
    else await makeInterface(app, caller, change, { ...one, spared }, instance);
  }
}

async function takeInterface(
  app: App,
  change: Change,
  { existing, deviceIndex, deleteOnTermination }: PlannedInterface,
  instanceId: InstanceId,
): Promise<void> {
  const { tx, nowMs } = change;
  const { id, vpcId } = existing!;
  await touchPorts(change, vpcId, [id]);
  await updateInterface(tx, id, {
    instanceId,
    deviceIndex,
    attachmentId: newId(app.random, 'eni-attach'),
    attachedAt: nowMs,
    deleteOnTermination: toFlag(deleteOnTermination),
  });
}

async function makeInterface(
  app: App,
  { accountId }: Caller,
  change: Change,
  wish: PlannedInterface & { spared: readonly string[] },
  { id: instanceId, tags }: { id: InstanceId; tags: readonly Tag[] },
): Promise<void> {
  const { tx, nowMs } = change;
  const { subnet, spared } = wish;
  const id = newId(app.random, 'eni');
  const row = {
    id,
    accountId,
    instanceId,
    vpcId: subnet.vpcId,
    subnetId: subnet.id,
    zone: subnet.zone,
    deviceIndex: wish.deviceIndex,
    privateIp: await takeAddress(tx, subnet, wish.privateIp, spared),
    macAddress: renderMac(app.random.bytes(5)),
    attachmentId: newId(app.random, 'eni-attach'),
    description: wish.interfaceDescription,
    createdAt: nowMs,
    attachedAt: nowMs,
    deleteOnTermination: toFlag(wish.deleteOnTermination),
  };
  await insertInterface(tx, row, wish.groupIds);
  const { morePrivateIps: privateIps, moreCount: count } = wish;
  const more = { subnet, privateIps, count, spared };
  const made = (await findInterface(tx, id))!;
  await addPrivateIps(change, made, more);
  await giveIpv6(app, change, made, { ...wish, isAssigned: subnet.assignIpv6 === 1 });
  await touchPorts(change, row.vpcId, [id]);
  await setTags(tx, accountId, id, tags);
  if (wish.wantsPublicIp === true) await giveAutomaticAddress(app, change, row);
}
