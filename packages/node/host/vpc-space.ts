// Owns the name space of a VPC: a router of its own, so that two VPCs with the same addresses on one host do not see
// each other. One pair of interfaces leads out of it; on the host nothing but public addresses lead into it.

import { readdir, readFile } from 'node:fs/promises';
import { isResourceId } from '@ironbark/core/ids.ts';
import { parseIpv4, renderIpv4 } from '@ironbark/core/ipv4.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import { NAMESPACE_DIRECTORY, setNetworkSettings } from '@ironbark/platform/network-namespace.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { findLink, removeLink, runIp } from './links.ts';
import type { NetworkNames } from './network-names.ts';
import { type NetworkPlace, vpcPlace } from './network-place.ts';
import { ensureVpcRoutes, type RoutedVpcs } from './vpc-routes.ts';

export interface SpaceContext {
  names: NetworkNames;
  /** On the host. */
  commands: Commands;
}

/** What leads out, as it is named inside. */
export const WAY_OUT = 'uplink';
/** Where everything that leaves goes next; the host's end answers to it without having it. */
const NEXT_HOP = '169.254.128.0';
/** The name space's own address for what it asks itself, such as names; one each from here on. */
const FIRST_ADDRESS = '169.254.128.1';
const MAX_SPACES = 16_384;
/** A stub of the host's own resolver, which cannot be reached from elsewhere, and what is behind it. */
const STUB = /^nameserver\s+127\./m;
const BEHIND_STUB = '/run/systemd/resolve/resolv.conf';

export async function ensureSpace(context: SpaceContext, vpc: VpcIntent): Promise<void> {
  await ensureRouter(context, vpc);
  await ensureWayOut(context, vpc);
  await routePublicAddresses(context, vpc);
}

/** Without a way out. */
export async function ensureRouter(
  { names, commands }: SpaceContext,
  vpc: VpcIntent,
): Promise<void> {
  const name = names.space(vpc.id);
  if (!(await listNamespaces()).includes(name)) {
    await runIp(commands, [`netns add ${name}`]);
    // Written again it would take the bridges' away from those that have it.
    setNetworkSettings(name, { 'ipv6/conf/all/disable_ipv6': '1' });
  }
  setNetworkSettings(name, {
    'ipv4/ip_forward': '1',
    'ipv4/conf/all/send_redirects': '0',
    'ipv6/conf/default/disable_ipv6': '1',
    // What has IPv6 says so itself; nothing else listens to it.
    'ipv6/conf/all/forwarding': '1',
  });
}

/** Call it once the subnets' bridges are there. */
export async function ensureRoutes(
  { names, commands }: SpaceContext,
  routed: RoutedVpcs,
): Promise<void> {
  const place = vpcPlace(names, routed.vpcs[0]!.id, commands);
  const wayOut = `via ${NEXT_HOP} dev ${WAY_OUT} onlink`;
  await ensureVpcRoutes(place.commands, { ...routed, wayOut });
}

/** Processes in it must be gone; its interfaces go with it. */
export async function removeSpace({ names, commands }: SpaceContext, vpcId: string): Promise<void> {
  await removeLink(commands, names.uplink(vpcId));
  const name = names.space(vpcId);
  if ((await listNamespaces()).includes(name)) await deleteNamespace(commands, name);
}

export function deleteNamespace(commands: Commands, name: string): Promise<void> {
  return runIp(commands, [`netns delete ${name}`]);
}

