// Measures what the cloud's own network costs: two guests of a subnet, which meet in the host's router and pass their
// groups, beside two name spaces on a bridge without any rule; the same for a guest and the host, and for guests on two
// nodes beside the two hosts. Name spaces play the guests, so that no emulated processor is measured; what a real guest gets of a wire is in `ironbark lab run paper`.

import { loadavg } from 'node:os';
import { createGuest, Namespace, whyNoNamespaces } from '@ironbark/node/testing/guest-namespace.ts';
import { createTestCloud } from '@ironbark/node/testing/test-cloud.ts';
import { fromGroup, group, portIntent, vpcIntent } from '@ironbark/node/testing/vpc-intent.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { type AttachedProcess, systemCommands } from '@ironbark/platform/commands.ts';
import { type Figure, ratioFigure } from '../support/figures.ts';
import { measureChanges } from './net-changes.ts';
import { makeNodePaths } from './net-overlay.ts';

const REPEATS = 5;
const SECONDS = 2;
const STREAMS = [1, 4];
const PORT = 5_201;
/** One more hop than a bridge, with its look-ups: what one stream may lose to that on one processor of its own. */
const MIN_RATIO = 0.7;
/** Guests get of a wire what their hosts do, but for 50 bytes of each frame. */
const MIN_WIRE_RATIO = 0.9;
const PLAIN_BRIDGE = 'ibtestplain';
const READY_TIMEOUT_MS = 10_000;

interface Path {
  name: string;
  from: string;
  to: string | undefined;
  address: string;
}

export async function measureNet(): Promise<Figure[]> {
  const reason = whyNoNamespaces();
  if (reason !== false) throw new Error(reason);
  await using stack = new AsyncDisposableStack();
  const paths = [
    ...[...(await makePlain(stack)), ...(await makeCloud(stack))],
    ...(await makeNodePaths(stack)),
  ];
  for (const path of paths) stack.use(await startSink(path));
  const ratios = new Map<string, number[]>();
  for (let repeat = 0; repeat < REPEATS; repeat += 1) {
    for (const streams of STREAMS) await measureOnce(paths, streams, ratios);
  }
  const throughput = [...ratios].map(([name, values]) => ratioFigure(name, values, leastOf(name)));
  return [...throughput, ...(await measureChanges())];
}

function leastOf(name: string): number {
  if (!name.includes('two nodes')) return MIN_RATIO;
  // Where nothing but the processor limits, one machine does both nodes' packing and unpacking: shown, and nothing is asked of it.
  return name.includes('Mb/s') ? MIN_WIRE_RATIO : 0;
}

/** The plain path and the cloud's, one right after the other, whatever else the host does meanwhile. */
async function measureOnce(
  paths: readonly Path[],
  streams: number,
  ratios: Map<string, number[]>,
): Promise<void> {
  for (const name of new Set(paths.map((path) => path.name))) {
    const [plain, cloud] = paths.filter((path) => path.name === name);
    const reference = await send(plain!, streams);
    const rate = await send(cloud!, streams);
    const key = `${name}, ${streams} stream${streams === 1 ? '' : 's'}: of a plain path's`;
    ratios.set(key, [...(ratios.get(key) ?? []), rate / reference]);
    const load = loadavg()[0]!.toFixed(1);
    console.log(
      `${name}, ${streams}: ${gigabits(rate)} of ${gigabits(reference)} Gb/s, load ${load}`,
    );
  }
}

async function makePlain(stack: AsyncDisposableStack): Promise<Path[]> {
  const run = (...args: string[]) => systemCommands.run('ip', args);
  await run('link', 'add', PLAIN_BRIDGE, 'type', 'bridge', 'forward_delay', '0');
  stack.defer(async () => {
    await run('link', 'delete', PLAIN_BRIDGE);
  });
  await run('address', 'add', '198.18.79.1/24', 'dev', PLAIN_BRIDGE);
  await run('link', 'set', PLAIN_BRIDGE, 'up');
  const ends: Namespace[] = [];
  for (const number of [2, 3]) {
    const end = stack.use(await Namespace.create(`plain${number}`));
    await end.connect(`${PLAIN_BRIDGE}${number}`);
    await run('link', 'set', `${PLAIN_BRIDGE}${number}`, 'master', PLAIN_BRIDGE);
    await end.configure(`198.18.79.${number}/24`);
    ends.push(end);
  }
  const [from, to] = [ends[0]!.name, ends[1]!.name];
  return [
    { name: 'guest to guest', from, to, address: '198.18.79.3' },
    { name: 'guest to host', from, to: undefined, address: '198.18.79.1' },
  ];
}

