// Owns `ironbark nodes`: the hosts of a cloud, and what an administrator does with them.

import { isIP } from 'node:net';
import type { ZoneNode } from '@ironbark/cluster/app/membership.ts';
import type { JoinInvitation } from '@ironbark/cluster/joining.ts';
import { MIB, renderBytes } from '@ironbark/core/units.ts';
import type { CliContext } from '../context.ts';
import type { AdminApi } from '../daemon/admin-api.ts';
import { getDaemon } from '../daemon/admin-client.ts';
import { Problem } from '../problem.ts';
import { renderTable } from '../terminal.ts';

/** Nothing is sent there: it is an address of TEST-NET-1 (RFC 5737), to which only the default route leads. */
const SOMEWHERE = '192.0.2.1';

const HEADS = [
  ...['NODE', 'STATE', 'INSTANCES', 'CPUS', 'MEMORY', 'DISK FREE', 'RUNS', 'VERSION', 'ADDRESS'],
];

export async function showNodes(context: CliContext): Promise<void> {
  const nodes = await (await open(context)).listNodes();
  context.terminal.result(nodes, () => {
    const table = renderTable(HEADS, nodes.map(rowOf));
    return nodes.length > 1 ? table : `${table}\n\nAnother host: ${context.self} nodes token`;
  });
}

function rowOf(node: ZoneNode): string[] {
  const { capacity } = node;
  return [
    node.isFront ? `${node.name} (front end)` : node.name,
    node.state,
    String(node.instances),
    capacity === undefined ? '-' : String(capacity.vcpus),
    capacity === undefined ? '-' : renderBytes(capacity.memoryMib * MIB),
    capacity === undefined ? '-' : renderBytes(capacity.diskFreeBytes),
    node.accelerator ?? '-',
    node.version ?? '-',
    node.underlayAddress ?? node.address ?? '-',
  ];
}

/** `address` with or without a port, as it is written in a URL. */
export async function makeToken(context: CliContext, address: string | undefined): Promise<void> {
  const daemon = await open(context);
  const given = address === undefined ? undefined : parseAddress(address);
  const invitation = await daemon.makeJoinToken(given ?? (await chooseAddress(context, daemon)));
  context.terminal.result(invitation, () => renderInvitation(context, invitation));
}

function parseAddress(text: string): { host: string; port?: number } {
  const url = URL.canParse(`https://${text}`) ? new URL(`https://${text}`) : undefined;
  const host = url?.hostname.replace(/^\[|\]$/g, '') ?? '';
  const isGood = url !== undefined && isIP(host) !== 0 && url.host === url.href.slice(8, -1);
  if (isGood) return { host, ...(url.port === '' ? {} : { port: Number(url.port) }) };
  throw new Problem(`${text} is not an address of this host`, [
    'give the one by which the other hosts reach it: --address 192.168.1.10, or with :PORT',
  ]);
}

/** Nothing where nodes come to an address already; else the one by which this host goes out. */
async function chooseAddress(context: CliContext, daemon: AdminApi): Promise<{ host?: string }> {
  const invitation = await daemon.findDoor();
  if (invitation.endpoint !== undefined) return {};
  const { stdout } = await context.commands
    .run('ip', ['-j', '-4', 'route', 'get', SOMEWHERE])
    .catch(() => ({ stdout: '[]' }));
  const [route] = JSON.parse(stdout) as { prefsrc?: string }[];
  if (route?.prefsrc !== undefined) return { host: route.prefsrc };
  throw new Problem('which address of this host do the others reach it by?', [
    `${context.self} nodes token --address ADDRESS`,
  ]);
}

function renderInvitation(context: CliContext, invitation: JoinInvitation): string {
  const { endpoint, token, fingerprint, expiresAt } = invitation;
  const { terminal } = context;
  return [
    terminal.bold('On the other host, with Ironbark of the same version:'),
    '',
    `  sudo ./ironbark join ${endpoint} --token ${token}`,
    '',
    terminal.dim(
      `For one host, until ${expiresAt}. The cloud’s certificate, which the token names:`,
    ),
    terminal.dim(`SHA-256 ${fingerprint}`),
  ].join('\n');
}

export async function drainNode(context: CliContext, name: string): Promise<void> {
  const node = await (await open(context)).drainNode({ name });
  const left =
    node.instances === 0
      ? 'It has none.'
      : `It has ${node.instances}, which run on until somebody terminates them.`;
  context.terminal.result(node, () => `${node.name} gets no new instances. ${left}`);
}

export async function resumeNode(context: CliContext, name: string): Promise<void> {
  const node = await (await open(context)).resumeNode({ name });
  context.terminal.result(node, () => `${node.name} gets new instances again.`);
}

export async function removeNode(context: CliContext, name: string): Promise<void> {
  const node = await (await open(context)).removeNode({ name });
  context.terminal.result(
    node,
    () =>
      `${node.name} is no node any more; its certificate is worth nothing. There: ironbark leave`,
  );
}

function open({ dataDir, self }: CliContext): Promise<AdminApi> {
  return getDaemon(dataDir, self);
}
