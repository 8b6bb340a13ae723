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
import { findProcessor, onProcessor } from './on-processor.ts';

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
/** Hundreds of round trips, even of an emulated guest: more seconds are better spent on more rounds. */
const MOST_ASKING = 0.5;
/** Beyond the time of the streams themselves: an emulated guest starts programs slowly. */
const SLACK_MS = 30_000;

export async function sampleSide(
  context: NetworkSampleContext,
  row: NetworkRow,
): Promise<NetworkSample> {
  const { commands, tools, network, seconds, signal } = context;
  const { tool, args } = programOf(row, seconds);
  const program = hostToolCommand(tools, tool, args);
  const processor = row.measure === 'round-trip' ? await findProcessor() : undefined;
  const [file, ...rest] = inNameSpace(network.nameOf('side'), onProcessor(processor, program));
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

/** Enough for the way of the packets through the guest's kernel to be translated, where it is emulated, and for TCP to begin. */
const WARM_UP = '8M';

/** What comes first through a card takes longer than all that follows. */
export async function warmUpNetwork(row: NetworkRow, guest: LabGuest): Promise<void> {
  if (row.measure === 'round-trip') return;
  const args = streamArguments(row, ['--bytes', WARM_UP]);
  await guest.run(guestToolCommand('iperf3', args), SLACK_MS);
}

function programOf(row: NetworkRow, seconds: number): { tool: ToolName; args: string[] } {
  if (row.measure === 'round-trip') {
    const asked = String(Math.min(seconds, MOST_ASKING));
    return { tool: 'round-trips', args: ['ask', addressOf(row), String(ROUND_TRIP_PORT), asked] };
  }
  return { tool: 'iperf3', args: streamArguments(row, ['--time', String(seconds)]) };
}

function streamArguments(row: NetworkRow, length: readonly string[]): string[] {
  return [
    ...['--client', addressOf(row), '--port', String(STREAM_PORT), '--json', '--interval', '0'],
    ...[...length, '--parallel', String(row.streams)],
    ...(row.measure === 'receive' ? ['--reverse'] : []),
  ];
}

function addressOf({ peer }: NetworkRow): string {
  return peer === 'host' ? ADDRESSES.host : ADDRESSES.peer;
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
    ? { roundTrip: parseRoundTrips(said), packets, ...seen }
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

export function parseRoundTrips(text: string): RoundTrips {
  const match = TRIPS.exec(text);
  if (match === null) throw new Error(`round-trips said: ${text}`);
  const [meanUs, medianUs, p99Us] = match.slice(2).map(Number) as [number, number, number];
  // One after the other: the program's own beginning and end are no part of it.
  return { perSecond: 1e6 / meanUs, meanUs, medianUs, p99Us };
}
