// Owns what the host sees while a disk is measured on demand: the counters of the guest's disk, of the host's own disk
// below it, and how busy processors were.

import { cpus } from 'node:os';
import { join } from 'node:path';
import type { InstanceId } from '@ironbark/core/ids.ts';
import {
  CALIBRATION_FILE,
  type DeviceRates,
  parseCalibration,
} from '@ironbark/core/io-calibration.ts';
import { DIRECT, type DiskProfile, guestProfile } from '@ironbark/core/io-profile.ts';
import { figuresOf, type VolumeFigures } from '@ironbark/core/volume-figures.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { explain } from '@ironbark/lab/explain/explain.ts';
import type { Observation } from '@ironbark/lab/explain/observation.ts';
import { observeVolume } from '@ironbark/lab/explain/volume-observation.ts';
import type { JobOutcome } from '@ironbark/lab/measure/measure-jobs.ts';
import type { JobName, MeasureSeen, SeenDisk } from '@ironbark/lab/measure/measure-result.ts';
import type { Ran } from '@ironbark/lab/measure/measure-session.ts';
import type { Watched } from '@ironbark/lab/measure/run-measure.ts';
import { type HostDiskSeen, watchDiskOf } from '@ironbark/lab/seen/host-disk.ts';
import {
  busiestShare,
  PROCESSOR_THREADS,
  readThreads,
  SERVING_THREADS,
  type ThreadBusy,
  waitingShare,
} from '@ironbark/lab/seen/threads.ts';
import type { DiskStats } from '@ironbark/node/drivers/hypervisor-driver.ts';
import { readFileIfPresent, statIfPresent } from '@ironbark/platform/files.ts';
import { findProcesses } from '@ironbark/platform/processes.ts';
import type { CliContext } from './context.ts';
import { dataPaths } from './daemon/paths.ts';
import type { InstancePlace } from './measure-places.ts';

export type Watch = (job: JobName, work: () => Promise<Ran>) => Promise<Watched>;

const MEGA = 1e6;
const MS_PER_SECOND = 1_000;
/** Less of what was moved than this reached a disk: whatever it saw does not explain the rate. */
const LEAST_AT_DISK = 0.05;

/** A host's own disk, by the place that is measured. */
export async function watchHost(context: CliContext, path: string): Promise<Watch> {
  const { node } = dataPaths(context.dataDir);
  const [measured, own] = await Promise.all([statIfPresent(path), statIfPresent(node)]);
  // What was measured once is another disk's unless both are of one file system.
  const isSame = measured?.isDirectory() === true && measured.dev === own?.dev;
  const rates = isSame ? await readRates(context) : undefined;
  return async (job, work) => {
    const processors = watchProcessors();
    const { result: ran, seen } = await watchDiskOf(path, context.clock, work);
    const hostProcessor = processors();
    return {
      ran,
      describe: ({ mbps }) => ({
        ...(seen === undefined ? {} : { host: seenOf(seen) }),
        hostProcessor,
        ...ratioOf(job, mbps, rates),
      }),
    };
  };
}

export async function watchInstance(context: CliContext, place: InstancePlace): Promise<Watch> {
  const rates = await readRates(context);
  const pid = await findGuest(place.id);
  return async (job, work) => {
    const readStats = () => place.daemon.diskStats({ instanceId: place.id });
    const before = { stats: await readStats(), atMs: context.clock.monotonicMs() };
    const threads = await threadsOf(pid);
    const processors = watchProcessors();
    const { result: ran, seen: host } = await watchDiskOf(context.dataDir, context.clock, work);
    const hostProcessor = processors();
    const threadsAfter = await threadsOf(pid);
    // A guest that has ended in the meantime has no counters: its session says so.
    const stats = await readStats().catch(() => []);
    const intervalMs = context.clock.monotonicMs() - before.atMs;
    const moved = busiestDisk(before.stats, stats);
    const guest =
      threads && threadsAfter && sharesOf({ before: threads, after: threadsAfter, intervalMs });
    const setting = moved && (await settingOf(place, moved.serial));
    return {
      ran,
      describe: (outcome) => {
        const { mbps } = outcome;
        const intervalSeconds = secondsOf(outcome, intervalMs / MS_PER_SECOND);
        const figures = moved && figuresOf(moved.then, moved.now, { intervalSeconds });
        const isUncounted = figures !== undefined && !hasReached(figures, outcome);
        const disk = isUncounted ? undefined : figures && { serial: moved.serial, figures };
        const own = setting?.isElsewhere === true ? undefined : rates;
        const seen: MeasureSeen = {
          ...(disk === undefined ? {} : { disk: diskOf(disk) }),
          ...(isUncounted ? { isUncounted } : {}),
          ...(host === undefined || setting?.isElsewhere === true ? {} : { host: seenOf(host) }),
          hostProcessor,
          ...(guest === undefined ? {} : { guest }),
          ...ratioOf(job, mbps, own),
        };
        if (disk === undefined || setting === undefined) return seen;
        return { ...seen, ...explained({ job, mbps, disk, setting, seen, rates: own }) };
      },
    };
  };
}

