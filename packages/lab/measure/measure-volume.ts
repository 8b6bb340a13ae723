// Owns measuring a volume that no instance has, at the socket at which its target serves it: by QEMU's own NBD client, which is
// what a guest's disk is opened with, and past every page cache but the storage's. What is in it is looked at before it is
// written over.

import { KIB, MIB } from '@ironbark/core/units.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { CommandOptions, Commands } from '@ironbark/platform/commands.ts';
import { NbdClient } from '@ironbark/platform/nbd/client.ts';
import { explain } from '../explain/explain.ts';
import type { Direction } from '../paper/paper-rows.ts';
import { sentenceOf } from '../run/reasons.ts';
import { type Bench, benchArguments, parseBench } from '../tune/host-bench.ts';
import { BLOCK_BYTES } from '../workloads/dd.ts';
import type { JobOutcome } from './measure-jobs.ts';
import { type JobName, type MeasureSample, rowOf } from './measure-result.ts';
import type { Ran } from './measure-session.ts';
import type { MeasureOutcome, Watched } from './run-measure.ts';

/** In the shape of dd's requests, and of fio's jobs: nothing runs where there is no file system. */
export type VolumeWorkload = 'dd' | 'fio';

export interface ServedVolume {
  socketPath: string;
  exportName: string;
  limits?: VolumeLimits;
}

export interface VolumePlan {
  workload: VolumeWorkload;
  directions: readonly Direction[];
  /** From the volume's beginning on; nothing is read or written beyond. Whole mebibytes. */
  sizeBytes: number;
  /** Of each job that has no end. */
  seconds: number;
}

export interface VolumeRun {
  commands: Commands;
  clock: Clock;
  volume: ServedVolume;
  plan: VolumePlan;
  repeat: number;
  signal: AbortSignal;
  onProgress(text: string): void;
  /** Runs the work, and looks at what the host sees meanwhile. */
  watch(job: JobName, work: () => Promise<Ran>): Promise<Watched>;
}

export interface VolumeJob extends JobName {
  blockBytes: number;
  depth: number;
  /** From one request to the next; the block's own size when absent. */
  stepBytes?: number;
  /** All of the size is moved once, instead of so many requests as fit into the time. */
  isWhole: boolean;
}

/** Not next to each other, as requests at random are not: QEMU's own program has none at random. */
const APART = { blockBytes: 4 * KIB, stepBytes: 68 * KIB, isWhole: false } as const;
const JOBS: Readonly<Record<VolumeWorkload, readonly Omit<VolumeJob, 'direction'>[]>> = {
  dd: [{ name: 'in-order', blockBytes: BLOCK_BYTES, depth: 1, isWhole: true }],
  fio: [
    { name: 'in-order-qd16', blockBytes: BLOCK_BYTES, depth: 16, isWhole: false },
    { name: 'apart-qd1', depth: 1, ...APART },
    { name: 'apart-qd16', depth: 16, ...APART },
  ],
};

/** Those that write come first. */
export function volumeJobs({ workload, directions }: VolumePlan): VolumeJob[] {
  const ways = (['write', 'read'] as const).filter((way) => directions.includes(way));
  return ways.flatMap((direction) => JOBS[workload].map((job) => ({ ...job, direction })));
}

const LEFT_OUT = 'It was ended before this.';

/** Whatever ends it, what was measured until then stays. */
export async function measureVolume(run: VolumeRun): Promise<MeasureOutcome> {
  const { plan, repeat, signal, onProgress } = run;
  const jobs = volumeJobs(plan);
  const samples = new Map<VolumeJob, MeasureSample[]>(jobs.map((job) => [job, []]));
  let failure: string | undefined;
  try {
    for (let round = 1; round <= repeat; round += 1) {
      for (const job of jobs) {
        onProgress(`${job.name} ${job.direction}${repeat === 1 ? '' : `, round ${round}`}`);
        samples.get(job)!.push(await takeSample(run, job));
      }
    }
  } catch (error) {
    if (!signal.aborted) failure = sentenceOf(error);
  }
  const rows = jobs.map((job) => {
    const taken = samples.get(job)!;
    return rowOf(job, taken, taken.length < repeat ? LEFT_OUT : undefined);
  });
  return { rows, ...(failure === undefined ? {} : { failure }) };
}

