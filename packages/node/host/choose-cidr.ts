// Owns the choice of a VPC's network: the first of the usual ones that the host does not reach already.

import { type Cidr, cidrsOverlap, parseCidr, renderCidr } from '@ironbark/core/ipv4.ts';
import type { HostNetworkRange } from './host-networks.ts';

/** AWS's default VPC first, then its neighbours in 172.16/12 downwards, then 10/8 upwards from an unusual part. */
export const VPC_CANDIDATES: readonly string[] = [
  ...range(31, 16, -1).map((second) => `172.${second}.0.0/16`),
  ...range(192, 254, 1).map((second) => `10.${second}.0.0/16`),
  ...range(1, 191, 1).map((second) => `10.${second}.0.0/16`),
];

/**
 * The candidates from somewhere in their middle on, for a cloud that is not the host's usual one: clouds that were
 * made while the others were down would all have taken the first, and could never be up together.
 */
export function candidatesFrom(fraction: number): string[] {
  const start = Math.floor(fraction * VPC_CANDIDATES.length);
  return [...VPC_CANDIDATES.slice(start), ...VPC_CANDIDATES.slice(0, start)];
}

/** Undefined when each of the candidates clashes with something. */
export function chooseVpcCidr(
  networks: readonly HostNetworkRange[],
  candidates: readonly string[] = VPC_CANDIDATES,
): string | undefined {
  return candidates.find((candidate) => findClash(candidate, networks) === undefined);
}

/**
 * The first network of the host that overlaps `cidr`, apart from those on interfaces that `isOurs` knows.
 */
export function findClash(
  cidr: string,
  networks: readonly HostNetworkRange[],
  isOurs: (device: string) => boolean = () => false,
): HostNetworkRange | undefined {
  const wanted = getCidr(cidr);
  return networks.find((one) => !isOurs(one.device) && cidrsOverlap(one.cidr, wanted));
}

export function describeClash(cidr: string, clash: HostNetworkRange): string {
  return `The network ${cidr} overlaps ${renderCidr(clash.cidr)}, which this host reaches through ${clash.device}.`;
}

function getCidr(text: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new RangeError(`not a network: ${text}`);
  return cidr;
}

function range(from: number, to: number, step: 1 | -1): number[] {
  return Array.from({ length: Math.abs(to - from) + 1 }, (_, index) => from + index * step);
}
