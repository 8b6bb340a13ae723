// Owns one measurement: a workload once, on the host or in a guest, with nothing in any page cache, and what the disk saw.

import { MIB } from '@ironbark/core/units.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { LabGuest } from '../guest/lab-guest.ts';
import type { Direction } from '../paper/paper-rows.ts';
import { type HostWork, watchHost } from '../seen/host-work.ts';
import {
  busiestShare,
  PROCESSOR_THREADS,
  readThreads,
  SERVING_THREADS,
  waitingShare,
} from '../seen/threads.ts';
import type { Target, TargetSeen } from '../targets/target.ts';
import { forgetPages } from '../workloads/dd.ts';
import { guestToolCommand, hostToolCommand } from '../workloads/host-tools.ts';
import {
  groupOf,
  layOutArguments,
  type Outcome,
  type Program,
  programOf,
  type Workload,
  workMsOf,
} from '../workloads/workload.ts';

export interface Sample extends Pick<Outcome, 'iops' | 'latencyMs'> {
  /** MB/s, as the program says. */
  mbps: number;
  seen: TargetSeen;
  /** Bytes at the disk for each that the program moved. */
  amplification: number;
  /** Milliseconds that a request was at the disk, on average. */
  requestMs?: number;
  /** What the whole host did meanwhile. */
  work?: HostWork;
  /** How busy the guest's busiest processor was, 0 to 1, and the busiest thread that serves it. */
  guestBusy?: number;
  servingBusy?: number;
  /** Share of the time in which the guest's processors could have run and were not let. */
  guestWaiting?: number;
}

export interface SampleContext {
  commands: Commands;
  clock: Clock;
  sizeBytes: number;
  /** Of jobs that have a time and no end. */
  seconds: number;
  /** The folder of the programs. */
  tools: string;
  signal: AbortSignal;
  /** How many bytes of records lie at the beginning of a target's bytes, by their file: nobody has written there since. */
  records: Map<string, number>;
}

export interface SampledRow {
  direction: Direction;
  workload: Workload;
  dirtyBackgroundBytes?: number;
}

/** The paper's slowest row moves a megabyte a second. */
const TIMEOUT_MS = 600_000;
/** busybox's shell takes an applet of its own for a name without a folder, and that one says no rate. */
const GUEST_DD = '/bin/dd';
const PLAIN_WORDS = { LC_ALL: 'C', PATH: '/usr/sbin:/usr/bin:/sbin:/bin' };

export async function sampleHost(
  context: SampleContext,
  target: Target,
  row: SampledRow,
): Promise<Sample> {
  const { commands, clock, signal } = context;
  await prepare(context, target, row);
  const program = programFor(context, target.path, row);
  const [file, ...args] = hostCommand(context, program);
  const options = { timeoutMs: TIMEOUT_MS, signal, env: PLAIN_WORDS };
  const { result: ran, work } = await watchHost({ clock }, () =>
    target.watch(() => commands.run(file, args, options)),
  );
  const { result, seen } = ran;
  return { ...sampleOf(program.parse(`${result.stdout}\n${result.stderr}`), seen), ...work };
}

export interface GuestPlace {
  guest: LabGuest;
  /** The guest's path of its disk. */
  device: string;
}

export async function sampleGuest(
  context: SampleContext,
  target: Target,
  row: SampledRow,
  { guest, device }: GuestPlace,
): Promise<Sample> {
  const { clock } = context;
  await prepare(context, target, row);
  await guest.dropCaches();
  // One guest has the rows that want it and those that do not, one after the other.
  await guest.run(sendsFrom(row.dirtyBackgroundBytes));
  const program = programFor(context, device, row);
  const { tool, args } = program;
  const command = tool === 'dd' ? `${GUEST_DD} ${args.join(' ')}` : guestToolCommand(tool, args);
  const before = await readThreads(guest.pid);
  const startedMs = clock.monotonicMs();
  const { result: ran, work } = await watchHost({ clock, pid: guest.pid }, () =>
    target.watch(() => guest.run(command, TIMEOUT_MS)),
  );
  const { result, seen } = ran;
  const intervalMs = clock.monotonicMs() - startedMs;
  const after = await readThreads(guest.pid);
  const outcome = program.parse(result);
  const share = (names: RegExp, ms: number) =>
    busiestShare(before, after, { intervalMs: ms, names });
  return {
    ...sampleOf(outcome, seen),
    ...work,
    guestBusy: share(PROCESSOR_THREADS, intervalMs),
    // While the program begins there is nothing to serve.
    servingBusy: share(SERVING_THREADS, Math.min(intervalMs, workMsOf(outcome))),
    guestWaiting: waitingShare(before, after, { intervalMs, names: PROCESSOR_THREADS }),
  };
}

