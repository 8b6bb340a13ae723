// Owns what follows from a calibration: the device's rates, and the engine that new disks are opened with. Pure.

import { CALIBRATION_FORMAT, type IoCalibration } from '@ironbark/core/io-calibration.ts';
import { type AioEngine, DIRECT } from '@ironbark/core/io-profile.ts';
import type { RowResult } from '../run/row-result.ts';
import { GUEST_WORKLOAD, HOST_WORKLOAD } from './candidates.ts';

export interface EngineScore {
  aio: AioEngine;
  /** Requests a second: the geometric mean of reads and writes. */
  iops: number;
}

/** Less is within what one measurement differs from the next: then the default stays. */
export const WORTH_IT = 1.15;
const MEGA = 1e6;

/** What could not be measured; a sentence for people. */
export class CalibrationError extends Error {}

/** Throws CalibrationError when the host's own rates or every engine's are missing. */
export function calibrationOf(
  rows: readonly RowResult[],
  measuredAt: string,
): { calibration: IoCalibration; scores: EngineScore[] } {
  const scores = scoresOf(rows);
  const best = scores[0];
  const reason = rows.find((row) => row.reason !== undefined)?.reason ?? 'Nothing was measured.';
  if (best === undefined) throw new CalibrationError(`no engine could be measured: ${reason}`);
  const rate = (direction: 'read' | 'write') => {
    const isHost = (row: RowResult) => row.vmm === 'none' && row.workload === HOST_WORKLOAD;
    const mbps = rows.find((row) => isHost(row) && row.direction === direction)?.mbps;
    if (mbps === undefined) {
      throw new CalibrationError(`the host’s own disk could not be measured: ${reason}`);
    }
    return Math.round(mbps * MEGA);
  };
  const chosen = choose(scores);
  return {
    scores,
    calibration: {
      ...{ format: CALIBRATION_FORMAT, measuredAt, ...chosen },
      ...{ readBytesPerSecond: rate('read'), writeBytesPerSecond: rate('write') },
    },
  };
}

/** The fastest first. */
function scoresOf(rows: readonly RowResult[]): EngineScore[] {
  const engines: readonly AioEngine[] = ['io_uring', 'native', 'threads'];
  const scores = engines.flatMap((aio) => {
    const own = rows.filter(
      ({ vmm, workload, id }) =>
        vmm !== 'none' && workload === GUEST_WORKLOAD && id.includes(`/${aio}+`),
    );
    const iops = own.flatMap((row) => row.iops ?? []);
    if (iops.length < own.length || iops.length === 0) return [];
    return [{ aio, iops: Math.sqrt(iops.reduce((product, one) => product * one, 1)) }];
  });
  return scores.toSorted((one, other) => other.iops - one.iops);
}

function choose(scores: readonly EngineScore[]): Pick<IoCalibration, 'aio' | 'reason'> {
  const best = scores[0]!;
  const usual = scores.find(({ aio }) => aio === DIRECT.aio);
  const say = ({ aio, iops }: EngineScore) => `${aio} ${Math.round(iops)}`;
  const figures = `Requests of 4 KiB a second, 16 at a time: ${scores.map(say).join(', ')}.`;
  if (usual === undefined) {
    return { aio: best.aio, reason: `${figures} This host does not let QEMU use ${DIRECT.aio}.` };
  }
  const isWorthIt = best.iops > WORTH_IT * usual.iops;
  return isWorthIt
    ? { aio: best.aio, reason: figures }
    : { aio: usual.aio, reason: `${figures} The default stays: nothing is much faster.` };
}
