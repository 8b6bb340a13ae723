// Owns the rules of subnets, addresses and security groups at a launch.

import type { AccountId, SecurityGroupId, SubnetId, VpcId } from '@ironbark/core/ids.ts';
import { parseBlock, parseIpv4, renderIpv4 } from '@ironbark/core/ipv4.ts';
import { listUsedAddresses } from '../store/network-interfaces.ts';
import { listSubnets, setNextAddress } from '../store/networks.ts';
import type { SecurityGroupRow, SubnetRow } from '../store/schema.ts';
import { listGroups } from '../store/security-groups.ts';
import type { Queries } from '../store/store.ts';
import { findFreeAddress, isAssignable } from './addresses.ts';
import { chooseDefaultSubnet } from './default-choices.ts';
import { invalidCombination, invalidValue, notFound, refuse } from './refusals.ts';
import { GROUP, matchIds, SUBNET } from './resource-ids.ts';

export async function chooseSubnet(
  tx: Queries,
  accountId: AccountId,
  wanted: { subnetId: SubnetId | undefined; zone: string | undefined; defaultZone: string },
): Promise<SubnetRow> {
  const subnets = await listSubnets(tx, accountId);
  if (wanted.subnetId !== undefined) {
    const [subnet] = matchIds(SUBNET, [wanted.subnetId], subnets);
    if (wanted.zone !== undefined && wanted.zone !== subnet!.zone) {
      throw invalidCombination(
        `The subnet '${subnet!.id}' is in ${subnet!.zone}, not in ${wanted.zone}.`,
      );
    }
    return subnet!;
  }
  const zone = wanted.zone ?? wanted.defaultZone;
  const subnet = chooseDefaultSubnet(subnets, zone);
  if (subnet !== undefined) return subnet;
  throw zoneUnknown(zone, [...new Set(subnets.map((one) => one.zone))]);
}

export function zoneUnknown(zone: string, zones: readonly string[]): Error {
  return refuse(
    'invalid-parameter',
    'availability-zone',
    `Invalid availability zone: [${zone}]. This cloud has ${zones.join(', ')}.`,
  );
}

/** The groups by id or by name, or the VPC's default group when none are named. */
export async function findGroups(
  tx: Queries,
  accountId: AccountId,
  vpcId: VpcId,
  wanted: { groupIds: readonly SecurityGroupId[]; groupNames: readonly string[] },
): Promise<SecurityGroupRow[]> {
  const groups = (await listGroups(tx, accountId)).filter((group) => group.vpcId === vpcId);
  const { groupIds, groupNames } = wanted;
  if (groupIds.length > 0 && groupNames.length > 0) {
    throw invalidCombination('Give security groups by id or by name, not both.');
  }
  if (groupIds.length > 0) return matchIds(GROUP, groupIds, groups);
  const names = groupNames.length > 0 ? groupNames : ['default'];
  const absent = names.filter((name) => !groups.some((group) => group.name === name));
  if (absent.length > 0) throw notFound('security-group', 'security group', absent);
  return groups.filter((group) => names.includes(group.name));
}

/**
 * Reserves an address: the one asked for, or the next free one that is none of `spared`, which the same request names. The
 * caller writes the interface.
 */
export async function takeAddress(
  tx: Queries,
  subnet: SubnetRow,
  wanted: string | undefined,
  spared: readonly string[] = [],
): Promise<string> {
  const used = await listUsedAddresses(tx, subnet.id);
  if (wanted !== undefined) return checkAddress(subnet, wanted, used);
  const cidr = parseBlock(subnet.cidr)!;
  const { nextAddress } = (await listSubnets(tx, subnet.accountId)).find(
    (one) => one.id === subnet.id,
  )!;
  const taken = new Set([...used, ...spared]);
  const free = findFreeAddress(cidr, (address) => taken.has(renderIpv4(address)), nextAddress);
  if (free === undefined) {
    throw refuse(
      'insufficient-capacity',
      'subnet',
      `There are not enough free addresses in subnet '${subnet.id}' to satisfy the requested number of instances.`,
    );
  }
  await setNextAddress(tx, subnet.id, free - cidr.base + 1);
  return renderIpv4(free);
}

function checkAddress(subnet: SubnetRow, wanted: string, used: ReadonlySet<string>): string {
  const address = parseIpv4(wanted);
  if (address === undefined || !isAssignable(parseBlock(subnet.cidr)!, address)) {
    throw invalidValue(
      'PrivateIpAddress',
      wanted,
      `Address does not fall within the usable addresses of ${subnet.cidr}; the first four and the last are reserved.`,
    );
  }
  if (used.has(wanted)) {
    throw refuse('in-use', 'address', `Address ${wanted} is in use.`);
  }
  return wanted;
}
