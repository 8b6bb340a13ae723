// Owns with which addresses each port may send, as its VPC says.

import type { InterfaceId } from '@ironbark/core/ids.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';

export interface Sender {
  privateIps: readonly string[];
  ipv6Addresses?: readonly string[];
  /** Networks of its VPC, for a port that routes: it may send with any address outside them. */
  routesOutside?: readonly string[];
}

export function sendersOf(vpcs: readonly VpcIntent[]): Map<InterfaceId, Sender> {
  const senders = vpcs.flatMap(({ cidrs, ports }) =>
    ports.map(({ interfaceId, privateIps, ipv6Addresses = [], checksSource }) => {
      const own = ipv6Addresses.length === 0 ? { privateIps } : { privateIps, ipv6Addresses };
      const sender = checksSource ? own : { ...own, routesOutside: cidrs };
      return [interfaceId, sender] as const;
    }),
  );
  return new Map(senders);
}

export function isSameSender(one: Sender | undefined, other: Sender | undefined): boolean {
  return (
    isSameList(one?.privateIps, other?.privateIps) &&
    isSameList(one?.ipv6Addresses, other?.ipv6Addresses) &&
    isSameList(one?.routesOutside, other?.routesOutside)
  );
}

/** Of a thousand ports at each change: nothing is made for it. */
function isSameList(one: readonly string[] = [], other: readonly string[] = []): boolean {
  return one.length === other.length && one.every((each, at) => each === other[at]);
}
