// Owns which VPCs a place has to do with, and how far each reaches.

import type { SubnetId } from '@ironbark/core/ids.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import type { NetworkNames } from './network-names.ts';
import { peerRulesOf } from './peering-plan.ts';
import type { SubnetRules } from './subnet-facts.ts';
import type { Surroundings } from './surroundings.ts';

/** Those that have subnets here, as far as they are here: what is elsewhere may have the same addresses. */
export function governingVpcs(
  vpcs: readonly VpcIntent[],
  placed: readonly SubnetIntent[],
): VpcIntent[] {
  const own = new Set(placed.map(({ id }) => id));
  return vpcs.flatMap((vpc) => {
    const subnets = vpc.subnets.filter(({ id }) => own.has(id));
    const ports = vpc.ports.filter(({ subnetId }) => own.has(subnetId));
    return subnets.length === 0 ? [] : [{ ...vpc, subnets, ports }];
  });
}

/** What leads from the subnet's VPC to its ports on other nodes, and to its peers. */
export function waysOf(
  { vpcs, overlays, peers }: Pick<Surroundings, 'vpcs' | 'overlays' | 'peers'>,
  names: NetworkNames,
  id: SubnetId,
): Pick<SubnetRules, 'overlay' | 'peers'> {
  const vpc = vpcs.find(({ subnets }) => subnets.some((subnet) => subnet.id === id));
  if (vpc === undefined) return {};
  const found = peerRulesOf(vpc, peers, names);
  return {
    ...(overlays?.find(vpc.id) === undefined ? {} : { overlay: names.overlay(vpc.id) }),
    ...(found.length === 0 ? {} : { peers: found }),
  };
}
