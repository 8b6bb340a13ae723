// Owns the route tables of a VPC's name space: one of the kernel's tables for each subnet, which packets that come from
// its guests are looked up in. Between its own networks the VPC routes by itself, as EC2's `local` route does.

import { createHash } from 'node:crypto';
import type { VpcId } from '@ironbark/core/ids.ts';
import { isIpv6Text } from '@ironbark/core/ipv6.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type {
  RouteIntent,
  SubnetNetworkIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import { normalCidr } from './group-match.ts';
import { runIp } from './links.ts';
import type { NetworkNames } from './network-names.ts';
import { nextNodeOf, type Overlay } from './overlay-plan.ts';
import { isOfPeer, peerNetworksIn } from './peering-plan.ts';

/** Before the kernel's own rule for the main table. */
const PREFERENCE = 1_000;
/** Above the numbers that systems give to tables of their own. */
const FIRST_TABLE = 10_000;

/** The exit code of `ip` when the kernel has no such table. */
const NO_TABLE = 2;

interface RuleRecord {
  priority: number;
  iif?: string;
  /** `all`, or a network whose length is beside it. */
  src?: string;
  srclen?: number;
  table: string;
}

interface TableRoute {
  dst: string;
}

export interface RoutedVpcs {
  vpcs: readonly VpcIntent[];
  names: NetworkNames;
  /** What leads out of a name space; absent on the host, whose own routes do. */
  wayOut?: string;
  /** What leads to a VPC's ports on other nodes. */
  overlayOf?: (vpcId: VpcId) => Overlay | undefined;
  peerOf?: FindPeer;
}

/** A VPC that is peered with another, and what leads there, as `ip` says it; undefined where nothing does. */
export type FindPeer = (
  vpcId: VpcId,
  peerId: VpcId,
) => { peer: VpcIntent; way: string } | undefined;

/** Which packets are looked up in a subnet's table: those of its guests, whatever node they come from. */
interface Selector {
  iif: string;
  from: string;
}

export async function ensureVpcRoutes(commands: Commands, routed: RoutedVpcs): Promise<void> {
  const { vpcs, names, wayOut, overlayOf = () => undefined, peerOf } = routed;
  const tables = vpcs.flatMap((vpc) =>
    vpc.subnets
      .filter(({ routes }) => wayOut !== undefined || routes.some(leadsElsewhere))
      .map((subnet) => ({ vpc, subnet, table: tableOf(subnet), overlay: overlayOf(vpc.id) })),
  );
  await ensureRules(
    commands,
    names,
    tables.flatMap((each) => selectorsOf(each, names)),
  );
  for (const { vpc, subnet, table, overlay } of tables) {
    const ways = { ...(overlay && { overlay }), ...(peerOf && { peerOf }) };
    const more = { ...(wayOut === undefined ? {} : { wayOut }), ...ways };
    await fillTable(commands, table, renderRoutes(subnet, { names, vpc, ...more }));
  }
}

type SubnetTable = { vpc: VpcIntent; subnet: SubnetNetworkIntent; table: number } & {
  overlay: Overlay | undefined;
};

/** What comes from another node and goes beyond the VPC is for a router that is here. */
function selectorsOf({ vpc, subnet, table, overlay }: SubnetTable, names: NetworkNames) {
  const own = { iif: names.bridge(subnet.id), from: 'all', table: `${table}` };
  if (overlay === undefined || !subnet.routes.some(leadsElsewhere)) return [own];
  return [own, { ...own, iif: names.overlay(vpc.id), from: normalCidr(subnet.cidr) }];
}

async function ensureRules(
  commands: Commands,
  names: NetworkNames,
  wanted: readonly (Selector & { table: string })[],
): Promise<void> {
  const found = (await listRules(commands))
    .map(({ iif = '', src, srclen, table }) => {
      const from = src === undefined || src === 'all' ? 'all' : `${src}/${srclen ?? 32}`;
      return { iif, from, table };
    })
    .filter(({ iif }) => names.isBridge(iif) || names.isOverlay(iif));
  const keyOf = ({ iif, from, table }: Selector & { table: string }) => `${iif} ${from} ${table}`;
  const [has, wants] = [new Set(found.map(keyOf)), new Set(wanted.map(keyOf))];
  const tables = new Set(wanted.map(({ table }) => table));
  const line = (verb: string, { iif, from, table }: Selector & { table: string }) =>
    `rule ${verb} pref ${PREFERENCE} from ${from} iif ${iif} lookup ${table}`;
  await runIp(commands, [
    ...found
      .filter((rule) => !wants.has(keyOf(rule)))
      .flatMap((rule) => [
        line('delete', rule),
        ...(tables.has(rule.table) ? [] : [`route flush table ${rule.table}`]),
      ]),
    ...wanted.filter((rule) => !has.has(keyOf(rule))).map((rule) => line('add', rule)),
  ]);
}

