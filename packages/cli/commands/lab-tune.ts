// Owns `ironbark lab tune`: measures what this host's disk can do and which engine gets most of it, and writes it down for
// the node, which opens new disks by it.

import { statfs } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import {
  CALIBRATION_FILE,
  type CalibrationFinding,
  type IoCalibration,
} from '@ironbark/core/io-calibration.ts';
import { MIB, renderBytes } from '@ironbark/core/units.ts';
import { whyNoLabDisk } from '@ironbark/lab/disk/lab-requirements.ts';
import { namedProfile } from '@ironbark/lab/profiles/lab-profile.ts';
import { calibrationRows } from '@ironbark/lab/tune/candidates.ts';
import {
  CalibrationError,
  calibrationOf,
  type EngineScore,
} from '@ironbark/lab/tune/choose-engine.ts';
import { calibrateHost } from '@ironbark/lab/tune/host-calibration.ts';
import { pathOf, pathRows } from '@ironbark/lab/tune/path-rates.ts';
import { readUplink } from '@ironbark/node/host/uplink.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import { exists, replaceFile } from '@ironbark/platform/files.ts';
import type { CliContext } from '../context.ts';
import { dataPaths } from '../daemon/paths.ts';
import { ensurePackages, LAB_NETWORK_PACKAGES } from '../host-packages.ts';
import { INTERRUPTED } from '../interrupts.ts';
import { measureLab } from '../lab-measure.ts';
import { Problem } from '../problem.ts';

export interface LabTuneFlags {
  dryRun?: boolean;
  /** Without it neither root nor the lab's guest is needed. */
  guest: boolean;
}

interface Tuned {
  calibration: IoCalibration;
  /** By guests; empty without one. */
  scores: EngineScore[];
  tookSeconds: number;
  load: readonly [number, number];
  /** Undefined with --dry-run, and on a busy host. */
  writtenTo?: string;
}

const SIZE_BYTES = 128 * MIB;
const SECONDS = 2;
const BUSY =
  'There was more to run than this host has processors, so which engine came out fastest says little: try again when it is quiet.';

export async function tuneHost(
  context: CliContext,
  flags: LabTuneFlags,
  path: string,
): Promise<number> {
  const { node } = dataPaths(context.dataDir);
  await requireRoom(context, node, flags);
  const beganMs = context.clock.monotonicMs();
  const loadBefore = loadavg()[0]!;
  const found = flags.guest ? await tuneByGuest(context, path) : { scores: [] };
  if (found === undefined) return INTERRUPTED;
  const calibration = await tuneByHost(context, node, found);
  const tuned: Tuned = {
    ...{ calibration, scores: found.scores, load: [loadBefore, loadavg()[0]!] },
    tookSeconds: (context.clock.monotonicMs() - beganMs) / 1_000,
  };
  const isBusy = loadBefore > cpus().length;
  if (flags.dryRun !== true && !isBusy) {
    tuned.writtenTo = join(node, CALIBRATION_FILE);
    await replaceFile(tuned.writtenTo, `${JSON.stringify(calibration, undefined, 2)}\n`);
  }
  context.terminal.result(tuned, () => render(tuned));
  if (isBusy) context.terminal.warn(BUSY);
  return isBusy && flags.dryRun !== true ? 1 : 0;
}

interface FoundByGuest {
  calibration?: IoCalibration;
  scores: EngineScore[];
}

/** Undefined when it was interrupted. */
async function tuneByGuest(context: CliContext, path: string): Promise<FoundByGuest | undefined> {
  await ensurePackages(context, { wanted: LAB_NETWORK_PACKAGES, path, yes: false });
  const report = await measureLab(context, {
    ...{ rows: { disk: calibrationRows(), network: pathRows() }, profile: namedProfile('native') },
    // On the disk that the cloud's own volumes are on.
    ...{ scratch: context.dataDir, sizeBytes: SIZE_BYTES, seconds: SECONDS, repeat: 1 },
    // Engines are held against each other.
    isHeldAgainstHost: false,
  });
  if (report.isInterrupted) return undefined;
  const { rows, network } = report;
  const found = await explained(() => calibrationOf(rows, renderTime(context.clock.nowMs())));
  const pathRates = pathOf(network);
  const { calibration } = found;
  return pathRates === undefined
    ? found
    : { ...found, calibration: { ...calibration, path: pathRates } };
}