export async function listNamespaces(): Promise<string[]> {
  try {
    return await readdir(NAMESPACE_DIRECTORY);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

/** VPCs that have or had a name space here. */
export async function listSpaces({ directory }: NetworkPlace): Promise<string[]> {
  try {
    return (await readdir(directory)).filter((name) => isResourceId('vpc', name));
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return [];
    throw error;
  }
}

async function ensureWayOut({ names, commands }: SpaceContext, vpc: VpcIntent): Promise<void> {
  const [outside, space] = [names.uplink(vpc.id), names.space(vpc.id)];
  const [hostMac, ownMac] = [names.mac(`host ${vpc.id}`), names.mac(`space ${vpc.id}`)];
  const inside = vpcPlace(names, vpc.id, commands).commands;
  const isWhole =
    (await findLink(commands, outside)) !== undefined &&
    (await findLink(inside, WAY_OUT)) !== undefined;
  if (!isWhole) {
    await removeLink(commands, outside);
    await runIp(commands, [
      `link add ${outside} address ${hostMac} type veth peer name ${WAY_OUT} address ${ownMac} netns ${space}`,
      `link set dev ${outside} alias ${vpc.id}`,
    ]);
  }
  const address = await findOwnAddress(commands, outside);
  await runIp(commands, [
    `link set dev ${outside} up`,
    `route replace ${address}/32 dev ${outside}`,
    `neigh replace ${address} lladdr ${ownMac} dev ${outside} nud permanent`,
  ]);
  await runIp(inside, [
    'link set dev lo up',
    `link set dev ${WAY_OUT} up`,
    `address replace ${address}/32 dev ${WAY_OUT}`,
    `neigh replace ${NEXT_HOP} lladdr ${hostMac} dev ${WAY_OUT} nud permanent`,
    `route replace default via ${NEXT_HOP} dev ${WAY_OUT} onlink`,
  ]);
}

interface RouteRecord {
  dst: string;
  dev?: string;
}

/** The one that leads there already, or the first that leads nowhere. */
async function findOwnAddress(commands: Commands, device: string): Promise<string> {
  const { stdout } = await commands.run('ip', ['-j', '-4', 'route', 'show', 'table', 'main']);
  const routes = JSON.parse(stdout.trim() || '[]') as RouteRecord[];
  const first = parseIpv4(FIRST_ADDRESS)!;
  const isOurs = (text: string) => {
    const place = (parseIpv4(text) ?? 0) - first;
    return place >= 0 && place < MAX_SPACES;
  };
  const own = routes.find(({ dst, dev }) => dev === device && isOurs(dst));
  if (own !== undefined) return own.dst;
  const taken = new Set(routes.map(({ dst }) => dst));
  for (let place = 0; place < MAX_SPACES; place += 1) {
    const address = renderIpv4(first + place);
    if (!taken.has(address)) return address;
  }
  throw new Error(`the host has ${MAX_SPACES} VPCs with name spaces already`);
}

/** Public addresses lead into the name space, those that are no longer the VPC's do not. */
async function routePublicAddresses(
  { names, commands }: SpaceContext,
  vpc: VpcIntent,
): Promise<void> {
  const device = names.uplink(vpc.id);
  const args = ['-j', '-4', 'route', 'show', 'dev', device];
  const { stdout } = await commands.run('ip', args);
  const found = (JSON.parse(stdout.trim() || '[]') as RouteRecord[]).map(({ dst }) => dst);
  const wanted = publicAddressesOf(vpc);
  const gone = found.filter((dst) => !wanted.has(dst) && !dst.startsWith('169.254.'));
  const mac = names.mac(`space ${vpc.id}`);
  await runIp(commands, [
    ...gone.flatMap((dst) => [
      `route delete ${dst} dev ${device}`,
      `neigh delete ${dst} dev ${device}`,
    ]),
    ...[...wanted].flatMap((dst) => [
      `route replace ${dst}/32 dev ${device}`,
      `neigh replace ${dst} lladdr ${mac} dev ${device} nud permanent`,
    ]),
  ]);
}

function publicAddressesOf({ ports, subnets }: VpcIntent): Set<string> {
  const own = ports.flatMap(({ publicIps }) => publicIps.map(({ publicIp }) => publicIp));
  const gateways = subnets.flatMap(({ routes }) =>
    routes.flatMap(({ target }) => (target.kind === 'nat' ? [target.publicIp] : [])),
  );
  return new Set([...own, ...gateways]);
}

/** Where a name space's address service asks for names; undefined: where the host asks. */
export async function findResolvers(): Promise<string | undefined> {
  try {
    if (!STUB.test(await readFile('/etc/resolv.conf', 'utf8'))) return undefined;
    await readFile(BEHIND_STUB);
    return BEHIND_STUB;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
