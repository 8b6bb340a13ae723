// Measures `./ironbark up` on a host where everything is installed and the first image is registered.

import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { type Figure, medianFigure } from '../support/figures.ts';

const REPEATS = 5;
/** From the issue that made it: ready in under 5 s. */
const READY_BAR_MS = 5_000;

export async function measureUp(): Promise<Figure[]> {
  await using cloud = await CloudUnderTest.start();
  const tookMs: number[] = [];
  for (let i = 0; i < REPEATS; i++) {
    await cloud.ironbark('down');
    const startedMs = performance.now();
    await cloud.up();
    tookMs.push(performance.now() - startedMs);
  }
  return [medianFigure('ironbark up to ready, ms', tookMs, READY_BAR_MS)];
}