/** Enough to tell how many fit into the time. */
const FIRST_COUNT = 64;
const MOST_COUNT = 1_000_000;
/** What serves the volume may be a megabyte a second. */
const LEAST_BYTES_PER_SECOND = 0.5e6;
const BASE_TIMEOUT_MS = 60_000;
/** Zeros may be left out by whoever is to write them. */
const PATTERN = 0xa5;

async function takeSample(run: VolumeRun, job: VolumeJob): Promise<MeasureSample> {
  const { plan, signal, volume } = run;
  const { blockBytes } = job;
  const bench = benchOf(volume, plan, job);
  const isWritten = job.direction === 'write';
  const besidesMs = isWritten ? await timeBesides(run, { ...bench, direction: 'read' }) : undefined;
  const runFor = async (count: number): Promise<Ran & { seconds: number }> => {
    const movedMs = Math.ceil((1_000 * count * blockBytes) / LEAST_BYTES_PER_SECOND);
    const options = { timeoutMs: BASE_TIMEOUT_MS + movedMs, signal };
    const { stdout, exitCode, seconds } = await runBench(run, benchArguments(bench, count), {
      options,
      besidesMs,
    });
    return { text: stdout, exitCode, tookMs: 1_000 * seconds, seconds };
  };
  const count = job.isWhole
    ? plan.sizeBytes / blockBytes
    : countFor(plan.seconds, (await runFor(FIRST_COUNT)).seconds);
  let seconds = 0;
  const { describe } = await run.watch(job, async () => {
    const ran = await runFor(count);
    seconds = ran.seconds;
    return ran;
  });
  const bytes = count * blockBytes;
  const outcome: JobOutcome = {
    ...{ mbps: bytes / seconds / 1e6, bytes },
    ...(job.isWhole ? {} : { iops: count / seconds }),
  };
  return { ...outcome, seen: { ...describe(outcome), ...heldBy(volume, job, outcome.mbps) } };
}

/**
 * The time that the program says ends before its last flush, which it does when it closes the volume. What is written counts
 * once it is on the disk: so it is the time of the whole process, less what a process takes that moves next to nothing.
 */
async function runBench(
  { commands, clock }: Pick<VolumeRun, 'commands' | 'clock'>,
  args: readonly string[],
  { options, besidesMs }: { options: CommandOptions; besidesMs: number | undefined },
) {
  const startedMs = clock.monotonicMs();
  const { stdout, exitCode } = await commands.run('qemu-img', args, options);
  const wholeMs = clock.monotonicMs() - startedMs;
  const said = parseBench(stdout);
  const seconds = besidesMs === undefined ? said : Math.max(said, (wholeMs - besidesMs) / 1_000);
  return { stdout, exitCode, seconds, besidesMs: wholeMs - 1_000 * said };
}

/** What starting and ending a process takes that reads one block. */
async function timeBesides(run: VolumeRun, bench: Bench): Promise<number> {
  const options = { timeoutMs: BASE_TIMEOUT_MS, signal: run.signal };
  const args = benchArguments(bench, 1);
  return (await runBench(run, args, { options, besidesMs: undefined })).besidesMs;
}

function countFor(seconds: number, firstSeconds: number): number {
  const count = Math.ceil((FIRST_COUNT * seconds) / firstSeconds);
  return Math.min(MOST_COUNT, Math.max(FIRST_COUNT, count));
}

/** QEMU's: a comma ends one of them, two are one. */
function optionsOf({ socketPath, exportName }: ServedVolume, { sizeBytes }: VolumePlan): string {
  return [
    ...['driver=raw', `size=${sizeBytes}`, 'file.driver=nbd', 'file.server.type=unix'],
    ...[`file.server.path=${socketPath.replaceAll(',', ',,')}`, `file.export=${exportName}`],
  ].join(',');
}

