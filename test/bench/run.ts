// Owns the command `npm run bench -- NAME`: runs a benchmark, prints its figures, fails when a bar is missed.

import { parseArgs } from 'node:util';
import { type Figure, renderFigures } from '../support/figures.ts';
import { measureLaunch } from './launch.ts';
import { measureUp } from './up.ts';

const BENCHMARKS: Readonly<Record<string, () => Promise<Figure[]>>> = {
  launch: measureLaunch,
  up: measureUp,
};

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean', default: false } },
  });
  const measure = BENCHMARKS[positionals[0] ?? ''];
  if (measure === undefined) {
    console.error(`usage: npm run bench -- ${Object.keys(BENCHMARKS).join('|')} [--json]`);
    process.exitCode = 2;
    return;
  }
  const figures = await measure();
  console.log(values.json ? JSON.stringify({ figures }) : renderFigures(figures));
  if (figures.some((figure) => !figure.ok)) process.exitCode = 1;
}

await main();
