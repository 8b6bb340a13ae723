// Owns what was measured of this node's disk, as the node goes by it.

import { join } from 'node:path';
import {
  CALIBRATION_FILE,
  type IoCalibration,
  parseCalibration,
} from '@ironbark/core/io-calibration.ts';
import type { AioEngine } from '@ironbark/core/io-profile.ts';
import { readFileIfPresent, statIfPresent } from '@ironbark/platform/files.ts';

/** It is some thousand bytes. */
const MAX_BYTES = 64 * 1024;

/** Undefined when nothing was measured, or what is there cannot be read. */
export async function readIoCalibration(dataDir: string): Promise<IoCalibration | undefined> {
  const path = join(dataDir, CALIBRATION_FILE);
  const facts = await statIfPresent(path);
  if (facts?.isFile() !== true || facts.size > MAX_BYTES) return undefined;
  const bytes = await readFileIfPresent(path);
  return parseCalibration(bytes?.toString() ?? '');
}

const ORDER: readonly AioEngine[] = ['threads', 'native', 'io_uring'];

/** What was fastest, where this host lets QEMU use it: the best that it does is known by a probe. */
export function calibratedDisk(
  probed: AioEngine,
  calibrated: IoCalibration | undefined,
): { aio: AioEngine; optimalIoBytes?: number } {
  if (calibrated === undefined) return { aio: probed };
  const aio = ORDER[Math.min(ORDER.indexOf(probed), ORDER.indexOf(calibrated.aio))]!;
  const { optimalIoBytes } = calibrated.profile?.disk ?? {};
  return { aio, ...(optimalIoBytes === undefined ? {} : { optimalIoBytes }) };
}
