// Owns the interface that leads from a VPC's router on this node to those on the others: it exists, sends to the nodes
// that are known and nowhere else, and has a route for each port that is there. It learns nothing and floods nothing:
// nodes' hardware addresses and where those are come from what the cloud says.

import { ServiceError } from '@ironbark/core/errors.ts';
import { CommandError, type Commands } from '@ironbark/platform/commands.ts';
import { ROUTER_ADDRESS, runIp } from './links.ts';
import { type NetworkPlace, putSettings } from './network-place.ts';
import {
  changedRoutes6,
  ensureOverlayIpv6,
  ipv6SettingsOf,
  neighbourLine6,
} from './overlay-ipv6.ts';
import { nodesOf, type Overlay, overlayMac } from './overlay-plan.ts';
import { findUnderlay, PROTOCOL } from './underlay.ts';
import { VXLAN_OVERHEAD, VXLAN_PORT } from './underlay-rules.ts';

export interface OverlayLinkContext {
  name: string;
  /** Where the VPC is routed. */
  place: NetworkPlace;
  /** Where the nodes reach each other: the device's own packets go there. */
  underlay: Commands;
}

/** Where no interface has the address (yet). */
const USUAL_MTU = 1_500;
/** `ip` and `bridge` when there is no such interface. */
const NO_LINK = [0, 1, 255];

export class OverlayLink {
  readonly #context: OverlayLinkContext;
  /** What was made last, to count changes from; undefined: a look is needed. */
  #made: Overlay | undefined;

  constructor(context: OverlayLinkContext) {
    this.#context = context;
  }

  /** With a look at the kernel; answers the interface's MTU. */
  async ensure(overlay: Overlay): Promise<number> {
    const underlay = await findUnderlay(this.#context.underlay, overlay.underlayAddress);
    const mtu = (underlay?.mtu ?? USUAL_MTU) - VXLAN_OVERHEAD;
    this.#made = undefined;
    await this.#ensureDevice(overlay, mtu);
    await this.#ensureNeighbours(overlay);
    await this.#ensureForwarding(overlay);
    await this.#ensureRoutes(overlay);
    const { name, place } = this.#context;
    await ensureOverlayIpv6(place, name, overlay);
    this.#made = overlay;
    return mtu;
  }

  /** Only what has changed; false where that takes a look. */
  async put(overlay: Overlay): Promise<boolean> {
    const made = this.#made;
    if (made === undefined || !isSameDevice(made, overlay)) return false;
    const { name, place } = this.#context;
    const [then, now] = [nodesOf(made), nodesOf(overlay)];
    const come = [...now].filter((node) => !then.has(node));
    const gone = [...then].filter((node) => !now.has(node));
    this.#made = undefined;
    await runIp(
      place.commands,
      come.flatMap((node) => [
        neighbourLine('replace', node, name),
        ...neighbourLine6('replace', node, name, overlay),
      ]),
    );
    await runBridge(place.commands, [
      ...come.map((node) => forwardingLine('replace', entryOf(node), name)),
      ...gone.map((node) => forwardingLine('delete', entryOf(node), name)),
    ]);
    await runIp(place.commands, [
      ...changedRoutes(made, overlay, name),
      ...changedRoutes6(made, overlay, name),
      ...gone.flatMap((node) => [
        neighbourLine('delete', node, name),
        ...neighbourLine6('delete', node, name, overlay),
      ]),
    ]);
    this.#made = overlay;
    return true;
  }

  async #ensureDevice(overlay: Overlay, mtu: number): Promise<void> {
    const { name, place, underlay } = this.#context;
    const found = await findDevice(place.commands, name);
    const isOurs = found !== undefined && isDeviceOf(found, overlay);
    if (!isOurs) {
      if (found !== undefined) await runIp(place.commands, [`link delete dev ${name}`]);
      const inside = place.namespace === undefined ? '' : ` netns ${place.namespace}`;
      const { networkNumber, underlayAddress } = overlay;
      const address = `address ${overlayMac(underlayAddress)}`;
      const options = `id ${networkNumber} local ${underlayAddress} dstport ${VXLAN_PORT} nolearning`;
      const line = `link add name ${name} ${address}${inside} type vxlan ${options}`;
      await runIp(underlay, [line]).catch((error) => {
        throw isTaken(error) ? takenNumber(overlay) : error;
      });
    }
    await putSettings(place, { ...settingsOf(name), ...ipv6SettingsOf(name, overlay) });
    const isRight = isOurs && found.mtu === mtu && found.flags.includes('UP');
    if (isRight) return;
    await runIp(place.commands, [
      `link set dev ${name} mtu ${mtu}`,
      `link set dev ${name} alias ${overlay.vpcId} up`,
      `address replace ${ROUTER_ADDRESS} dev ${name}`,
    ]);
  }

