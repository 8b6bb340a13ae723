// Owns which subnet, VPC and security group a call of EC2 gets by naming none, and which volumes, interface and instance it
// means by naming what they are attached to: they are asked about as if they had been named.
// Source: Service Authorization Reference, "Actions defined by Amazon EC2", the resource types of each.

import type { AccountId, InstanceId, VolumeId } from '@ironbark/core/ids.ts';
import { listAttachmentsOf, listAttachmentsOfVolume } from '../store/attachments.ts';
import { findInstance } from '../store/instances.ts';
import { listInterfacesOf } from '../store/network-interfaces.ts';
import { listSubnets } from '../store/networks.ts';
import type { SubnetRow } from '../store/schema.ts';
import { listGroups } from '../store/security-groups.ts';
import type { Queries } from '../store/store.ts';
import { findDefaultVpc } from './find-vpc.ts';

export interface Asker {
  accountId: AccountId;
  /** Where a launch goes that names no zone. */
  zone: string;
}

interface Chosen {
  id: string;
}

interface InterfaceInput {
  SubnetId?: string;
  Groups?: readonly string[];
}

interface LaunchInput {
  SubnetId?: string;
  SecurityGroupIds?: readonly string[];
  SecurityGroups?: readonly string[];
  NetworkInterfaces?: readonly (InterfaceInput & { NetworkInterfaceId?: string })[];
  Placement?: { AvailabilityZone?: string };
}

/** Nothing where the call chooses for itself, or where there is no default: it is refused later. */
export async function findChosen(
  db: Queries,
  asker: Asker,
  { action, input }: { action: string; input: unknown },
): Promise<Chosen[]> {
  if (action === 'RunInstances') return await findOfLaunch(db, asker, Object(input) as LaunchInput);
  if (action === 'CreateNetworkInterface') {
    return await findOfInterfaces(db, asker, [Object(input) as InterfaceInput], asker.zone);
  }
  if (action === 'CreateSnapshots') return await findOfInstance(db, asker, Object(input));
  if (action === 'AssociateAddress') return await findAddressed(db, asker, Object(input));
  if (action === 'DetachVolume') return await findOfVolume(db, asker, Object(input));
  if (action !== 'CreateSecurityGroup') return [];
  if ((Object(input) as { VpcId?: string }).VpcId !== undefined) return [];
  return justId(await findDefaultVpc(db, asker.accountId));
}

/** An interface that exists has its subnet and groups already. */
async function findOfLaunch(db: Queries, asker: Asker, input: LaunchInput): Promise<Chosen[]> {
  const { NetworkInterfaces: specs = [], SecurityGroupIds = [], SecurityGroups = [] } = input;
  const zone = input.Placement?.AvailabilityZone ?? asker.zone;
  const Groups = [...SecurityGroupIds, ...SecurityGroups];
  const ofInstance = { ...(input.SubnetId && { SubnetId: input.SubnetId }), Groups };
  const made = specs.filter((one) => one.NetworkInterfaceId === undefined);
  return await findOfInterfaces(db, asker, specs.length > 0 ? made : [ofInstance], zone);
}

/** Reads once what there is: a request may have thousands of them. */
async function findOfInterfaces(
  db: Queries,
  { accountId }: Asker,
  wishes: readonly InterfaceInput[],
  zone: string,
): Promise<Chosen[]> {
  const open = wishes.filter((one) => one.SubnetId === undefined || !one.Groups?.length);
  if (open.length === 0) return [];
  const subnets = await listSubnets(db, accountId);
  const groups = await listGroups(db, accountId);
  const usual = chooseDefaultSubnet(subnets, zone);
  return open.flatMap(({ SubnetId, Groups = [] }) => {
    const subnet = SubnetId === undefined ? usual : subnets.find(({ id }) => id === SubnetId);
    const group = groups.find((one) => one.vpcId === subnet?.vpcId && one.name === 'default');
    return [
      ...(SubnetId === undefined ? justId(usual) : []),
      ...(Groups.length > 0 ? [] : justId(group)),
    ];
  });
}

/** Of an account's subnets the one that a launch goes to when it names none. */
export function chooseDefaultSubnet(
  subnets: readonly SubnetRow[],
  zone: string,
): SubnetRow | undefined {
  return subnets.find((one) => one.isDefault === 1 && one.zone === zone);
}

interface SnapshotsInput {
  InstanceSpecification?: { InstanceId?: string; ExcludeBootVolume?: boolean };
}

/** The volumes of which snapshots are taken. */
async function findOfInstance(
  db: Queries,
  { accountId }: Asker,
  { InstanceSpecification = {} }: SnapshotsInput,
): Promise<Chosen[]> {
  const id = InstanceSpecification.InstanceId as InstanceId | undefined;
  const instance = id && (await findInstance(db, id));
  if (!instance || instance.accountId !== accountId) return [];
  const root = InstanceSpecification.ExcludeBootVolume === true ? instance.rootDeviceName : '';
  const attached = await listAttachmentsOf(db, instance.id);
  return attached
    .filter(({ deviceName }) => deviceName !== root)
    .map(({ volumeId: id }) => ({ id }));
}

/** The instance's interface, which is to have the address. */
async function findAddressed(
  db: Queries,
  { accountId }: Asker,
  { InstanceId: id }: { InstanceId?: InstanceId },
): Promise<Chosen[]> {
  const rows = id ? await listInterfacesOf(db, id) : [];
  return rows.filter((one) => one.accountId === accountId).flatMap(justId);
}

/** The instance that the volume is taken from. */
async function findOfVolume(
  db: Queries,
  { accountId }: Asker,
  { VolumeId: id, InstanceId: from }: { VolumeId?: VolumeId; InstanceId?: string },
): Promise<Chosen[]> {
  if (id === undefined || from !== undefined) return [];
  const attached = await listAttachmentsOfVolume(db, id);
  const own = attached.filter((one) => one.accountId === accountId);
  return own.map(({ instanceId }) => ({ id: instanceId }));
}

function justId(row: { id: string } | undefined): Chosen[] {
  return row === undefined ? [] : [{ id: row.id }];
}
