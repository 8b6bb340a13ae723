// Owns which VPCs a place has to do with, and how far each reaches.

import type { SubnetId } from '@ironbark/core/ids.ts';
import type { SubnetIntent } from '@ironbark/protocol/internal/instance-messages.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import type { NetworkNames } from './network-names.ts';
import type { Overlays } from './overlays.ts';

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

/** The interface that leads to ports of the subnet's VPC on other nodes, if there are any. */
export function overlayOf(
  { vpcs, overlays }: { vpcs: readonly VpcIntent[]; overlays?: Pick<Overlays, 'find'> | undefined },
  names: Pick<NetworkNames, 'overlay'>,
  id: SubnetId,
): { overlay?: string } {
  const vpc = vpcs.find(({ subnets }) => subnets.some((subnet) => subnet.id === id));
  if (vpc === undefined || overlays?.find(vpc.id) === undefined) return {};
  return { overlay: names.overlay(vpc.id) };
}