  async #ensureNeighbours(overlay: Overlay): Promise<void> {
    const { name, place } = this.#context;
    const args = ['-j', '-4', 'neigh', 'show', 'dev', name, 'nud', 'all'];
    const { stdout } = await place.commands.run('ip', args);
    const found = JSON.parse(stdout.trim() || '[]') as Neighbour[];
    const wanted = nodesOf(overlay);
    const isRight = ({ dst, lladdr, state }: Neighbour) =>
      wanted.has(dst) && lladdr === overlayMac(dst) && state.includes('PERMANENT');
    const right = new Set(found.filter(isRight).map(({ dst }) => dst));
    await runIp(place.commands, [
      ...found
        .filter(({ dst, state }) => !wanted.has(dst) && !state.includes('NOARP'))
        .map(({ dst }) => neighbourLine('delete', dst, name)),
      ...[...wanted]
        .filter((node) => !right.has(node))
        .map((node) => neighbourLine('replace', node, name)),
    ]);
  }

  async #ensureForwarding(overlay: Overlay): Promise<void> {
    const { name, place } = this.#context;
    const { stdout } = await place.commands.run('bridge', ['-j', 'fdb', 'show', 'dev', name]);
    const found = JSON.parse(stdout.trim() || '[]') as ForwardingEntry[];
    const wanted = new Map([...nodesOf(overlay)].map((node) => [overlayMac(node), node]));
    const isRight = ({ mac, dst }: ForwardingEntry) => wanted.get(mac) === dst;
    const right = new Set(found.filter(isRight).map(({ mac }) => mac));
    await runBridge(place.commands, [
      ...found
        .filter((entry) => !isRight(entry))
        .map((entry) => forwardingLine('delete', entry, name)),
      ...[...wanted]
        .filter(([mac]) => !right.has(mac))
        .map(([mac, dst]) => forwardingLine('replace', { mac, dst }, name)),
    ]);
  }

  async #ensureRoutes(overlay: Overlay): Promise<void> {
    const { name, place } = this.#context;
    const args = ['-4', 'route', 'show', 'table', 'main', 'dev', name];
    const { stdout } = await place.commands.run('ip', args, { allowExitCodes: NO_LINK });
    const found = new Map(parseRoutes(stdout));
    const stray = [...found.keys()].filter((dst) => !overlay.remotes.has(dst));
    const missing = [...overlay.remotes].filter(([dst, node]) => found.get(dst) !== node);
    await runIp(place.commands, [
      ...stray.map((dst) => `route delete ${dst} dev ${name}`),
      ...missing.map(([dst, node]) => routeLine(dst, node, name)),
    ]);
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof CommandError && /(File|already) exists/.test(error.stderr);
}

/** Two clouds of one host count for themselves, and packets name nothing but the number. */
function takenNumber({ networkNumber, vpcId }: Overlay): ServiceError {
  const what = `Network number ${networkNumber} of ${vpcId} is another's on this host`;
  const message = `${what}: of the clouds on one host only one can be on several hosts.`;
  return new ServiceError({ kind: 'in-use', resource: 'host', message });
}

