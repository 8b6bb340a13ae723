// Owns one measurement of a path: a server at its far end, streams or round trips from its near end, and the packets that
// the host saw meanwhile.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { LabGuest } from '../guest/lab-guest.ts';
import { watchHost } from '../seen/host-work.ts';
import { busiestShare, PROCESSOR_THREADS, readThreads, SERVING_THREADS } from '../seen/threads.ts';
import { guestToolCommand, hostToolCommand, type ToolName } from '../workloads/host-tools.ts';
import { inNameSpace } from './in-name-space.ts';
import { packetFigures, readCounters } from './interface-counters.ts';
import { ADDRESSES, type LabNetwork, SIDE } from './lab-network.ts';
import type { NetworkSample, RoundTrips } from './network-result.ts';
import type { NetworkRow } from './network-rows.ts';

export interface NetworkSampleContext {
  commands: Commands;
  clock: Clock;
  signal: AbortSignal;
  /** The folder of the programs. */
  tools: string;
  network: LabNetwork;
  seconds: number;
}

/** The ports of the two servers at either far end. */
export const STREAM_PORT = 5_201;
export const ROUND_TRIP_PORT = 5_202;
/** Beyond the time of the streams themselves: an emulated guest starts programs slowly. */
const SLACK_MS = 30_000;

export async function sampleSide(
  context: NetworkSampleContext,
  row: NetworkRow,
): Promise<NetworkSample> {
  const { commands, tools, network, seconds, signal } = context;
  const { tool, args } = programOf(row, seconds);
  const argv = inNameSpace(network.nameOf('side'), hostToolCommand(tools, tool, args));
  const [file, ...rest] = argv;
  const timeoutMs = seconds * 1_000 + SLACK_MS;
  return await watched(context, { name: SIDE }, row, async () => {
    const { stdout } = await commands.run(file, rest, { timeoutMs, signal });
    return stdout;
  });
}

export async function sampleGuestNetwork(
  context: NetworkSampleContext,
  row: NetworkRow,
  { guest, tap }: { guest: LabGuest; tap: string },
): Promise<NetworkSample> {
  const { clock, seconds } = context;
  const { tool, args } = programOf(row, seconds);
  const before = await readThreads(guest.pid);
  const startedMs = clock.monotonicMs();
  const sample = await watched(context, { name: tap, pid: guest.pid }, row, () =>
    guest.run(guestToolCommand(tool, args), seconds * 1_000 + SLACK_MS),
  );
  const intervalMs = clock.monotonicMs() - startedMs;
  const after = await readThreads(guest.pid);
  const share = (names: RegExp) => busiestShare(before, after, { intervalMs, names });
  const processor = { guest: share(PROCESSOR_THREADS), serving: share(SERVING_THREADS) };
  return { ...sample, processor };
}

function programOf(
  { peer, measure, streams }: NetworkRow,
  seconds: number,
): { tool: ToolName; args: string[] } {
  const address = peer === 'host' ? ADDRESSES.host : ADDRESSES.peer;
  if (measure === 'round-trip') {
    const args = ['ask', address, String(ROUND_TRIP_PORT), String(seconds)];
    return { tool: 'round-trips', args };
  }
  const args = [
    ...['--client', address, '--port', String(STREAM_PORT), '--json', '--interval', '0'],
    ...['--time', String(seconds), '--parallel', String(streams)],
    ...(measure === 'receive' ? ['--reverse'] : []),
  ];
  return { tool: 'iperf3', args };
}

async function watched(
  { commands, clock, network }: NetworkSampleContext,
  { name, pid }: { name: string; pid?: number },
  { measure }: NetworkRow,
  work: () => Promise<string>,
): Promise<NetworkSample> {
  const host = network.nameOf('host');
  const before = await readCounters(commands, host, name);
  const startedMs = clock.monotonicMs();
  const watching = { clock, ...(pid === undefined ? {} : { pid }) };
  const { result: said, work: seen } = await watchHost(watching, work);
  const tookMs = clock.monotonicMs() - startedMs;
  const packets = packetFigures(before, await readCounters(commands, host, name), tookMs);
  return measure === 'round-trip'
    ? { roundTrip: parseRoundTrips(said, tookMs), packets, ...seen }
    : { megabitsPerSecond: parseStreams(said), packets, ...seen };
}

interface StreamsReport {
  error?: string;
  end: { sum_received?: { bits_per_second: number } };
}

/** Megabits a second that arrived, from iperf3's JSON. */
export function parseStreams(text: string): number {
  const start = text.indexOf('{');
  if (start < 0) throw new Error(`iperf3 said: ${text}`);
  const report = JSON.parse(text.slice(start, text.lastIndexOf('}') + 1)) as StreamsReport;
  const bits = report.end.sum_received?.bits_per_second;
  if (report.error !== undefined || bits === undefined) {
    throw new Error(`iperf3 said: ${report.error ?? 'nothing of what arrived'}`);
  }
  return bits / 1e6;
}

const TRIPS =
  /^(\d+) round trips, ([0-9.]+) us mean, ([0-9.]+) us median, ([0-9.]+) us of 99 in 100/m;

export function parseRoundTrips(text: string, tookMs: number): RoundTrips {
  const match = TRIPS.exec(text);
  if (match === null) throw new Error(`round-trips said: ${text}`);
  const [count, meanUs, medianUs, p99Us] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
  ];
  return { perSecond: (1_000 * count) / tookMs, meanUs, medianUs, p99Us };
}
