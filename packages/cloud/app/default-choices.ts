// Owns which subnet, VPC and security group a call of EC2 gets by naming none, and which volumes and instance it means by
// naming what they are attached to: they are asked about as if they had been named.
// Source: Service Authorization Reference, "Actions defined by Amazon EC2", the resource types of each.

import type { AccountId, InstanceId, VolumeId, VpcId } from '@ironbark/core/ids.ts';
import { listAttachmentsOf, listAttachmentsOfVolume } from '../store/attachments.ts';
import { findInstance } from '../store/instances.ts';
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

interface LaunchInput extends InterfaceInput {
  SecurityGroupIds?: readonly string[];
  SecurityGroups?: readonly string[];
  NetworkInterfaces?: readonly InterfaceInput[];
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
    const { SubnetId, Groups = [] } = Object(input) as InterfaceInput;
    const subnet = await findGiven(db, asker, SubnetId);
    return Groups.length > 0 ? [] : await findDefaultGroup(db, asker, subnet?.vpcId);
  }
  if (action === 'CreateSnapshots') return await findOfInstance(db, asker, Object(input));
  if (action === 'DetachVolume') return await findOfVolume(db, asker, Object(input));
  if (action !== 'CreateSecurityGroup') return [];
  if ((Object(input) as { VpcId?: string }).VpcId !== undefined) return [];
  return justId(await findDefaultVpc(db, asker.accountId));
}

async function findOfLaunch(db: Queries, asker: Asker, input: LaunchInput): Promise<Chosen[]> {
  const [own] = input.NetworkInterfaces ?? [];
  const { SubnetId = input.SubnetId, Groups = [] } = own ?? {};
  const given = await findGiven(db, asker, SubnetId);
  const zone = input.Placement?.AvailabilityZone ?? asker.zone;
  const usual = SubnetId === undefined ? await findDefaultSubnet(db, asker, zone) : undefined;
  const { SecurityGroupIds = [], SecurityGroups = [] } = input;
  const hasGroups = [...Groups, ...SecurityGroupIds, ...SecurityGroups].length > 0;
  const vpcId = (given ?? usual)?.vpcId;
  const groups = hasGroups ? [] : await findDefaultGroup(db, asker, vpcId);
  return [...justId(usual), ...groups];
}

async function findGiven(
  db: Queries,
  { accountId }: Asker,
  subnetId: string | undefined,
): Promise<SubnetRow | undefined> {
  if (subnetId === undefined) return undefined;
  return (await listSubnets(db, accountId)).find(({ id }) => id === subnetId);
}

/** The one that a launch goes to when it names none. */
export async function findDefaultSubnet(
  db: Queries,
  { accountId }: Pick<Asker, 'accountId'>,
  zone: string,
): Promise<SubnetRow | undefined> {
  const subnets = await listSubnets(db, accountId);
  return subnets.find((one) => one.isDefault === 1 && one.zone === zone);
}

async function findDefaultGroup(
  db: Queries,
  { accountId }: Asker,
  vpcId: VpcId | undefined,
): Promise<Chosen[]> {
  const groups = vpcId === undefined ? [] : await listGroups(db, accountId);
  return justId(groups.find((one) => one.vpcId === vpcId && one.name === 'default'));
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