/** The other candidates, and without a guest the engines too. */
async function tuneByHost(
  context: CliContext,
  node: string,
  { calibration: known, scores }: FoundByGuest,
): Promise<IoCalibration> {
  const { terminal, commands, clock } = context;
  const byGuest = known === undefined ? {} : { engine: engineFinding(known, scores), rates: known };
  const found = await terminal.step('Measuring without a guest', async () =>
    explained(async () =>
      calibrateHost({
        ...{ commands, clock, folder: join(node, 'calibration-by-hand'), ...byGuest },
        ...{ signal: context.takeInterrupts(), proceed: async () => {} },
        ...{ processors: cpus().length, network: await readUplink(commands) },
        measuredAt: renderTime(clock.nowMs()),
      }),
    ),
  );
  return known === undefined ? found : { ...found, ...known, measuredBy: 'guest' };
}

function engineFinding(
  { aio, reason }: IoCalibration,
  scores: readonly EngineScore[],
): CalibrationFinding {
  const measured = Object.fromEntries(scores.map((one) => [one.aio, one.iops]));
  const unit = 'requests/s';
  return { name: 'engine', chosen: aio, measured, unit, reason, by: 'measurement' };
}

async function explained<Result>(work: () => Result | Promise<Result>): Promise<Result> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof CalibrationError) throw new Problem(error.message);
    throw error;
  }
}

async function requireRoom(
  context: CliContext,
  folder: string,
  { guest }: LabTuneFlags,
): Promise<void> {
  const why = guest ? await whyNoLabDisk() : undefined;
  if (why !== undefined) {
    throw new Problem(why, [
      `run it as root: sudo ${context.self} lab tune`,
      `or without a guest: ${context.self} lab tune --no-guest`,
    ]);
  }
  if (!(await exists(folder))) {
    const advice = [`${context.self} up makes it`, '--data-dir names that of another cloud'];
    throw new Problem(`there is no node in ${context.dataDir}`, advice);
  }
  const { bavail, bsize } = await statfs(folder);
  if (bavail * bsize >= 4 * SIZE_BYTES) return;
  throw new Problem(`${folder} has less than ${renderBytes(4 * SIZE_BYTES)} free`);
}

function render({ calibration, tookSeconds, load, writtenTo }: Tuned): string {
  const { readBytesPerSecond, writeBytesPerSecond, aio, reason, path } = calibration;
  const rate = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB/s`;
  return [
    `The disk of ${calibration.measuredAt}: ${rate(readBytesPerSecond)} read, ${rate(writeBytesPerSecond)} written, one request after the other.`,
    `Disks are opened with ${aio}. ${reason}`,
    ...(calibration.findings ?? []).flatMap(({ name, chosen, reason: why }) =>
      name === 'engine' ? [] : [`${name}: ${chosen}. ${why}`],
    ),
    ...(path === undefined
      ? []
      : [
          `One TCP stream between host and guests: ${gigabits(path.outBitsPerSecond)} to the host, ${gigabits(path.inBitsPerSecond)} from it.`,
        ]),
    ...(calibration.warnings ?? []).map(({ name, sentence }) => `KNOWN BAD, ${name}: ${sentence}`),
    `Measured in ${tookSeconds.toFixed(0)} s at load ${load[0].toFixed(1)} to ${load[1].toFixed(1)}.`,
    writtenTo === undefined
      ? 'Nothing was written down.'
      : `Written to ${writtenTo}: the node goes by it from the next disk on.`,
  ].join('\n');
}

function gigabits(bitsPerSecond: number): string {
  return `${(bitsPerSecond / 1e9).toFixed(1)} Gb/s`;
}