/** The host itself routes between subnets and to the world. */
function leadsElsewhere({ target }: RouteIntent): boolean {
  return !['local', 'internet', 'nat'].includes(target.kind);
}

function tableOf({ id }: SubnetNetworkIntent): number {
  const hash = createHash('sha256').update(id).digest();
  return FIRST_TABLE + (hash.readUInt32BE(0) >>> 2);
}

async function listRules(commands: Commands): Promise<RuleRecord[]> {
  const { stdout } = await commands.run('ip', [
    '-j',
    '-4',
    'rule',
    'show',
    'pref',
    `${PREFERENCE}`,
  ]);
  return JSON.parse(stdout.trim() || '[]') as RuleRecord[];
}

async function fillTable(
  commands: Commands,
  table: number,
  routes: ReadonlyMap<string, string>,
): Promise<void> {
  // The table is not there until it has a route.
  const args = ['-j', '-4', 'route', 'show', 'table', `${table}`];
  const { stdout, exitCode } = await commands.run('ip', args, { allowExitCodes: [0, NO_TABLE] });
  const text = exitCode === NO_TABLE ? '' : stdout.trim();
  const found = (JSON.parse(text || '[]') as TableRoute[]).map(({ dst }) => dst);
  const wanted = new Set([...routes.keys()].map(shortened));
  await runIp(commands, [
    ...[...routes].map(([dst, route]) => `route replace ${route.replace('*', dst)} table ${table}`),
    ...found.filter((dst) => !wanted.has(dst)).map((dst) => `route delete ${dst} table ${table}`),
  ]);
}

/** As `ip` shows a destination. */
function shortened(destination: string): string {
  if (destination === '0.0.0.0/0') return 'default';
  return destination.endsWith('/32') ? destination.slice(0, -3) : destination;
}

interface RouteScope {
  names: NetworkNames;
  vpc: VpcIntent;
  wayOut?: string;
  overlay?: Overlay;
  peerOf?: FindPeer;
}

/** Destination to route; `*` stands for the destination. After a `throw` the lookup goes on in the main table. */
function renderRoutes({ routes }: SubnetNetworkIntent, scope: RouteScope): Map<string, string> {
  const local = scope.vpc.cidrs.map((cidr) => [normalCidr(cidr), 'throw *'] as const);
  const others = routes
    .filter(({ target, destination }) => target.kind !== 'local' && !isIpv6Text(destination))
    .map((route) => [normalCidr(route.destination), renderRoute(route, scope)] as const);
  // The main table's default is the name space's own way out.
  const last = scope.wayOut === undefined ? [] : [['0.0.0.0/0', 'unreachable *'] as const];
  return new Map([...last, ...toPeers(routes, scope), ...others, ...local]);
}

/** Where a route to a peer is for more than the peer has, the rest of it leads nowhere. */
function toPeers(routes: readonly RouteIntent[], { vpc, peerOf }: RouteScope) {
  return routes.flatMap((route) => {
    if (route.target.kind !== 'peering') return [];
    const found = peerOf?.(vpc.id, route.target.vpcId);
    if (found === undefined) return [];
    return peerNetworksIn(route, routes, found.peer).map(
      (destination) => [destination, `* ${found.way}`] as const,
    );
  });
}

function renderRoute(route: RouteIntent, scope: RouteScope): string {
  const { target } = route;
  const { names, vpc, wayOut, overlay, peerOf } = scope;
  if (target.kind === 'internet' || target.kind === 'nat') {
    return wayOut === undefined ? 'throw *' : `* ${wayOut}`;
  }
  if (target.kind === 'peering') {
    const found = peerOf?.(vpc.id, target.vpcId);
    if (found === undefined) return 'blackhole *';
    return isOfPeer(route, found.peer) ? `* ${found.way}` : 'blackhole *';
  }
  if (target.kind !== 'interface') return 'blackhole *';
  const port = vpc.ports.find(({ interfaceId }) => interfaceId === target.interfaceId);
  if (port === undefined) return 'blackhole *';
  const node = nextNodeOf(overlay, port);
  if (node !== undefined) return `* via ${node} dev ${names.overlay(vpc.id)} onlink`;
  return `* via ${port.privateIps[0]} dev ${names.bridge(port.subnetId)} onlink`;
}