interface Extent {
  length: number;
  zero: boolean;
}

/**
 * How much of what was measured nobody has written, 0 to 1: reading it is answered from the map of the volume, past its disk and
 * its limits.
 */
export async function unwrittenShare({
  commands,
  volume,
  plan,
  signal,
}: Pick<VolumeRun, 'commands' | 'volume' | 'plan' | 'signal'>): Promise<number> {
  const args = ['map', '--output=json', '--image-opts', optionsOf(volume, plan)];
  const { stdout } = await commands.run('qemu-img', args, { timeoutMs: BASE_TIMEOUT_MS, signal });
  const holes = (JSON.parse(stdout) as Extent[]).filter(({ zero }) => zero);
  return holes.reduce((sum, { length }) => sum + length, 0) / plan.sizeBytes;
}

function benchOf(
  volume: ServedVolume,
  plan: VolumePlan,
  { direction, blockBytes, depth, stepBytes }: VolumeJob,
): Bench {
  return {
    ...{ path: optionsOf(volume, plan), isOptions: true, aio: 'threads', cache: 'none' },
    ...{ direction, blockBytes, depth, pattern: PATTERN },
    ...(stepBytes === undefined ? {} : { stepBytes }),
  };
}

/** What is further above a limit was answered past it, or was short enough to be let through. */
const BEYOND = 1.1;

/** The volume's own limit, where that is what holds it: what else is in its way nobody is there to show. */
function heldBy({ limits }: ServedVolume, job: VolumeJob, mbps: number) {
  if (limits === undefined) return {};
  const { iops, bytesPerSecond, operationBytes } = limits;
  const { direction, blockBytes, depth } = job;
  const operations = Math.max(1, blockBytes / operationBytes);
  const most = Math.min(bytesPerSecond, (iops / operations) * blockBytes);
  if (mbps * 1e6 > BEYOND * most) return {};
  const explanation = explain({
    ...{ direction, guestRate: mbps * 1e6, setting: { store: 'volume' } },
    seen: { requestSectors: blockBytes / 512, queueDepth: depth, utilisation: 1 },
    limit: { iops: iops / operations, bytesPerSecond },
  });
  return explanation.cause?.name === 'limit' ? { explanation } : {};
}

const LOOK_BYTES = MIB;
const CONNECT_TIMEOUT_MS = 10_000;

/** Where the first byte is that is not zero, of what would be written over and of the volume's end; undefined: nowhere. */
export async function findData(
  { socketPath, exportName }: ServedVolume,
  { sizeBytes, signal, clock }: { sizeBytes: number; signal: AbortSignal; clock: Clock },
): Promise<number | undefined> {
  const client = await NbdClient.connect({ socketPath, exportName, clock }, CONNECT_TIMEOUT_MS);
  const stop = () => client.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    signal.throwIfAborted();
    const end = Math.max(sizeBytes, client.sizeBytes - LOOK_BYTES);
    return (
      (await firstByteIn(client, 0, sizeBytes)) ??
      (await firstByteIn(client, end, client.sizeBytes))
    );
  } finally {
    signal.removeEventListener('abort', stop);
    client.close();
  }
}

const ALL_ZERO = Buffer.alloc(LOOK_BYTES);

async function firstByteIn(
  client: NbdClient,
  from: number,
  to: number,
): Promise<number | undefined> {
  const piece = Buffer.alloc(LOOK_BYTES);
  for (let at = from; at < to; at += LOOK_BYTES) {
    const part = piece.subarray(0, Math.min(LOOK_BYTES, to - at));
    await client.read(at, [part]);
    if (!part.equals(ALL_ZERO.subarray(0, part.length))) {
      return at + part.findIndex((byte) => byte !== 0);
    }
  }
  return undefined;
}