async function makeCloud(stack: AsyncDisposableStack): Promise<Path[]> {
  const cloud = await createTestCloud('bench');
  const network = await cloud.open({ hostPorts: [PORT] });
  stack.defer(() => network.removeAll());
  const { id, cidr, gatewayIp, vpcCidr } = cloud.subnet;
  const ports = [cloud.port(5), cloud.port(6)];
  const vpc = vpcIntent({
    ...{ number: 1, cidr: vpcCidr, subnets: [{ id, cidr, gatewayIp }] },
    groups: [group(1, [fromGroup(1)])],
    ports: ports.map((port) => portIntent(port, [1])),
  });
  await network.ensureSubnets([cloud.subnet], [vpc]);
  const names: string[] = [];
  for (const [at, port] of ports.entries()) {
    const guest = stack.use(await createGuest(cloud.cloudId, port));
    await network.ensurePort(port);
    await guest.configure(`${cloud.address(5 + at)}/20`, gatewayIp);
    names.push(guest.name);
  }
  return [
    { name: 'guest to guest', from: names[0]!, to: names[1]!, address: cloud.address(6) },
    { name: 'guest to host', from: names[0]!, to: undefined, address: gatewayIp },
  ];
}

/** Takes whatever comes. */
const SINK = `
  import { createServer } from 'node:net';
  const [port, address] = process.argv.slice(1);
  createServer((socket) => socket.on('error', () => {}).resume())
    .listen(Number(port), address, () => console.log('ready'));
`;

/** Sends for some seconds and prints how many bytes the other end has taken in each. */
const SOURCE = `
  import { connect } from 'node:net';
  const [address, port, streams, seconds] = process.argv.slice(1);
  const chunk = Buffer.alloc(1 << 20);
  const sockets = Array.from({ length: Number(streams) }, () => connect(Number(port), address));
  await Promise.all(sockets.map((one) => new Promise((go) => one.once('connect', go))));
  let isOver = false;
  const pump = (one) => { if (!isOver) one.write(chunk, () => pump(one)); };
  const before = process.hrtime.bigint();
  for (const one of sockets) { pump(one); pump(one); }
  setTimeout(() => {
    isOver = true;
    const bytes = sockets.reduce((sum, one) => sum + one.bytesWritten - one.writableLength, 0);
    console.log(bytes / (Number(process.hrtime.bigint() - before) / 1e9));
    process.exit(0);
  }, seconds * 1000);
`;

function inPlace(nameSpace: string | undefined, source: string, args: readonly string[]): string[] {
  const node = [process.execPath, '--input-type=module', '-e', source, '--', ...args];
  return nameSpace === undefined ? node : ['ip', 'netns', 'exec', nameSpace, ...node];
}

async function startSink({ to, address }: Path): Promise<AsyncDisposable> {
  const [file, ...args] = inPlace(to, SINK, [String(PORT), address]);
  const child: AttachedProcess = await systemCommands.startAttached(file!, args, {
    cwd: '/',
    env: {},
  });
  let said = '';
  child.stdout.on('data', (bytes: Buffer) => {
    said += bytes.toString();
  });
  child.stderr.resume();
  const options = { clock: systemClock, timeoutMs: READY_TIMEOUT_MS, what: `a sink at ${address}` };
  await waitFor(() => said.includes('ready'), options);
  return {
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGKILL');
      await child.ended;
    },
  };
}

/** Bytes a second. */
async function send({ from, address }: Path, streams: number): Promise<number> {
  const args = [address, String(PORT), String(streams), String(SECONDS)];
  const [file, ...rest] = inPlace(from, SOURCE, args);
  const { stdout } = await systemCommands.run(file!, rest);
  return Number(stdout);
}

function gigabits(bytes: number): string {
  return ((bytes * 8) / 1e9).toFixed(1);
}
