// Owns that a node answers for the public addresses of its own guests, and for no others, on the network that it shares with
// the other nodes: whoever asks there who has one finds the node of its guest, wherever that was before.
//
// A node that comes up runs from what it has kept, and an address may have moved meanwhile. Until its controller has spoken
// it answers only where nobody else does, and announces nothing.

import { join } from 'node:path';
import type { InterfaceId, NodeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { readFileIfPresent, replaceFile } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { announceAddresses, findAnswered } from './announce-addresses.ts';
import { runIp } from './links.ts';
import type { NetworkNames } from './network-names.ts';
import type { NetworkPlace } from './network-place.ts';
import { findUnderlay, PROTOCOL, type Underlay } from './underlay.ts';

/** The addresses that this cloud has answered for. */
const FILE = 'public-neighbours.json';

interface PublicAddresses {
  /** Of this node; undefined: it shares no network with others. */
  underlayAddress: string | undefined;
  /** To each the interface behind which its guest is, where no route leads there otherwise. */
  addresses: ReadonlyMap<string, string | undefined>;
}

export interface Here {
  /** VPCs that the host routes itself; a name space has its routes already. */
  routed: ReadonlySet<string>;
  /** A guest that is off has none, and may be on another node by now, which this one need not have heard. */
  ports: ReadonlySet<InterfaceId>;
}

/** Of the ports that are here. */
function planPublicAddresses(
  vpcs: readonly VpcIntent[],
  own: NodeId | undefined,
  { names, routed, ports: present }: Here & { names: NetworkNames },
): PublicAddresses {
  const places = vpcs.flatMap(({ locations = [] }) => locations);
  const underlayAddress = places.find(({ nodeId }) => nodeId === own)?.underlayAddress;
  const here = vpcs.flatMap(({ id, ports }) =>
    ports
      .filter(({ nodeId, interfaceId }) => nodeId === own && present.has(interfaceId))
      .flatMap(({ subnetId, publicIps }) =>
        publicIps.map(({ publicIp }) => {
          const device = routed.has(id) ? names.bridge(subnetId) : undefined;
          return [publicIp, device] as const;
        }),
      ),
  );
  return { underlayAddress, addresses: new Map(underlayAddress === undefined ? [] : here) };
}

export function hasPublicAddress(vpcs: readonly VpcIntent[], id: InterfaceId): boolean {
  const ports = vpcs.flatMap((vpc) => vpc.ports.find((port) => port.interfaceId === id) ?? []);
  return ports.some(({ publicIps }) => publicIps.length > 0);
}

export interface PublicNeighboursOptions {
  names: NetworkNames;
  /** The host. Its directory: remembers which are this cloud's; another's on the same host look the same, and stay. */
  place: NetworkPlace;
  nodeId: NodeId | undefined;
  clock: Clock;
  logger: Logger;
}

export class PublicNeighbours {
  readonly #options: PublicNeighboursOptions;
  #planned: PublicAddresses = { underlayAddress: undefined, addresses: new Map() };
  /** Answered for, and announced to nobody. */
  readonly #quiet = new Set<string>();

  constructor(options: PublicNeighboursOptions) {
    this.#options = options;
  }

  /** With a look at the kernel. `isKept`: nobody has said so since this process began. */
  async ensure(vpcs: readonly VpcIntent[], here: Here, { isKept = false } = {}): Promise<void> {
    const { names, place, nodeId } = this.#options;
    const planned = planPublicAddresses(vpcs, nodeId, { names, ...here });
    await ensureHostRoutes(place.commands, names, planned.addresses);
    const { underlay, missing } = await this.#removeStrays(planned);
    if (underlay !== undefined) {
      const free = isKept ? await this.#leaveToOthers(underlay, planned, missing) : missing;
      await runIp(
        place.commands,
        free.map((ip) => `neigh replace proxy ${ip} dev ${underlay.name} protocol ${PROTOCOL}`),
      );
      for (const ip of free) this.#quiet.add(ip);
      if (!isKept) await this.#announce(underlay, planned);
    }
    this.#planned = planned;
  }

  /** Only where something has changed. */
  async put(vpcs: readonly VpcIntent[], here: Here, how: { isKept?: boolean } = {}): Promise<void> {
    const { names, nodeId } = this.#options;
    const planned = planPublicAddresses(vpcs, nodeId, { names, ...here });
    const shapeOf = (all: PublicAddresses) =>
      JSON.stringify([all.underlayAddress, ...all.addresses]);
    const isSame = shapeOf(planned) === shapeOf(this.#planned);
    if (!isSame || this.#quiet.size > 0) await this.ensure(vpcs, here, how);
  }

  /** Those that nobody answers for are missing. */
  async #removeStrays({ underlayAddress, addresses }: PublicAddresses) {
    const { commands, directory } = this.#options.place;
    const underlay =
      underlayAddress === undefined ? undefined : await findUnderlay(commands, underlayAddress);
    const found = await listNeighbours(commands);
    const own = await readOwn(directory);
    const isWanted = ({ dst, dev }: Neighbour) => dev === underlay?.name && addresses.has(dst);
    const there = new Set(found.filter(isWanted).map(({ dst }) => dst));
    const stale = found.filter((one) => own.has(one.dst) && !isWanted(one));
    const wanted = underlay === undefined ? [] : [...addresses.keys()];
    await writeOwn(directory, own, [...wanted, ...stale.map(({ dst }) => dst)]);
    await runIp(
      commands,
      stale.map(({ dst, dev }) => `neigh delete proxy ${dst} dev ${dev}`),
    );
    return { underlay, missing: wanted.filter((ip) => !there.has(ip)) };
  }

  async #leaveToOthers(
    { name }: Underlay,
    { underlayAddress }: PublicAddresses,
    missing: readonly string[],
  ): Promise<readonly string[]> {
    const { place, clock, logger } = this.#options;
    if (missing.length === 0) return [];
    const from = underlayAddress!;
    const asked = findAnswered(place, { interfaceName: name, from, clock }, missing);
    const answered = await asked.catch((error: unknown) => {
      // As where the interface is down. The next look asks again; guests wait for none of this.
      logger.warn('nobody could be asked for public addresses', { dev: name, error });
      return undefined;
    });
    if (answered === undefined) return [];
    if (answered.size === 0) return missing;
    logger.warn('others answer for public addresses, which wait for the controller', {
      addresses: [...answered],
    });
    return missing.filter((ip) => !answered.has(ip));
  }

  async #announce({ name }: Underlay, { addresses }: PublicAddresses): Promise<void> {
    const { place, logger } = this.#options;
    const quiet = [...this.#quiet].filter((ip) => addresses.has(ip));
    this.#quiet.clear();
    if (quiet.length === 0) return;
    await announceAddresses(place, name, quiet).catch((error: unknown) => {
      // Whoever asks is answered all the same.
      logger.warn('public addresses were not announced', { dev: name, error });
    });
  }
}

async function readOwn(directory: string): Promise<Set<string>> {
  const bytes = await readFileIfPresent(join(directory, FILE));
  return new Set(bytes === undefined ? [] : (JSON.parse(bytes.toString('utf8')) as string[]));
}

/** Before they are made, and until they are gone. */
async function writeOwn(
  directory: string,
  before: ReadonlySet<string>,
  own: readonly string[],
): Promise<void> {
  const isSame = own.length === before.size && own.every((ip) => before.has(ip));
  if (!isSame) await replaceFile(join(directory, FILE), JSON.stringify(own));
}

/** The kernel answers for what it has a route to behind another interface; where packets go is for the rules to say. */
async function ensureHostRoutes(
  commands: Commands,
  names: NetworkNames,
  addresses: PublicAddresses['addresses'],
): Promise<void> {
  const { stdout } = await commands.run('ip', ['-j', '-4', 'route', 'show', 'proto', PROTOCOL]);
  const routes = (JSON.parse(stdout.trim() || '[]') as Route[]).filter(({ dev = '' }) =>
    names.isBridge(dev),
  );
  const found = new Map(routes.map(({ dst, dev }) => [dst, dev]));
  const stale = routes.filter(({ dst, dev }) => addresses.get(dst) !== dev);
  const missing = [...addresses].filter(([ip, dev]) => dev !== undefined && found.get(ip) !== dev);
  await runIp(commands, [
    ...stale.map(({ dst, dev }) => `route delete ${dst} dev ${dev}`),
    ...missing.map(([ip, dev]) => `route replace ${ip}/32 dev ${dev} proto ${PROTOCOL}`),
  ]);
}

interface Route {
  dst: string;
  dev?: string;
}

interface Neighbour {
  dst: string;
  dev: string;
}

/** Of any cloud; an operator's own are not among them. */
async function listNeighbours(commands: Commands): Promise<Neighbour[]> {
  const { stdout } = await commands.run('ip', ['-4', 'neigh', 'show', 'proxy']);
  const ours = new RegExp(`^(\\S+) dev (\\S+) .*proto ${PROTOCOL}\\b`);
  return stdout.split('\n').flatMap((line) => {
    const [, dst, dev] = ours.exec(line) ?? [];
    return dst === undefined || dev === undefined ? [] : [{ dst, dev }];
  });
}
