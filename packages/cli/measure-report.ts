// Owns how a measurement on demand is shown to people.

import { renderBytes } from '@ironbark/core/units.ts';
import type { MeasureWorkload } from '@ironbark/lab/measure/measure-plan.ts';
import type { MeasureRow, MeasureSeen, SeenDisk } from '@ironbark/lab/measure/measure-result.ts';
import type { MeasureOutcome } from '@ironbark/lab/measure/run-measure.ts';

export interface Measured extends MeasureOutcome {
  format: 'ironbark-lab-measure/1';
  /** An instance's id, a volume's, or `host`. */
  target: string;
  /** Absent: the home of the user who logs in; of a volume, all of it. */
  path?: string;
  workload: MeasureWorkload;
  /** Of a volume that was read: how much of it nobody has written, 0 to 1. */
  unwrittenShare?: number;
  sizeBytes: number;
  repeat: number;
  /** Of the host, before and after. */
  load: readonly [number, number];
  rows: MeasureRow[];
  isInterrupted: boolean;
}

const WHAT = {
  dd: 'dd in blocks of 64 KiB; what is written counts once it is on the disk',
  hadoop:
    'two tasks with records of 64 KiB and their checksums; what is written counts once it is on the disk',
  fio: 'fio, past the page cache',
  testdfsio:
    'Hadoop’s TestDFSIO, two files, one after the other; it does not wait for the disk when it writes',
} as const;

const WHAT_OF_VOLUME = {
  dd: 'requests of 64 KiB in order, one at a time',
  fio: 'requests of 64 KiB in order, and of 4 KiB apart from each other',
} as const;

export function renderMeasured(measured: Measured): string {
  const { target, path, workload, sizeBytes, rows, load } = measured;
  const what =
    target.startsWith('vol-') && (workload === 'dd' || workload === 'fio')
      ? `${target}, which no instance has, its first ${renderBytes(sizeBytes)}: ${WHAT_OF_VOLUME[workload]}, by QEMU’s own client`
      : `${target}, ${path ?? 'the home of its user'}: ${renderBytes(sizeBytes)} each, ${WHAT[workload]}`;
  return [
    what,
    ...rows.flatMap((row) => ['', ...renderRow(row)]),
    '',
    ...renderUnwritten(measured),
    `The host’s load was ${load[0].toFixed(1)} to ${load[1].toFixed(1)}.`,
  ].join('\n');
}

const WORTH_A_WORD = 0.01;

function renderUnwritten({ unwrittenShare = 0 }: Measured): string[] {
  if (unwrittenShare < WORTH_A_WORD) return [];
  const percent = Math.round(100 * unwrittenShare);
  return [
    `${percent} % of what was read nobody has written: that is answered past the disk and the volume’s limits, so these reads say little.`,
  ];
}

function renderRow(row: MeasureRow): string[] {
  const { name, direction, mbps, seen, reason } = row;
  const title = `${name} ${direction}`;
  if (mbps === undefined || seen === undefined) return [`${title}: ${reason}`];
  return [
    `${title}: ${mbps.toFixed(1)} MB/s${renderSpread(row)}${renderRatio(seen)}`,
    ...renderMore(row),
    ...renderSeen(seen),
    ...renderShort(row),
    ...(row.isCached === true
      ? ['  nobody there may empty the page cache, so this may not have come from the disk']
      : []),
    ...(reason === undefined ? [] : [`  not every round was measured: ${reason}`]),
    ...(seen.explanation === undefined ? [] : [`  ${seen.explanation.sentence}`]),
    ...(seen.explanation?.remedy === undefined ? [] : [`  ${seen.explanation.remedy}`]),
  ];
}

/** In less, starting up and what a cache takes at first are much of it. */
const SHORT_SECONDS = 1;

function renderShort({ bytes = 0, mbps = 0, iops, dfsio }: MeasureRow): string[] {
  const seconds = bytes / mbps / 1e6;
  if (iops !== undefined || dfsio !== undefined || seconds >= SHORT_SECONDS) return [];
  return [`  it took ${seconds.toFixed(2)} s: a larger --size says more`];
}

function renderSpread({ spread, rounds = 1 }: MeasureRow): string {
  if (spread === undefined || rounds < 2) return '';
  return ` (${spread.lowest.toFixed(1)} to ${spread.highest.toFixed(1)} in ${rounds} rounds)`;
}

function renderRatio({ ratio }: MeasureSeen): string {
  if (ratio === undefined) return '';
  return `, ${(100 * ratio).toFixed(ratio < 0.1 ? 1 : 0)} % of what lab tune measured on the host`;
}

function renderMore({ iops, latencyMs, dfsio }: MeasureRow): string[] {
  const lines: string[] = [];
  if (iops !== undefined) {
    const each =
      latencyMs === undefined
        ? ''
        : `, ${latencyMs.mean.toFixed(2)} ms each, 99 in 100 within ${latencyMs.p99.toFixed(2)} ms`;
    lines.push(`  ${iops.toFixed(0)} requests a second${each}`);
  }
  if (dfsio !== undefined) {
    const { throughput, averageRate, testSeconds } = dfsio;
    lines.push(
      `  as Hadoop says it: throughput ${throughput} MiB/s, average I/O rate ${averageRate} MiB/s, the whole test ${testSeconds} s`,
    );
  }
  return lines;
}

const UNCOUNTED =
  '  next to nothing of it reached a disk that QEMU counts: it stayed in the guest’s memory, or the guest drives that disk itself';

function renderSeen({ disk, isUncounted, host, hostProcessor, guest }: MeasureSeen): string[] {
  const percent = (share: number) => `${Math.round(100 * share)} %`;
  const guests =
    guest === undefined
      ? ''
      : `the guest’s busiest ${percent(guest.processor)}, the thread that serves it ${percent(guest.serving)}, `;
  return [
    ...(isUncounted === true ? [UNCOUNTED] : []),
    ...(disk === undefined ? [] : [`  its disk ${disk.disk}: ${renderDisk(disk)}`]),
    ...(host === undefined ? [] : [`  ${host.disk} of the host: ${renderDisk(host)}`]),
    `  processors: ${guests}the host’s ${percent(hostProcessor)} in use`,
  ];
}

function renderDisk(seen: SeenDisk): string {
  const { requestSectors, queueDepth, utilisation, readLatencyMs, writeLatencyMs } = seen;
  if (requestSectors === 0) return 'nothing reached it';
  const took = [
    ...(readLatencyMs === undefined ? [] : [`reads took ${readLatencyMs.toFixed(1)} ms`]),
    ...(writeLatencyMs === undefined ? [] : [`writes took ${writeLatencyMs.toFixed(1)} ms`]),
  ];
  const depth = queueDepth.toFixed(queueDepth < 10 ? 2 : 0);
  return [
    `requests of ${Math.round(requestSectors)} sectors`,
    `${depth} at a time`,
    `busy ${Math.round(100 * utilisation)} %`,
    ...took,
  ].join(', ');
}