/** What the node's calibration has found of the disk below the data folder. */
async function readRates({ dataDir }: CliContext): Promise<DeviceRates | undefined> {
  const path = join(dataPaths(dataDir).node, CALIBRATION_FILE);
  const text = await readFileIfPresent(path).catch(() => undefined);
  return text && parseCalibration(text.toString());
}

/** Small requests at random have nothing to do with what the host gets in order. */
function hostRateOf({ name, direction }: JobName, rates: DeviceRates | undefined) {
  if (rates === undefined || /^(fio-random|apart)/.test(name)) return undefined;
  return direction === 'read' ? rates.readBytesPerSecond : rates.writeBytesPerSecond;
}

function ratioOf(job: JobName, mbps: number, rates: DeviceRates | undefined) {
  const hostRate = hostRateOf(job, rates);
  return hostRate === undefined ? {} : { ratio: (mbps * MEGA) / hostRate };
}

function watchProcessors(): () => number {
  const before = readProcessors();
  return () => {
    const after = readProcessors();
    const all = after.all - before.all;
    return all <= 0 ? 0 : 1 - (after.idle - before.idle) / all;
  };
}

function readProcessors(): { all: number; idle: number } {
  const times = cpus().map((each) => each.times);
  const idle = times.reduce((sum, each) => sum + each.idle, 0);
  const all = times.reduce(
    (sum, { user, nice, sys, irq, idle: own }) => sum + user + nice + sys + irq + own,
    0,
  );
  return { all, idle };
}

async function findGuest(id: InstanceId): Promise<number | undefined> {
  const found = await findProcesses((argument) => argument.includes(id));
  return found.find(({ argv }) => argv[0]?.includes('qemu-system') === true)?.pid;
}

type Threads = ReadonlyMap<string, ThreadBusy>;

/** Undefined where this user may not look. */
async function threadsOf(pid: number | undefined): Promise<Threads | undefined> {
  return pid === undefined ? undefined : await readThreads(pid).catch(() => undefined);
}

function sharesOf({
  before,
  after,
  intervalMs,
}: {
  before: Threads;
  after: Threads;
  intervalMs: number;
}) {
  const share = (names: RegExp) => busiestShare(before, after, { intervalMs, names });
  return {
    processor: share(PROCESSOR_THREADS),
    serving: share(SERVING_THREADS),
    waiting: waitingShare(before, after, { intervalMs, names: PROCESSOR_THREADS }),
  };
}

/** The disk that was measured, with its counters before and after. */
interface MovedDisk {
  serial: string;
  then: DiskStats;
  now: DiskStats;
}

interface BusyDisk {
  serial: string;
  figures: VolumeFigures;
}

/** Nobody but the guest knows which one was measured, and its word is not needed for it. */
function busiestDisk(
  before: readonly DiskStats[],
  after: readonly DiskStats[],
): MovedDisk | undefined {
  const disks = after.flatMap((now) => {
    const then = before.find(({ serial }) => serial === now.serial);
    return then === undefined ? [] : [{ serial: now.serial, then, now }];
  });
  const moved = ({ then, now }: MovedDisk) =>
    now.readBytes - then.readBytes + now.writeBytes - then.writeBytes;
  return disks.toSorted((a, b) => moved(b) - moved(a))[0];
}

