// Owns the decisions of a first start: names, network and ports that clash with nothing on this host.

import { createServer } from 'node:net';
import { chooseVpcCidr } from '@ironbark/node/host/choose-cidr.ts';
import { readHostNetworks } from '@ironbark/node/host/host-networks.ts';
import type { CloudConfig } from './cloud-config.ts';
import type { CliContext } from './context.ts';
import { Problem } from './problem.ts';

/** What the person asked for; absent means: decide, or keep what was decided. */
export interface ConfigWishes {
  host?: string;
  port?: number;
  region?: string;
  network?: CloudConfig['network'];
  hypervisor?: CloudConfig['hypervisor'];
  /** Share of the simulated hypervisor's operations that fail. */
  simulatedFailures?: number;
}

/** The port of the first EC2-compatible private cloud; clients of that time have it in their habits. */
const DEFAULT_PORT = 8773;
/** The default VPC of every AWS region. */
const AWS_DEFAULT_CIDR = '172.31.0.0/16';
const DEFAULT_REGION = 'us-east-1';
const CLOUD_ID_BYTES = 4;
const NODE_ID_BYTES = 8;

export async function decideConfig(
  context: CliContext,
  saved: CloudConfig | undefined,
  wishes: ConfigWishes,
): Promise<CloudConfig> {
  const config =
    saved === undefined ? await firstConfig(context, wishes) : keepConfig(saved, wishes);
  return { ...config, port: await checkPort(config.host, config.port) };
}

async function firstConfig(context: CliContext, wishes: ConfigWishes): Promise<CloudConfig> {
  const hypervisor = wishes.hypervisor ?? 'qemu';
  const network =
    wishes.network ??
    (hypervisor === 'simulated' ? 'simulated' : context.isRoot ? 'bridge' : 'user');
  return {
    format: 'ironbark-config/1',
    cloudId: context.random.bytes(CLOUD_ID_BYTES).toString('hex'),
    nodeId: `node-${context.random.bytes(NODE_ID_BYTES).toString('hex')}`,
    region: wishes.region ?? DEFAULT_REGION,
    host: wishes.host ?? '127.0.0.1',
    port: wishes.port ?? DEFAULT_PORT,
    hypervisor,
    network,
    vpcCidr: network === 'bridge' ? await chooseFreeCidr(context) : AWS_DEFAULT_CIDR,
    ...(wishes.simulatedFailures === undefined
      ? {}
      : { simulated: { failureRate: wishes.simulatedFailures } }),
  };
}

async function chooseFreeCidr(context: CliContext): Promise<string> {
  const cidr = chooseVpcCidr(await readHostNetworks(context.commands));
  if (cidr !== undefined) return cidr;
  throw new Problem('every private network that guests could have is in use on this host', [
    'remove routes that are not needed (ip route), or start without addresses for guests: --network user',
  ]);
}

/** A cloud keeps its region, network and hypervisor: its resources were made for them. */
function keepConfig(saved: CloudConfig, wishes: ConfigWishes): CloudConfig {
  for (const name of ['region', 'network', 'hypervisor'] as const) {
    if (wishes[name] !== undefined && wishes[name] !== saved[name]) {
      throw new Problem(`this cloud was made with ${name} ${saved[name]}, not ${wishes[name]}`, [
        `leave --${name} away, or make a second cloud with another --data-dir and --port`,
      ]);
    }
  }
  return { ...saved, host: wishes.host ?? saved.host, port: wishes.port ?? saved.port };
}

/** The port to use: a free one for 0, else the same one if it is free. */
async function checkPort(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => resolve((server.address() as { port: number }).port));
    });
  } catch (cause) {
    const problem = new Problem(
      `cannot listen on ${host} port ${port}: ${cause instanceof Error ? cause.message : cause}`,
      ['something else uses it: choose another with --port, or --port 0 for any free one'],
    );
    problem.cause = cause;
    throw problem;
  } finally {
    await new Promise<void>((resolve) =>
      server.listening ? server.close(() => resolve()) : resolve(),
    );
  }
}
