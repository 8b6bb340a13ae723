// Owns which of the paper's rows a disk's work looks most like: what was seen of a disk in 2010 is a yardstick that
// people know.

import type { DiskFigures } from '../disk/disk-figures.ts';
import { type Direction, type PaperRow, paperTable } from './paper-rows.ts';

/** A factor of two in the size or the number of requests counts as much as this share of the time. */
const SHARE_OF_A_DOUBLING = 0.2;

export function nearestPaperRow(direction: Direction, seen: DiskFigures): PaperRow {
  const rows = paperTable(direction).filter((row) => row.seen !== undefined);
  return rows.toSorted((a, b) => distance(a.seen!, seen) - distance(b.seen!, seen))[0]!;
}

function distance(one: DiskFigures, other: DiskFigures): number {
  const doublings = (of: 'requestSectors' | 'queueDepth') =>
    Math.abs(Math.log2(Math.max(one[of], 0.01)) - Math.log2(Math.max(other[of], 0.01)));
  const shares = Math.abs(one.utilisation - other.utilisation) / SHARE_OF_A_DOUBLING;
  return doublings('requestSectors') + doublings('queueDepth') + shares;
}
