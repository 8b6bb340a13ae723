// Owns the route tables of a VPC's name space: one of the kernel's tables for each subnet, which packets that come from
// its guests are looked up in. Between its own networks the VPC routes by itself, as EC2's `local` route does.

import { createHash } from 'node:crypto';
import type { Commands } from '@ironbark/platform/commands.ts';
import type {
  RouteIntent,
  SubnetNetworkIntent,
  VpcIntent,
} from '@ironbark/protocol/internal/network-messages.ts';
import { normalCidr } from './group-match.ts';
import { runIp } from './links.ts';
import type { NetworkNames } from './network-names.ts';

/** Before the kernel's own rule for the main table. */
const PREFERENCE = 1_000;
/** Above the numbers that systems give to tables of their own. */
const FIRST_TABLE = 10_000;

/** The exit code of `ip` when the kernel has no such table. */
const NO_TABLE = 2;

interface RuleRecord {
  priority: number;
  iif?: string;
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
}

export async function ensureVpcRoutes(commands: Commands, routed: RoutedVpcs): Promise<void> {
  const { vpcs, names, wayOut } = routed;
  const wanted = vpcs.flatMap((vpc) =>
    vpc.subnets
      .filter(({ routes }) => wayOut !== undefined || routes.some(leadsElsewhere))
      .map((subnet) => ({ vpc, subnet, iif: names.bridge(subnet.id), table: tableOf(subnet) })),
  );
  const found = (await listRules(commands)).filter(({ iif = '' }) => names.isBridge(iif));
  const stale = found.filter(
    (rule) => !wanted.some(({ iif, table }) => rule.iif === iif && rule.table === `${table}`),
  );
  const missing = wanted.filter(({ iif }) => !found.some((rule) => rule.iif === iif));
  await runIp(commands, [
    ...stale.flatMap(({ table, iif }) => [
      `rule delete pref ${PREFERENCE} iif ${iif} lookup ${table}`,
      `route flush table ${table}`,
    ]),
    ...missing.map(({ iif, table }) => `rule add pref ${PREFERENCE} iif ${iif} lookup ${table}`),
  ]);
  for (const { vpc, subnet, table } of wanted) {
    const scope = { names, vpc, ...(wayOut === undefined ? {} : { wayOut }) };
    await fillTable(commands, table, renderRoutes(subnet, scope));
  }
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
}

/** Destination to route; `*` stands for the destination. After a `throw` the lookup goes on in the main table. */
function renderRoutes({ routes }: SubnetNetworkIntent, scope: RouteScope): Map<string, string> {
  const local = scope.vpc.cidrs.map((cidr) => [normalCidr(cidr), 'throw *'] as const);
  const others = routes
    .filter(({ target }) => target.kind !== 'local')
    .map((route) => [normalCidr(route.destination), renderRoute(route, scope)] as const);
  // The main table's default is the name space's own way out.
  const last = scope.wayOut === undefined ? [] : [['0.0.0.0/0', 'unreachable *'] as const];
  return new Map([...last, ...others, ...local]);
}

function renderRoute({ target }: RouteIntent, { names, vpc, wayOut }: RouteScope): string {
  if (target.kind === 'internet' || target.kind === 'nat') {
    return wayOut === undefined ? 'throw *' : `* ${wayOut}`;
  }
  if (target.kind !== 'interface') return 'blackhole *';
  const port = vpc.ports.find(({ interfaceId }) => interfaceId === target.interfaceId);
  if (port === undefined) return 'blackhole *';
  return `* via ${port.privateIps[0]} dev ${names.bridge(port.subnetId)} onlink`;
}