interface Neighbour {
  dst: string;
  lladdr?: string;
  state: string[];
}

interface ForwardingEntry {
  mac: string;
  dst?: string;
}

interface DeviceRecord {
  mtu: number;
  address: string;
  flags: string[];
  linkinfo?: {
    info_kind?: string;
    info_data?: { id?: number; local?: string; port?: number; learning?: boolean };
  };
}

async function findDevice(commands: Commands, name: string): Promise<DeviceRecord | undefined> {
  const { stdout } = await commands.run('ip', ['-j', '-d', 'link', 'show', 'dev', name], {
    allowExitCodes: NO_LINK,
  });
  return (JSON.parse(stdout.trim() || '[]') as DeviceRecord[])[0];
}

function isDeviceOf({ address, linkinfo }: DeviceRecord, overlay: Overlay): boolean {
  const { networkNumber, underlayAddress } = overlay;
  const { id, local, port, learning } = linkinfo?.info_data ?? {};
  return (
    linkinfo?.info_kind === 'vxlan' &&
    address === overlayMac(underlayAddress) &&
    id === networkNumber &&
    local === underlayAddress &&
    port === VXLAN_PORT &&
    learning !== true
  );
}

function isSameDevice(one: Overlay, other: Overlay): boolean {
  const hasIpv6 = ({ remotes6 }: Overlay) => remotes6.size > 0;
  return (
    one.networkNumber === other.networkNumber &&
    one.underlayAddress === other.underlayAddress &&
    hasIpv6(one) === hasIpv6(other)
  );
}

function settingsOf(name: string): Record<string, string> {
  return {
    [`ipv4/conf/${name}/send_redirects`]: '0',
    // What a router on another node passes on, or a peer's guests send, comes from where another interface leads. Who may
    // send what the rules on the underlay say; a host may be stricter by itself.
    [`ipv4/conf/${name}/rp_filter`]: '0',
    // What asks for hardware addresses here is nobody's business.
    [`ipv4/conf/${name}/arp_ignore`]: '8',
  };
}

/** `10.0.0.5 via 192.0.2.2 proto 145 onlink`; what is not of this form is a stray without a node. */
function parseRoutes(text: string): [string, string][] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [dst = ''] = line.trim().split(' ');
    const [, node = ''] = new RegExp(`via (\\S+) .*proto ${PROTOCOL}\\b`).exec(line) ?? [];
    return [dst, node];
  });
}

function changedRoutes(then: Overlay, now: Overlay, name: string): string[] {
  const gone = [...then.remotes.keys()].filter((dst) => !now.remotes.has(dst));
  const come = [...now.remotes].filter(([dst, node]) => then.remotes.get(dst) !== node);
  return [
    ...gone.map((dst) => `route delete ${dst} dev ${name}`),
    ...come.map(([dst, node]) => routeLine(dst, node, name)),
  ];
}

function routeLine(dst: string, node: string, name: string): string {
  return `route replace ${dst}/32 via ${node} dev ${name} onlink proto ${PROTOCOL}`;
}

/** The node's own address stands for its end of the overlay, too: nothing else is called by it there. */
function neighbourLine(verb: 'replace' | 'delete', node: string, name: string): string {
  return verb === 'delete'
    ? `neigh delete ${node} dev ${name}`
    : `neigh replace ${node} lladdr ${overlayMac(node)} dev ${name} nud permanent`;
}

function entryOf(node: string): ForwardingEntry {
  return { mac: overlayMac(node), dst: node };
}

function forwardingLine(
  verb: 'replace' | 'delete',
  { mac, dst }: ForwardingEntry,
  name: string,
): string {
  const where = dst === undefined ? '' : ` dst ${dst}`;
  return `fdb ${verb} ${mac} dev ${name}${where} self${verb === 'replace' ? ' permanent' : ''}`;
}

async function runBridge(commands: Commands, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await commands.run('bridge', ['-batch', '-'], { input: `${lines.join('\n')}\n` });
}
