// Owns which of a VPC's ports are on other nodes, and how they are reached: over one VXLAN network of the VPC's own,
// routed from node to node. Everything follows from what the cloud says; nothing is learned.

import type { NodeId, VpcId } from '@ironbark/core/ids.ts';
import { cidrContains, parseCidr, parseIpv4 } from '@ironbark/core/ipv4.ts';
import { cidr6Contains, linkLocalOf, parseCidr6 } from '@ironbark/core/ipv6.ts';
import type { PortIntent, VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';

/** By address, the nodes that a packet from it may come from: two peers of a VPC may have one block. */
export type Senders = ReadonlyMap<string, string | readonly string[]>;

export interface Overlay {
  vpcId: VpcId;
  networkNumber: number;
  /** This node's own address among the nodes. */
  underlayAddress: string;
  /** Networks of the VPC. */
  cidrs: readonly string[];
  /** By private address of a port on another node, that node's address. */
  remotes: ReadonlyMap<string, string>;
  /**
   * The same of IPv6, with the nodes' IPv4 addresses. None where nobody here has IPv6, or the host routes the VPC: only name
   * spaces have it.
   */
  remotes6: ReadonlyMap<string, string>;
  /** Those of IPv4, and ports of peers on other nodes: whose packets come over this network, and from which node. */
  senders: Senders;
  /** Nodes that have a port which sends for others, too: from outside the VPC. */
  routers: ReadonlySet<string>;
}

export interface OverlayOptions {
  /** Networks beyond which nothing is led to another node; absent: the VPC has a place of its own, where its routes are nobody else's affair. */
  within?: readonly string[] | undefined;
  /** VPCs that it is peered with: their nodes hand their guests' packets over in this VPC's network. */
  peers?: readonly VpcIntent[];
}

/**
 * Undefined where all that the VPC and its peers have is here, or this node is not told where it is itself.
 */
export function planOverlay(
  vpc: VpcIntent,
  nodeId: NodeId | undefined,
  { within, peers = [] }: OverlayOptions = {},
): Overlay | undefined {
  const places = new Map(
    (vpc.locations ?? []).map((each) => [each.nodeId, each.underlayAddress] as const),
  );
  const underlayAddress = nodeId === undefined ? undefined : places.get(nodeId);
  if (underlayAddress === undefined) return undefined;
  const remotes = new Map<string, string>();
  const remotes6 = new Map<string, string>();
  const hasIpv6 = within === undefined && vpc.ports.some((port) => hasIpv6On(port, nodeId));
  const routers = new Set<string>();
  const blocks = within?.map((cidr) => parseCidr(cidr)!);
  const isInside = (address: string) =>
    blocks?.some((block) => cidrContains(block, parseCidr(address)!)) ?? true;
  for (const port of vpc.ports) {
    const place = isElsewhere(port, nodeId) ? places.get(port.nodeId!) : undefined;
    if (place === undefined || place === underlayAddress) continue;
    const addresses = port.privateIps.filter(isInside);
    for (const address of addresses) remotes.set(address, place);
    if (hasIpv6) for (const each of ipv6Of(vpc, port)) remotes6.set(each, place);
    if (!port.checksSource && addresses.length > 0) routers.add(place);
  }
  const here = { nodeId, places, underlayAddress };
  const foreign = peers.flatMap((peer) => [...sendersOf(peer, here)]);
  const senders = foreign.length === 0 ? remotes : joinSenders(remotes, foreign);
  if (senders.size === 0) return undefined;
  const { id: vpcId, networkNumber, cidrs } = vpc;
  const ways = { remotes, remotes6, senders, routers };
  return { vpcId, networkNumber, underlayAddress, cidrs, ...ways };
}

function hasIpv6On({ nodeId, ipv6Addresses = [] }: PortIntent, own: NodeId | undefined): boolean {
  return nodeId === own && ipv6Addresses.length > 0;
}

/** Those within the VPC's own networks. */
function ipv6Of({ ipv6Cidrs = [] }: VpcIntent, { ipv6Addresses = [] }: PortIntent): string[] {
  if (ipv6Addresses.length === 0) return [];
  const blocks = ipv6Cidrs.map((cidr) => parseCidr6(cidr)!);
  return ipv6Addresses.filter((address) =>
    blocks.some((block) => cidr6Contains(block, parseCidr6(`${address}/128`)!)),
  );
}

interface Here {
  nodeId: NodeId | undefined;
  places: ReadonlyMap<NodeId, string>;
  underlayAddress: string;
}

/** Addresses of a peer's ports on other nodes, within its own networks, and those nodes' addresses. */
function* sendersOf(
  { cidrs, ports }: VpcIntent,
  { nodeId, places, underlayAddress }: Here,
): Generator<[string, string]> {
  const blocks = cidrs.map((cidr) => parseCidr(cidr)!);
  for (const port of ports) {
    const place = isElsewhere(port, nodeId) ? places.get(port.nodeId!) : undefined;
    if (place === undefined || place === underlayAddress) continue;
    for (const address of port.privateIps) {
      if (blocks.some((block) => cidrContains(block, parseCidr(address)!))) yield [address, place];
    }
  }
}

function joinSenders(own: ReadonlyMap<string, string>, more: [string, string][]): Senders {
  const all = new Map<string, string | readonly string[]>(own);
  for (const [address, node] of more) {
    const known = nodesAt(all, address);
    if (!known.includes(node)) all.set(address, known.length === 0 ? node : [...known, node]);
  }
  return all;
}

/** The nodes that a packet from the address may come from. */
export function nodesAt(senders: Senders | undefined, address: string): readonly string[] {
  const found = senders?.get(address) ?? [];
  return typeof found === 'string' ? [found] : found;
}

export function isElsewhere({ nodeId }: PortIntent, own: NodeId | undefined): boolean {
  return own !== undefined && nodeId !== undefined && nodeId !== own;
}

/** Where a port is, if the overlay leads there. */
export function nextNodeOf(overlay: Overlay | undefined, port: PortIntent): string | undefined {
  return overlay?.remotes.get(port.privateIps[0] ?? '');
}

/** Other nodes' addresses, each once. */
export function nodesOf({ senders }: Pick<Overlay, 'senders'>): Set<string> {
  return new Set([...senders.values()].flat());
}

/** The hardware address of every overlay's end on a node: whoever knows where a node is knows it. */
export function overlayMac(underlayAddress: string): string {
  return `06:00:${hexOf(underlayAddress).match(/../g)!.join(':')}`;
}

/** How that end is called by IPv6, and not beyond the overlay. */
export function overlayLinkLocal(underlayAddress: string): string {
  return linkLocalOf(overlayMac(underlayAddress));
}

/** Eight digits. */
export function hexOf(address: string): string {
  return (parseIpv4(address) ?? 0).toString(16).padStart(8, '0');
}

/** Public addresses lead to the node that has the port, and to no other. */
export function withoutForeignAddresses(
  vpcs: readonly VpcIntent[],
  own: NodeId | undefined,
): VpcIntent[] {
  const isForeign = (port: PortIntent) => port.publicIps.length > 0 && isElsewhere(port, own);
  return vpcs.map((vpc) => {
    if (!vpc.ports.some(isForeign)) return vpc;
    const ports = vpc.ports.map((port) => (isForeign(port) ? { ...port, publicIps: [] } : port));
    return { ...vpc, ports };
  });
}
