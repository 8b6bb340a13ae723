// Owns the names of everything that a cloud's network puts on a host. Each is derived from an id, so whether a
// thing exists is a look-up, and two clouds on one host never meet.

import { createHash } from 'node:crypto';
import type { InterfaceId, SubnetId } from '@ironbark/core/ids.ts';

export interface NetworkNames {
  /** Four letters and digits that stand for the cloud. */
  readonly tag: string;
  /** The nftables tables, in the families `ip` and `netdev`. */
  readonly table: string;
  /** The table of security groups, in the family `ip`. */
  readonly groupTable: string;
  /** The table of what comes from other nodes, in the family `ip`. */
  readonly underlayTable: string;
  /** The table of flows that are counted, in the family `ip`. */
  readonly flowTable: string;
  bridge(id: SubnetId): string;
  tap(id: InterfaceId): string;
  /** A locally administered address, so that the gateway keeps its own when ports come and go. */
  bridgeMac(id: SubnetId): string;
  /** The name space of a VPC that has one. */
  space(vpcId: string): string;
  /** The host's end of the way out of that name space. */
  uplink(vpcId: string): string;
  /** The interface that leads to a VPC's ports on other nodes. */
  overlay(vpcId: string): string;
  /** In the place of one VPC: what leads to the place of another that it is peered with. */
  peerLink(vpcId: string, peerId: string): string;
  /** All of those, as nftables says it. */
  readonly anyPeerLink: string;
  /** Of either end of that way, or of any other pair that a text stands for. */
  mac(text: string): string;
  isBridge(interfaceName: string): boolean;
  isUplink(interfaceName: string): boolean;
  isOverlay(interfaceName: string): boolean;
  isPeerLink(interfaceName: string): boolean;
  isSpace(namespace: string): boolean;
  isTap(interfaceName: string): boolean;
}

/** With the two letters `ib` and one for the kind they fill the 15 that Linux allows. */
const TAG_DIGITS = 4;
const ID_DIGITS = 8;
/** Any cloud's bridge, or way out of a name space; other clouds of the host are recognised by it. */
const ANY_BRIDGE = anyCloud('[su]');
/** Those, and the ways to other nodes and to peers: what routes to a cloud's subnets lead through. */
const ANY_WAY = anyCloud('[suxp]');

export function createNetworkNames(cloudId: string): NetworkNames {
  const tag = shortHash(`cloud ${cloudId}`, TAG_DIGITS);
  const bridgePrefix = `ib${tag}s`;
  const tapPrefix = `ib${tag}t`;
  const uplinkPrefix = `ib${tag}u`;
  const spacePrefix = `ib${tag}v`;
  const overlayPrefix = `ib${tag}x`;
  const peerPrefix = `ib${tag}p`;
  const mac = (text: string) => `06:${pairs(hexHash(`${cloudId} ${text}`).slice(0, 10))}`;
  const length = bridgePrefix.length + ID_DIGITS;
  return {
    tag,
    table: `ironbark_${tag}`,
    groupTable: `ironbark_${tag}_groups`,
    underlayTable: `ironbark_${tag}_underlay`,
    flowTable: `ironbark_${tag}_flows`,
    bridge: (id) => bridgePrefix + shortHash(id, ID_DIGITS),
    tap: (id) => tapPrefix + shortHash(id, ID_DIGITS),
    bridgeMac: mac,
    space: (id) => spacePrefix + shortHash(id, ID_DIGITS),
    uplink: (id) => uplinkPrefix + shortHash(id, ID_DIGITS),
    overlay: (id) => overlayPrefix + shortHash(id, ID_DIGITS),
    peerLink: (id, peerId) => peerPrefix + shortHash(`${id} ${peerId}`, ID_DIGITS),
    anyPeerLink: `${peerPrefix}*`,
    mac,
    isSpace: (name) => name.startsWith(spacePrefix) && name.length === length,
    isUplink: (name) => name.startsWith(uplinkPrefix) && name.length === length,
    isOverlay: (name) => name.startsWith(overlayPrefix) && name.length === length,
    isPeerLink: (name) => name.startsWith(peerPrefix) && name.length === length,
    isBridge: (name) => name.startsWith(bridgePrefix) && name.length === length,
    isTap: (name) => name.startsWith(tapPrefix) && name.length === length,
  };
}

/** True for the bridge, or the way out of a VPC, of any cloud of this kind, ours or not. */
export function isAnyCloudBridge(interfaceName: string): boolean {
  return ANY_BRIDGE.test(interfaceName);
}

/** True for what leads to the subnets of any cloud of this kind: they are no networks of the host's own. */
export function isAnyCloudWay(interfaceName: string): boolean {
  return ANY_WAY.test(interfaceName);
}

function anyCloud(kinds: string): RegExp {
  return new RegExp(`^ib[0-9a-z]{${TAG_DIGITS}}${kinds}[0-9a-z]{${ID_DIGITS}}$`);
}

function hexHash(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

/** Base 36 holds 41 bits in eight digits, so that thousands of ports do not collide. */
function shortHash(text: string, digits: number): string {
  return BigInt(`0x${hexHash(text)}`)
    .toString(36)
    .slice(-digits);
}

function pairs(hex: string): string {
  return hex.match(/../g)!.join(':');
}
