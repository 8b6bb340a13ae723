// Owns how the paper's three columns are written in one line.

import type { DiskFigures } from '../disk/disk-figures.ts';

export function renderSeen({ requestSectors, queueDepth, utilisation }: DiskFigures): string {
  return `rq ${Math.round(requestSectors)} / qu ${renderDepth(queueDepth)} / ${Math.round(utilisation * 100)} %`;
}

export function renderDepth(queueDepth: number): string {
  return queueDepth.toFixed(queueDepth < 10 ? 2 : 0);
}
