// Owns the ways from this node's VPCs to their ports on other nodes: which there are, and the rules on what comes in.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { NodeId } from '@ironbark/core/ids.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { listLinks, removeLink } from './links.ts';
import type { NetworkNames } from './network-names.ts';
import type { NetworkPlace } from './network-place.ts';
import { OverlayLink } from './overlay-link.ts';
import { type Overlay, type OverlayOptions, planOverlay } from './overlay-plan.ts';
import { UnderlayBook } from './underlay-book.ts';

export interface OverlaysOptions {
  names: NetworkNames;
  /** The host, where the nodes reach each other. */
  host: NetworkPlace;
  /** Absent: nothing is elsewhere. */
  nodeId: NodeId | undefined;
}

interface Way {
  link: OverlayLink;
  mtu: number | undefined;
}

interface Source {
  vpc: VpcIntent;
  within: string | undefined;
  peers: readonly VpcIntent[];
  overlay: Overlay | undefined;
}

function isSameSource(one: Omit<Source, 'overlay'>, other: Omit<Source, 'overlay'>): boolean {
  if (one.vpc !== other.vpc || one.within !== other.within) return false;
  return (
    one.peers.length === other.peers.length &&
    one.peers.every((peer, at) => peer === other.peers[at])
  );
}

export class Overlays {
  readonly #options: OverlaysOptions;
  readonly #book: UnderlayBook;
  readonly #ways = new Map<string, Way>();
  #planned = new Map<string, Overlay>();
  /** From this document each was planned. */
  readonly #sources = new Map<string, Source>();

  constructor(options: OverlaysOptions) {
    this.#options = options;
    const directory = join(options.host.directory, 'underlay');
    this.#book = new UnderlayBook(options.names.underlayTable, { ...options.host, directory });
  }

  /** What follows is about these VPCs. The options: as `planOverlay` takes them. */
  plan(vpcs: readonly VpcIntent[], optionsOf: (vpc: VpcIntent) => OverlayOptions): void {
    const planned = vpcs.map((vpc) => [vpc.id, this.#planOne(vpc, optionsOf(vpc))] as const);
    this.#planned = new Map(
      planned.flatMap(([id, overlay]) => (overlay === undefined ? [] : [[id, overlay]])),
    );
    const ids = new Set<string>(vpcs.map(({ id }) => id));
    for (const id of this.#sources.keys()) if (!ids.has(id)) this.#sources.delete(id);
  }

  #planOne(vpc: VpcIntent, options: OverlayOptions): Overlay | undefined {
    const known = this.#sources.get(vpc.id);
    const source = { vpc, within: options.within?.join(), peers: options.peers ?? [] };
    if (known !== undefined && isSameSource(known, source)) return known.overlay;
    const overlay = planOverlay(vpc, this.#options.nodeId, options);
    this.#sources.set(vpc.id, { ...source, overlay });
    return overlay;
  }

  find(vpcId: string): Overlay | undefined {
    return this.#planned.get(vpcId);
  }

  /** Of the interface that leads to the VPC's ports elsewhere; undefined where there is none. */
  mtuOf(vpcId: string): number | undefined {
    return this.#ways.get(vpcId)?.mtu;
  }

  /** The rules come before the interfaces that they guard. */
  async ensureRules(): Promise<void> {
    await mkdir(join(this.#options.host.directory, 'underlay'), { recursive: true, mode: 0o755 });
    await this.#book.ensure([...this.#planned.values()]);
  }

  async putRules(): Promise<void> {
    await mkdir(join(this.#options.host.directory, 'underlay'), { recursive: true, mode: 0o755 });
    await this.#book.put([...this.#planned.values()]);
  }

  /** As it is now, to compare with what it is later. */
  view(): Pick<Overlays, 'find' | 'mtuOf'> {
    const planned = this.#planned;
    const mtus = new Map([...this.#ways].map(([id, { mtu }]) => [id, mtu]));
    return { find: (id) => planned.get(id), mtuOf: (id) => mtus.get(id) };
  }

  /**
   * Takes the VPCs' ways to what was planned, and has the place's rules written in between: they name an interface before
   * it is there, and until it is gone. `follow` is asked for where an MTU is another, which address services tell guests.
   */
  async around(
    vpcIds: readonly string[],
    place: NetworkPlace,
    steps: { how: 'ensure' | 'put'; write: () => Promise<void>; follow: () => Promise<void> },
  ): Promise<void> {
    const { how, write, follow } = steps;
    for (const id of vpcIds) if (!this.#planned.has(id)) await this[how](id, place);
    await write();
    const { mtuOf } = this.view();
    for (const id of vpcIds) if (this.#planned.has(id)) await this[how](id, place);
    if (vpcIds.some((id) => this.mtuOf(id) !== mtuOf(id))) await follow();
  }

  /** Makes or repairs the way of a VPC that is routed in this place, or takes it away. */
  async ensure(vpcId: string, place: NetworkPlace): Promise<void> {
    const overlay = this.#planned.get(vpcId);
    if (overlay === undefined) {
      await this.#remove(vpcId, place.commands);
      return;
    }
    const way = this.#ways.get(vpcId) ?? this.#open(vpcId, place);
    way.mtu = await way.link.ensure(overlay);
  }

  /** Only what has changed, as far as possible. */
  async put(vpcId: string, place: NetworkPlace): Promise<void> {
    const overlay = this.#planned.get(vpcId);
    const way = this.#ways.get(vpcId);
    const isMade = overlay !== undefined && way !== undefined && (await way.link.put(overlay));
    if (isMade || (overlay === undefined && way === undefined)) return;
    await this.ensure(vpcId, place);
  }

  /** Interfaces of VPCs that are not routed in this place, or not any more. */
  async removeStrays(place: NetworkPlace, routed: readonly string[]): Promise<void> {
    const { names } = this.#options;
    const known = new Set(
      routed.filter((id) => this.#planned.has(id)).map((id) => names.overlay(id)),
    );
    for (const { name } of await listLinks(place.commands)) {
      if (names.isOverlay(name) && !known.has(name)) await removeLink(place.commands, name);
    }
  }

  /** Its interface went with the place that it was in. */
  forget(vpcId: string): void {
    this.#ways.delete(vpcId);
  }

  #open(vpcId: string, place: NetworkPlace): Way {
    const { names, host } = this.#options;
    const context = { name: names.overlay(vpcId), place, underlay: host.commands };
    const way: Way = { link: new OverlayLink(context), mtu: undefined };
    this.#ways.set(vpcId, way);
    return way;
  }

  async #remove(vpcId: string, commands: Commands): Promise<void> {
    await removeLink(commands, this.#options.names.overlay(vpcId));
    this.#ways.delete(vpcId);
  }
}
