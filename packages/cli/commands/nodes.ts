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

export function parseAddress(text: string): { host: string; port?: number } {
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
  return { host: await findOutwardAddress(context, `${context.self} nodes token`) };
}

/** IPv4, by which this host goes out. `command` is what takes another with `--address`. */
export async function findOutwardAddress(context: CliContext, command: string): Promise<string> {
  const { stdout } = await context.commands
    .run('ip', ['-j', '-4', 'route', 'get', SOMEWHERE])
    .catch(() => ({ stdout: '[]' }));
  const [route] = JSON.parse(stdout) as { prefsrc?: string }[];
  if (route?.prefsrc !== undefined) return route.prefsrc;
  throw new Problem('which address of this host do the others reach it by?', [
    `${command} --address ADDRESS`,
  ]);
}

function renderInvitation(context: CliContext, invitation: JoinInvitation): string {
  const { endpoint, token, fingerprint, expiresAt } = invitation;
  const { terminal } = context;
  return [
    terminal.bold('On the other host, with Ironbark of the same version:'),
    '',
    `  sudo ./ironbark join ${endpoint}`,
    '',
    'and when it asks, this token, which is for nobody else to see:',
    '',
    `  ${token}`,
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

export interface RemoveFlags {
  /** It is away for good. */
  lost?: boolean;
  yes?: boolean;
}

export async function removeNode(
  context: CliContext,
  name: string,
  { lost: isLost = false, yes = false }: RemoveFlags,
): Promise<void> {
  const daemon = await open(context);
  if (isLost && !yes) await confirmLoss(context, daemon, name);
  const node = await daemon.removeNode({ name, isLost });
  if (isLost) {
    context.terminal.result(node, () => renderLost(node));
    return;
  }
  context.terminal.result(node, () => renderRemoved(node));
}

function renderRemoved({ name, instances }: ZoneNode): string {
  const gone = `${name} is no node any more; its certificate is worth nothing. There: ironbark leave`;
  return instances === 0
    ? gone
    : `${gone}\nIts ${instances} stopped instances start on other nodes.`;
}

async function confirmLoss(context: CliContext, daemon: AdminApi, name: string): Promise<void> {
  const node = (await daemon.listNodes()).find((one) => one.name === name || one.nodeId === name);
  const again = [
    `to go ahead without being asked: ${context.self} nodes remove ${name} --lost --yes`,
  ];
  if (node === undefined)
    throw new Problem(`the cloud has no node ${name}`, ['see: ironbark nodes']);
  const elsewhere = await daemon.listElsewhere();
  const instances = elsewhere.find((one) => one.node === node.name)?.instances ?? [];
  const ids = instances.map(({ id }) => id).join(', ');
  const { terminal } = context;
  terminal.warn(
    `${node.name} is removed with its ${node.instances} instances${ids === '' ? '' : `: ${ids}`}`,
  );
  terminal.warn(
    'those whose root disks are volumes are stopped, and can be started on other nodes',
  );
  terminal.warn('the others are terminated, and their root disks are lost to the cloud');
  terminal.warn('their volumes are detached and kept, whatever DeleteOnTermination says');
  terminal.warn('their addresses and interfaces go as with any termination');
  terminal.warn('if the host still runs, switch it off first: its guests do not end by this');
  if (await terminal.confirm(`Remove ${node.name} for good?`)) return;
  throw new Problem('nothing was removed', again);
}

function renderLost({ name, instances }: ZoneNode): string {
  return [
    `${name} is no node any more; its certificate is worth nothing.`,
    `Its ${instances} instances end there: those whose root disks are volumes are stopped, and start on other nodes.`,
    'The others are terminated, and their volumes are detached and kept.',
    'If the host comes back: ironbark leave, there',
  ].join('\n');
}

function open({ dataDir, self }: CliContext): Promise<AdminApi> {
  return getDaemon(dataDir, self);
}
