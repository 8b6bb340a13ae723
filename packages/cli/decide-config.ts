// Owns the decisions of a first start: names, network and ports that clash with nothing on this host.

import { createServer } from 'node:net';
import { candidatesFrom, chooseVpcCidr } from '@ironbark/node/host/choose-cidr.ts';
import { readHostNetworks } from '@ironbark/node/host/host-networks.ts';
import { hasCode, readFileIfPresent } from '@ironbark/platform/files.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { type CephSettings, requireCephSettings } from '@ironbark/storage/drivers/rbd-command.ts';
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
  /** An IPv4 block. */
  publicAddresses?: string;
  allowSharedEmulation?: boolean;
  /** IPv4. */
  underlay?: string;
  /** Empty: none any more. */
  volumeDevices?: string[];
  /** `none`: no cluster any more. */
  cephPool?: string;
  cephUser?: string;
  cephConf?: string;
  cephKeyring?: string;
  objectsDatabase?: string;
  objectsEngine?: string;
  objectsBucket?: string;
  objectsRegion?: string;
  objectsCredentials?: string;
  /** `data-folder`: where it is when nothing is said. */
  keyring?: string;
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
  const config = await decide(context, saved, wishes);
  await requireOpenPort(config.port);
  return config;
}

/** The kernel's setting, and what it is where the kernel has none. */
const PORT_SETTING = '/proc/sys/net/ipv4/ip_unprivileged_port_start';
const FIRST_OPEN_PORT = 1024;

/** What listens on the port has no rights, also when root starts it. */
async function requireOpenPort(port: number): Promise<void> {
  const text = (await readFileIfPresent(PORT_SETTING))?.toString();
  const first = text === undefined ? FIRST_OPEN_PORT : Number(text);
  if (port >= first) return;
  throw new Problem(`the API runs without rights and cannot listen on port ${port}`, [
    `choose a port from ${first} on, or allow lower ones: sysctl net.ipv4.ip_unprivileged_port_start=${port}`,
  ]);
}

async function decide(
  context: CliContext,
  saved: CloudConfig | undefined,
  wishes: ConfigWishes,
): Promise<CloudConfig> {
  if (saved !== undefined) {
    const config = keepConfig(saved, wishes);
    return { ...config, port: await checkPort(config.host, config.port) };
  }
  const config = await firstConfig(context, wishes);
  if (wishes.port !== undefined)
    return { ...config, port: await checkPort(config.host, config.port) };
  return { ...config, port: await firstFreePort(config.host) };
}

/** Nobody asked for a port, so a second cloud on this host simply has the next one. */
async function firstFreePort(host: string): Promise<number> {
  for (let port = DEFAULT_PORT; port < DEFAULT_PORT + PORTS_TRIED; port += 1) {
    const isFree = await listenOnce(host, port).catch((error: unknown) => {
      if (hasCode(error, 'EADDRINUSE')) return undefined;
      throw cannotListen(host, port, error);
    });
    if (isFree !== undefined) return port;
  }
  return await checkPort(host, 0);
}

async function firstConfig(context: CliContext, wishes: ConfigWishes): Promise<CloudConfig> {
  const hypervisor = wishes.hypervisor ?? 'qemu';
  const network =
    wishes.network ??
    (hypervisor === 'simulated' ? 'simulated' : context.isRoot ? 'bridge' : 'user');
  return {
    format: 'ironbark-config/1',
    cloudId: newCloudId(context.random),
    nodeId: newNodeId(context.random),
    region: wishes.region ?? DEFAULT_REGION,
    host: wishes.host ?? '127.0.0.1',
    port: wishes.port ?? DEFAULT_PORT,
    hypervisor,
    network,
    vpcCidr: network === 'bridge' ? await chooseFreeCidr(context) : AWS_DEFAULT_CIDR,
    ...publicOf(wishes.publicAddresses),
    ...underlayOf(wishes.underlay),
    ...(wishes.allowSharedEmulation === true ? { allowSharedEmulation: true } : {}),
    ...devicesOf(wishes.volumeDevices),
    ...cephOf(wishes, undefined),
    ...objectsOf(wishes, undefined),
    ...keyringOf(wishes.keyring),
    ...(wishes.simulatedFailures === undefined
      ? {}
      : { simulated: { failureRate: wishes.simulatedFailures } }),
  };
}

export function newCloudId(random: RandomSource): string {
  return random.bytes(CLOUD_ID_BYTES).toString('hex');
}

export function newNodeId(random: RandomSource): CloudConfig['nodeId'] {
  return `node-${random.bytes(NODE_ID_BYTES).toString('hex')}`;
}

async function chooseFreeCidr(context: CliContext): Promise<string> {
  const candidates = candidatesFrom(context.isDefaultCloud ? 0 : context.random.fraction());
  const cidr = chooseVpcCidr(await readHostNetworks(context.commands), candidates);
  if (cidr !== undefined) return cidr;
  throw new Problem('every private network that guests could have is in use on this host', [
    'remove routes that are not needed (ip route), or start without addresses for guests: --network user',
  ]);
}

/** As many clouds as one host is likely to have before any free port will do. */
const PORTS_TRIED = 20;

