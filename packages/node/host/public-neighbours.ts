// Owns that a node answers for the public addresses of its own guests, and for no others, on the network that it shares with
// the other nodes: whoever asks there who has one finds the node of its guest, wherever that was before.

import { join } from 'node:path';
import type { InterfaceId, NodeId } from '@ironbark/core/ids.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { readFileIfPresent, replaceFile } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { announceAddresses } from './announce-addresses.ts';
import { runIp } from './links.ts';
import type { NetworkNames } from './network-names.ts';
import type { NetworkPlace } from './network-place.ts';
import { findUnderlay, PROTOCOL } from './underlay.ts';

/** The addresses that this cloud has answered for. */
const FILE = 'public-neighbours.json';

export interface PublicAddresses {
  /** Of this node; undefined: it shares no network with others. */
  underlayAddress: string | undefined;
  /** To each the interface behind which its guest is, where no route leads there otherwise. */
  addresses: ReadonlyMap<string, string | undefined>;
}

/**
 * Of `ports`, those that are there: a guest that is off has none, and may be on another node by now, which this one need not
 * have heard. `routed`: VPCs that the host routes itself; a name space has its routes already.
 */
export function planPublicAddresses(
  vpcs: readonly VpcIntent[],
  own: NodeId | undefined,
  {
    names,
    routed,
    ports: present,
  }: { names: NetworkNames; routed: ReadonlySet<string>; ports: ReadonlySet<InterfaceId> },
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

/** `directory`: remembers which are this cloud's; another's on the same host look the same, and stay. */
export async function ensurePublicNeighbours(
  place: Pick<NetworkPlace, 'commands' | 'directory' | 'namespace'>,
  names: NetworkNames,
  { underlayAddress, addresses }: PublicAddresses,
  logger: Logger,
): Promise<void> {
  const { commands, directory } = place;
  await ensureHostRoutes(commands, names, addresses);
  const underlay =
    underlayAddress === undefined ? undefined : await findUnderlay(commands, underlayAddress);
  const found = await listNeighbours(commands);
  const own = await readOwn(directory);
  const isWanted = ({ dst, dev }: Neighbour) => dev === underlay?.name && addresses.has(dst);
  const there = new Set(found.filter(isWanted).map(({ dst }) => dst));
  const stale = found.filter((one) => own.has(one.dst) && !isWanted(one));
  const wanted = underlay === undefined ? [] : [...addresses.keys()];
  await writeOwn(directory, own, [...wanted, ...stale.map(({ dst }) => dst)]);
  const missing = wanted.filter((ip) => !there.has(ip));
  await runIp(commands, [
    ...stale.map(({ dst, dev }) => `neigh delete proxy ${dst} dev ${dev}`),
    ...missing.map((ip) => `neigh replace proxy ${ip} dev ${underlay!.name} protocol ${PROTOCOL}`),
  ]);
  if (missing.length === 0) return;
  await announceAddresses(place, underlay!.name, missing).catch((error: unknown) => {
    // Whoever asks is answered all the same.
    logger.warn('public addresses were not announced', { dev: underlay!.name, error });
  });
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
