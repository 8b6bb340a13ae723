// Owns `ironbark join`: from a host with nothing on it to a node of a cloud that runs elsewhere.

import { hostname } from 'node:os';
import { isUnicast, parseIpv4 } from '@ironbark/core/ipv4.ts';
import { chooseVpcCidr } from '@ironbark/node/host/choose-cidr.ts';
import { readHostNetworks } from '@ironbark/node/host/host-networks.ts';
import { waitFor } from '@ironbark/platform/clock.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { JoinAnswer } from '@ironbark/protocol/internal/join-messages.ts';
import { type CloudConfig, findConfig, renderFront, saveConfig } from '../cloud-config.ts';
import type { CliContext } from '../context.ts';
import type { AdminApi, DaemonStatus } from '../daemon/admin-api.ts';
import { findDaemon } from '../daemon/admin-client.ts';
import { saveNodeIdentity } from '../daemon/node-identity.ts';
import { dataPaths } from '../daemon/paths.ts';
import { startDaemon } from '../daemon/start-daemon.ts';
import { newCloudId } from '../decide-config.ts';
import { ensurePackages, NETWORK_PACKAGES, RUN_PACKAGES } from '../host-packages.ts';
import {
  askToJoin,
  chooseName,
  findAuthority,
  type JoinWishes,
  parseFront,
  requireToken,
} from '../join-front.ts';
import { readToken } from '../join-token.ts';
import { Problem } from '../problem.ts';

export interface JoinOptions {
  /** The token itself, or `-`: from the standard input. Absent: it is asked for. */
  token?: string;
  tokenFile?: string;
  nodeName?: string;
  /** IPv4. */
  underlay?: string;
  yes: boolean;
  /** The node runs no real guests: nothing has to be installed. */
  simulated: boolean;
  /** Where programs are looked for. */
  path: string;
}

const CONNECTED_MS = 30_000;

export async function joinCloud(
  context: CliContext,
  url: string,
  options: JoinOptions,
): Promise<void> {
  const { terminal, dataDir } = context;
  const front = parseFront(url);
  const token = await readToken(options, {
    stdin: process.stdin,
    ask: (question) => void process.stderr.write(question),
    warn: (line) => terminal.warn(line),
  });
  const wishes: JoinWishes = {
    front,
    token: requireToken(token),
    name: chooseName(options.nodeName, hostname()),
  };
  await requireEmpty(context);
  if (!options.simulated && !context.isRoot) throw needsRoot();
  const at = renderFront(wishes.front);
  const authority = await terminal.step(`Cloud at ${at}`, () => findAuthority(context, wishes));
  if (!options.simulated) {
    const wanted = [...RUN_PACKAGES, ...NETWORK_PACKAGES];
    await ensurePackages(context, { wanted, path: options.path, yes: options.yes });
  }
  await terminal.step(`Joining as ${wishes.name}`, async () => {
    const joined = await askToJoin(context, wishes, authority);
    await ensureDirectory(dataDir, 0o711);
    const paths = dataPaths(dataDir);
    await ensureDirectory(paths.run, 0o711);
    await saveNodeIdentity(paths.nodeIdentity, joined.identity);
    const underlay = options.underlay ?? usableIpv4(joined.address);
    const config = configOf(context, wishes, joined.answer);
    const kept = underlay === undefined ? config : { ...config, underlayAddress: underlay };
    await saveConfig(dataDir, kept, undefined);
    await requireFreeNetwork(context, kept);
  });
  await startNode(context, at);
}

/** For `up` on a host that has joined, too. */
export async function startNode(context: CliContext, endpoint: string): Promise<void> {
  const { terminal } = context;
  const running = await findDaemon(context.dataDir);
  const start = async () => (await startDaemon(context))!;
  const daemon = running ?? (await terminal.step('Starting the node', start));
  const status = await terminal.step('Connecting to the front end', () =>
    untilConnected(context, daemon),
  );
  if (status.node.accelerator === 'tcg') {
    terminal.warn('no KVM on this host: its guests are emulated, and slow. See: ironbark doctor');
  }
  terminal.result({ endpoint, node: status.node.nodeId, dataDir: context.dataDir }, () =>
    renderJoined(context, status, endpoint),
  );
}

/** One that cannot connect now goes on trying: what is wrong is said, and nothing is undone. */
async function untilConnected(context: CliContext, daemon: AdminApi): Promise<DaemonStatus> {
  const probe = async () => {
    const status = await daemon.status();
    return status.front?.isConnected === true ? status : undefined;
  };
  const patience = { clock: context.clock, timeoutMs: CONNECTED_MS, what: 'the front end' };
  try {
    return await waitFor(probe, patience);
  } catch {
    const { failures } = await daemon.status();
    throw new Problem('the node runs, and has no connection to its front end', [
      ...failures,
      'it goes on trying by itself; see: ironbark status',
    ]);
  }
}

function configOf(
  { random }: CliContext,
  { front, name }: JoinWishes,
  { nodeId, terms }: JoinAnswer,
): CloudConfig {
  return {
    format: 'ironbark-config/1',
    // Of this host's bridges and rules: another one than the cloud's, which may be on the same host.
    cloudId: newCloudId(random),
    nodeId,
    ...terms,
    host: front.host,
    port: front.port,
    joined: { front, name },
  };
}

async function requireEmpty({ dataDir, self }: CliContext): Promise<void> {
  const config = await findConfig(dataDir);
  if (config === undefined) return;
  const what = config.joined === undefined ? 'a cloud' : `the node ${config.joined.name}`;
  throw new Problem(`${dataDir} holds ${what} already`, [
    config.joined === undefined
      ? 'choose another folder with --data-dir'
      : `start it with: ${self} up; or give it up with: ${self} leave`,
  ]);
}

/** A connection over IPv6, or inside one host, says nothing of how other nodes reach this one. */
function usableIpv4(address: string | undefined): string | undefined {
  const plain = address?.replace(/^::ffff:/, '');
  const parsed = plain === undefined ? undefined : parseIpv4(plain);
  return parsed !== undefined && isUnicast(parsed) ? plain : undefined;
}

async function requireFreeNetwork(context: CliContext, config: CloudConfig): Promise<void> {
  if (config.network !== 'bridge') return;
  const { vpcCidr, joined } = config;
  const isFree = chooseVpcCidr(await readHostNetworks(context.commands), [vpcCidr]) !== undefined;
  if (isFree) return;
  throw new Problem(`the network of the cloud’s guests, ${vpcCidr}, is in use on this host`, [
    'take the route away that leads there (ip route), then: ironbark up',
    `or give it up: ironbark leave; on the front end it is called ${joined?.name}`,
  ]);
}

function needsRoot(): Problem {
  return new Problem(
    'a node needs root: it makes networks and starts guests as users of their own',
    ['run this with sudo'],
  );
}

function renderJoined({ terminal, self }: CliContext, status: DaemonStatus, at: string): string {
  const { config } = status;
  const lines = [
    [`${self} status`, 'what runs here'],
    ['ironbark nodes', 'on the front end: all nodes'],
    [`${self} leave`, 'give it up again'],
  ] as const;
  const width = Math.max(...lines.map(([command]) => command.length));
  return [
    terminal.bold(`This host is the node ${config.joined?.name} of the cloud at ${at}`),
    '',
    ...lines.map(([command, what]) => `  ${command.padEnd(width)}  ${terminal.dim(what)}`),
  ].join('\n');
}