/** A cloud keeps its region, network and hypervisor: its resources were made for them. */
export function keepConfig(saved: CloudConfig, wishes: ConfigWishes): CloudConfig {
  for (const name of ['region', 'network', 'hypervisor'] as const) {
    if (wishes[name] !== undefined && wishes[name] !== saved[name]) {
      throw new Problem(`this cloud was made with ${name} ${saved[name]}, not ${wishes[name]}`, [
        `leave --${name} away, or make a second cloud with another --data-dir and --port`,
      ]);
    }
  }
  const {
    publicAddresses: savedPublic,
    allowSharedEmulation: savedSharing,
    volumeDevices: savedDevices,
    ceph,
    objects,
    keyring,
    ...rest
  } = saved;
  if (objects === undefined && wantsSharedObjects(wishes)) throw hasFiles();
  const sharing = wishes.allowSharedEmulation ?? savedSharing;
  return {
    ...rest,
    host: wishes.host ?? saved.host,
    port: wishes.port ?? saved.port,
    ...publicOf(wishes.publicAddresses ?? savedPublic),
    ...underlayOf(wishes.underlay),
    ...(sharing === true ? { allowSharedEmulation: true } : {}),
    ...devicesOf(wishes.volumeDevices ?? savedDevices),
    ...cephOf(wishes, ceph),
    ...objectsOf(wishes, objects),
    ...keyringOf(wishes.keyring ?? keyring),
  };
}

/** Addresses that were given out of another block before stay with whom they belong to. */
function publicOf(block: string | undefined): Pick<CloudConfig, 'publicAddresses'> {
  return block === undefined ? {} : { publicAddresses: block };
}

function underlayOf(address: string | undefined): Pick<CloudConfig, 'underlayAddress'> {
  return address === undefined ? {} : { underlayAddress: address };
}

function keyringOf(path: string | undefined): Pick<CloudConfig, 'keyring'> {
  return path === undefined || path === 'data-folder' ? {} : { keyring: path };
}

const DEFAULT_CEPH = { user: 'ironbark', confPath: '/etc/ceph/ceph.conf' };

/** What is not said again stays. */
function cephOf(wishes: ConfigWishes, saved: CloudConfig['ceph']): Pick<CloudConfig, 'ceph'> {
  const { cephPool: pool = saved?.pool, cephUser, cephConf, cephKeyring } = wishes;
  if (pool === 'none') return {};
  if (pool === undefined) {
    if ((cephUser ?? cephConf ?? cephKeyring) === undefined) return {};
    throw new Problem('which pool of Ceph is to have the volumes?', ['add --ceph-pool NAME']);
  }
  const ceph: CephSettings = { ...DEFAULT_CEPH, ...saved, pool };
  if (cephUser !== undefined) ceph.user = cephUser;
  if (cephConf !== undefined) ceph.confPath = cephConf;
  if (cephKeyring !== undefined) ceph.keyringPath = cephKeyring;
  requireCephSettings(ceph);
  return { ceph };
}

function wantsSharedObjects(wishes: ConfigWishes): boolean {
  const { objectsDatabase, objectsEngine, objectsBucket, objectsRegion, objectsCredentials } =
    wishes;
  const said = [objectsDatabase, objectsEngine, objectsBucket, objectsRegion, objectsCredentials];
  return said.some((each) => each !== undefined);
}

/** What is not said again stays. They may move, with all that is in them; they do not become files. */
export function objectsOf(
  wishes: ConfigWishes,
  saved: CloudConfig['objects'],
): Pick<CloudConfig, 'objects'> {
  if (saved === undefined && !wantsSharedObjects(wishes)) return {};
  const database = wishes.objectsDatabase ?? saved?.database;
  const endpoint = wishes.objectsEngine ?? saved?.engine.endpoint;
  const bucket = wishes.objectsBucket ?? saved?.engine.bucket;
  const credentials = wishes.objectsCredentials ?? saved?.engine.credentials;
  const region = wishes.objectsRegion ?? saved?.engine.region;
  const missing = Object.entries({
    '--objects-database': database,
    '--objects-engine': endpoint,
    '--objects-bucket': bucket,
    '--objects-credentials': credentials,
  }).flatMap(([option, value]) => (value === undefined ? [option] : []));
  if (!database || !endpoint || !bucket || !credentials) {
    throw new Problem('objects that gateways share need a database and an engine', [
      `add ${missing.join(', ')}`,
    ]);
  }
  const engine = { endpoint, bucket, credentials, ...(region === undefined ? {} : { region }) };
  return { objects: { database, engine } };
}

function hasFiles(): Problem {
  return new Problem('this cloud has its objects in files, which gateways cannot share', [
    'leave the --objects-… options away, or make a second cloud with another --data-dir and --port',
  ]);
}

function devicesOf(paths: string[] | undefined): Pick<CloudConfig, 'volumeDevices'> {
  return paths === undefined || paths.length === 0 ? {} : { volumeDevices: paths };
}

/** The port to use: a free one for 0, else the same one if it is free. */
async function checkPort(host: string, port: number): Promise<number> {
  try {
    return await listenOnce(host, port);
  } catch (error) {
    throw cannotListen(host, port, error);
  }
}

async function listenOnce(host: string, port: number): Promise<number> {
  const server = createServer();
  try {
    return await new Promise<number>((resolve, reject) => {
      server.once('error', reject);
      server.listen(port, host, () => resolve((server.address() as { port: number }).port));
    });
  } finally {
    await new Promise<void>((resolve) =>
      server.listening ? server.close(() => resolve()) : resolve(),
    );
  }
}

function cannotListen(host: string, port: number, cause: unknown): Problem {
  const what = `cannot listen on ${host} port ${port}`;
  const problem = hasCode(cause, 'EADDRINUSE')
    ? new Problem(`${what}: something else uses it`, [
        'choose another with --port, or --port 0 for any free one',
        `who has it: ss -tlnp 'sport = :${port}'`,
      ])
    : new Problem(`${what}: ${cause instanceof Error ? cause.message : cause}`, [
        'give an address of this host with --host, and a port that is open to everybody',
      ]);
  problem.cause = cause;
  return problem;
}
