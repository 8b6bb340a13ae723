// Owns what the interface to a VPC's ports on other nodes has of IPv6: a route for each address that is there, and where
// the nodes are. It has no address, asks nobody for hardware addresses and listens to no router.

import type { Commands } from '@ironbark/platform/commands.ts';
import { runIp } from './links.ts';
import type { NetworkPlace } from './network-place.ts';
import { nodesOf, type Overlay, overlayLinkLocal, overlayMac } from './overlay-plan.ts';
import { PROTOCOL } from './underlay.ts';

/** The exit codes of `ip` when there is no such interface, or it has no IPv6. */
const NO_LINK = [0, 1, 255];

type Ways = Pick<Overlay, 'remotes6' | 'senders'>;

function hasIpv6({ remotes6 }: Pick<Overlay, 'remotes6'>): boolean {
  return remotes6.size > 0;
}

/** By paths below `/proc/sys/net`: without ports of IPv6 elsewhere it is deaf to it. */
export function ipv6SettingsOf(name: string, overlay: Ways): Record<string, string> {
  const settings = `ipv6/conf/${name}`;
  if (!hasIpv6(overlay)) return { [`${settings}/disable_ipv6`]: '1' };
  return {
    [`${settings}/addr_gen_mode`]: '1',
    [`${settings}/accept_ra`]: '0',
    [`${settings}/accept_redirects`]: '0',
    [`${settings}/disable_ipv6`]: '0',
    [`${settings}/forwarding`]: '1',
  };
}

/** With a look at the kernel, once the interface is up. */
export async function ensureOverlayIpv6(
  { commands }: NetworkPlace,
  name: string,
  overlay: Ways,
): Promise<void> {
  // Its routes and neighbours went with it.
  if (!hasIpv6(overlay)) return;
  await ensureNeighbours(commands, name, overlay);
  await ensureRoutes(commands, name, overlay);
}

interface Neighbour {
  dst: string;
  lladdr?: string;
  state: string[];
}

async function ensureNeighbours(commands: Commands, name: string, overlay: Ways): Promise<void> {
  const args = ['-j', '-6', 'neigh', 'show', 'dev', name, 'nud', 'all'];
  const { stdout } = await commands.run('ip', args);
  const found = JSON.parse(stdout.trim() || '[]') as Neighbour[];
  const wanted = new Map([...nodesOf(overlay)].map((node) => [overlayLinkLocal(node), node]));
  const isRight = ({ dst, lladdr, state }: Neighbour) => {
    const node = wanted.get(dst);
    return node !== undefined && lladdr === overlayMac(node) && state.includes('PERMANENT');
  };
  const right = new Set(found.filter(isRight).map(({ dst }) => dst));
  await runIp(commands, [
    ...found
      .filter(({ dst, state }) => !wanted.has(dst) && !state.includes('NOARP'))
      .map(({ dst }) => `neigh delete ${dst} dev ${name}`),
    ...[...wanted]
      .filter(([dst]) => !right.has(dst))
      .flatMap(([, node]) => neighbourLine6('replace', node, name, overlay)),
  ]);
}

async function ensureRoutes(commands: Commands, name: string, overlay: Ways): Promise<void> {
  const args = ['-6', 'route', 'show', 'table', 'main', 'dev', name];
  const { stdout } = await commands.run('ip', args, { allowExitCodes: NO_LINK });
  const found = new Map(parseRoutes(stdout));
  const stray = [...found.keys()].filter((dst) => !overlay.remotes6.has(dst));
  const missing = [...overlay.remotes6].filter(
    ([dst, node]) => found.get(dst) !== overlayLinkLocal(node),
  );
  await runIp(commands, [
    ...stray.map((dst) => `route delete ${dst} dev ${name}`),
    ...missing.map(([dst, node]) => routeLine(dst, node, name)),
  ]);
}

/** `fd00::5 via fe80::1 proto 145 metric 1024 pref medium`; what is not of this form is a stray without a node. */
function parseRoutes(text: string): [string, string][] {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => {
    const [dst = ''] = line.trim().split(' ');
    const [, node = ''] = new RegExp(`via (\\S+) .*proto ${PROTOCOL}\\b`).exec(line) ?? [];
    return [dst, node];
  });
}

/** Of two that both have IPv6, or neither. */
export function changedRoutes6(then: Ways, now: Ways, name: string): string[] {
  const gone = [...then.remotes6.keys()].filter((dst) => !now.remotes6.has(dst));
  const come = [...now.remotes6].filter(([dst, node]) => then.remotes6.get(dst) !== node);
  return [
    ...gone.map((dst) => `route delete ${dst} dev ${name}`),
    ...come.map(([dst, node]) => routeLine(dst, node, name)),
  ];
}

function routeLine(dst: string, node: string, name: string): string {
  return `route replace ${dst}/128 via ${overlayLinkLocal(node)} dev ${name} proto ${PROTOCOL}`;
}

/** None where nothing is there by IPv6. */
export function neighbourLine6(
  verb: 'replace' | 'delete',
  node: string,
  name: string,
  overlay: Ways,
): string[] {
  if (!hasIpv6(overlay)) return [];
  const address = overlayLinkLocal(node);
  return verb === 'delete'
    ? [`neigh delete ${address} dev ${name}`]
    : [`neigh replace ${address} lladdr ${overlayMac(node)} dev ${name} nud permanent`];
}