/**
 * How long the program itself says that it moved bytes: the way of the command to the guest and back is no idleness of
 * its disk. Of Hadoop's tasks nobody knows when they did; nor does one that lies get more than the interval.
 */
function secondsOf({ bytes, mbps, dfsio }: JobOutcome, intervalSeconds: number): number {
  const seconds = bytes / (mbps * MEGA);
  const isKnown = dfsio === undefined && seconds > 0;
  return isKnown ? Math.min(seconds, intervalSeconds) : intervalSeconds;
}

/** A page cache may have had it all, or a disk that the guest drives itself. */
function hasReached(figures: VolumeFigures, { bytes }: JobOutcome): boolean {
  return bytesOf(figures) >= LEAST_AT_DISK * bytes;
}

function bytesOf({ VolumeReadBytes, VolumeWriteBytes }: VolumeFigures): number {
  return VolumeReadBytes + VolumeWriteBytes;
}

function diskOf({ serial, figures }: BusyDisk): SeenDisk {
  const { intervalSeconds } = figures;
  const latency = (seconds: number, ops: number) =>
    ops === 0 ? undefined : (MS_PER_SECOND * seconds) / ops;
  return {
    disk: serial,
    requestSectors: figures.averageRequestSectors,
    queueDepth: figures.averageQueueDepth,
    utilisation: figures.utilisation,
    readBytesPerSecond: figures.VolumeReadBytes / intervalSeconds,
    writeBytesPerSecond: figures.VolumeWriteBytes / intervalSeconds,
    readLatencyMs: latency(figures.VolumeTotalReadTime, figures.VolumeReadOps),
    writeLatencyMs: latency(figures.VolumeTotalWriteTime, figures.VolumeWriteOps),
  };
}

function seenOf({ device, figures }: HostDiskSeen): SeenDisk {
  return { disk: device, ...figures };
}

interface Setting {
  profile: DiskProfile;
  limits: VolumeLimits;
  store: 'preallocated-file' | 'volume';
  isElsewhere: boolean;
}

const NO_LIMITS: VolumeLimits = {
  iops: Number.POSITIVE_INFINITY,
  bytesPerSecond: Number.POSITIVE_INFINITY,
  operationBytes: Number.POSITIVE_INFINITY,
};

async function settingOf({ daemon, id }: InstancePlace, serial: string): Promise<Setting> {
  const { node } = await daemon.status();
  const instance = node.instances.find((each) => each.id === id);
  const volumes = serial.startsWith('vol-') ? await daemon.volumes() : [];
  const volume = volumes.find((each) => each.volumeId === serial && each.instanceId === id);
  if (volume === undefined) {
    const profile = instance?.rootDiskProfile ?? DIRECT;
    return { profile, limits: NO_LIMITS, store: 'preallocated-file', isElsewhere: false };
  }
  const observed = instance?.volumes.find(({ volumeId }) => volumeId === serial)?.profile;
  const usual = volume.attachMode === 'guest' ? guestProfile(volume.transport ?? 'aoe') : DIRECT;
  const { limits, isElsewhere = false } = volume;
  return { profile: observed ?? usual, limits, store: 'volume', isElsewhere };
}

interface Explaining {
  job: JobName;
  mbps: number;
  disk: BusyDisk;
  setting: Setting;
  seen: MeasureSeen;
  rates: DeviceRates | undefined;
}

function explained({
  job,
  mbps,
  disk,
  setting,
  seen,
  rates,
}: Explaining): Pick<MeasureSeen, 'explanation'> {
  const { figures } = disk;
  const hostRate = hostRateOf(job, rates);
  const observed = observeVolume({ figures, ...setting });
  const isCached = !job.name.startsWith('fio-');
  const readAheadBytes = isCached ? observed.setting.readAheadBytes : Number.POSITIVE_INFINITY;
  const observation: Observation = {
    ...observed,
    ...{ direction: job.direction, guestRate: mbps * MEGA, isCached },
    ...(hostRate === undefined ? {} : { hostRate }),
    ...(seen.guest === undefined
      ? {}
      : { processor: { ...seen.guest, guest: seen.guest.processor } }),
    setting: { ...observed.setting, store: setting.store, readAheadBytes },
  };
  return { explanation: explain(observation) };
}
