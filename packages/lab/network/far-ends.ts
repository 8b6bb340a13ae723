// Owns the servers at the far ends of the measured paths, on the host and on the other host.

import { createInterface } from 'node:readline';
import { type Clock, TimeoutError } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { hostToolCommand, type ToolName } from '../workloads/host-tools.ts';
import { inNameSpace } from './in-name-space.ts';
import type { LabNetwork } from './lab-network.ts';
import { ROUND_TRIP_PORT, STREAM_PORT } from './network-sample.ts';
import { findProcessor, onProcessor } from './on-processor.ts';

export interface FarEndsOptions {
  commands: Commands;
  clock: Clock;
  tools: string;
  /** Where they work. */
  folder: string;
  network: LabNetwork;
}

interface Server {
  tool: ToolName;
  args: string[];
  /** It stays on the processor that the other end without a guest is on too. */
  isPinned: boolean;
  /** The line with which it says that it listens. */
  ready: RegExp;
}

const SERVERS: readonly Server[] = [
  {
    tool: 'iperf3',
    args: ['--server', '--port', String(STREAM_PORT), '--forceflush'],
    isPinned: false,
    ready: /^Server listening/,
  },
  {
    tool: 'round-trips',
    args: ['serve', String(ROUND_TRIP_PORT)],
    isPinned: true,
    ready: /^ready/,
  },
];
const READY_TIMEOUT_MS = 20_000;

export async function startFarEnds(options: FarEndsOptions): Promise<AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  for (const place of ['host', 'peer'] as const) {
    const nameSpace = options.network.nameOf(place);
    for (const server of SERVERS) stack.use(await startServer(options, nameSpace, server));
  }
  return stack.move();
}

async function startServer(
  { commands, clock, tools, folder }: FarEndsOptions,
  nameSpace: string,
  { tool, args, isPinned, ready }: Server,
): Promise<AsyncDisposable> {
  const argv = hostToolCommand(tools, tool, args);
  const processor = isPinned ? await findProcessor() : undefined;
  const [file, ...rest] = inNameSpace(nameSpace, onProcessor(processor, argv));
  const child = await commands.startAttached(file, rest, { cwd: folder, env: {}, detached: true });
  child.stderr.resume();
  const over = new AbortController();
  const listens = (async () => {
    for await (const line of createInterface({ input: child.stdout })) {
      if (ready.test(line)) return;
    }
    throw new Error(`${tool} ended before it listened`);
  })();
  const late = clock.sleep(READY_TIMEOUT_MS, over.signal).then(() => {
    throw new TimeoutError(`${tool}: it does not listen within ${READY_TIMEOUT_MS} ms`);
  });
  late.catch(() => {});
  const end = async () => {
    child.kill('SIGKILL');
    await child.ended;
  };
  try {
    await Promise.race([listens, late]);
  } catch (error) {
    await end();
    throw error;
  } finally {
    over.abort();
  }
  child.stdout.resume();
  return { [Symbol.asyncDispose]: end };
}