/** Enough for every path of the guest's kernel to be taken once: an emulator translates it then. */
const WARM_UP_BYTES = 2 * MIB;

/** What comes first in a guest takes longer than all that follows. */
export async function warmUp(
  context: SampleContext,
  target: Target,
  row: SampledRow,
  { guest, device }: GuestPlace,
): Promise<void> {
  // Records that are read have to be there, in full.
  if (groupOf(row.workload) !== 'dd') return;
  forgetRecords(context, target, row);
  const { args } = programFor({ ...context, sizeBytes: WARM_UP_BYTES }, device, row);
  await guest.run(`${GUEST_DD} ${args.join(' ')}`, TIMEOUT_MS);
}

/** Linux takes what was written last, the bytes or its own ten percent of the memory. */
function sendsFrom(bytes: number | undefined): string {
  return bytes === undefined
    ? 'echo 10 > /proc/sys/vm/dirty_background_ratio'
    : `echo ${bytes} > /proc/sys/vm/dirty_background_bytes`;
}

async function prepare(context: SampleContext, target: Target, row: SampledRow): Promise<void> {
  const { direction, workload } = row;
  await target.prepare(direction);
  forgetRecords(context, target, row);
  if (workload === 'hadoop' && direction === 'read') await layOut(context, target);
  await forgetPages(context.commands, target.path);
}

function forgetRecords({ records }: SampleContext, target: Target, { direction }: SampledRow) {
  if (direction === 'write') records.delete(bytesOf(target));
}

function bytesOf({ bytesFile, path }: Target): string {
  return bytesFile ?? path;
}

/** Past the model and past whatever mixes writes up: what is read has to be what was written. */
async function layOut(context: SampleContext, target: Target): Promise<void> {
  const { records, sizeBytes } = context;
  if (records.get(bytesOf(target)) === sizeBytes) return;
  const args = layOutArguments(bytesOf(target), sizeBytes);
  const [file, ...rest] = hostToolCommand(context.tools, 'record-streams', args);
  await context.commands.run(file, rest, { timeoutMs: TIMEOUT_MS, signal: context.signal });
  records.set(bytesOf(target), sizeBytes);
}

function programFor(
  { sizeBytes: bytes, seconds }: Pick<SampleContext, 'sizeBytes' | 'seconds'>,
  path: string,
  row: SampledRow,
): Program {
  return programOf({ ...row, path, bytes, seconds });
}

function hostCommand(
  { tools }: SampleContext,
  { tool, args }: Program,
): [file: string, ...args: string[]] {
  return tool === 'dd' ? ['dd', ...args] : hostToolCommand(tools, tool, args);
}

function sampleOf(outcome: Outcome, seen: TargetSeen): Sample {
  const { mbps, bytes, iops, latencyMs } = outcome;
  return {
    ...{ mbps, seen: seenDuring(outcome, seen), amplification: seen.bytes / bytes },
    ...(seen.requestMs === undefined ? {} : { requestMs: seen.requestMs }),
    ...(iops === undefined ? {} : { iops }),
    ...(latencyMs === undefined ? {} : { latencyMs }),
  };
}

/** In the interval of the rate: before a program begins its work and after it there is no request. */
export function seenDuring(outcome: Outcome, seen: TargetSeen): TargetSeen {
  const { intervalMs, queueDepth, utilisation } = seen;
  const workMs = workMsOf(outcome);
  if (intervalMs === undefined || workMs <= 0 || workMs >= intervalMs) return seen;
  const times = intervalMs / workMs;
  return {
    ...{ ...seen, intervalMs: workMs },
    queueDepth: times * queueDepth,
    utilisation: Math.min(1, times * utilisation),
  };
}
