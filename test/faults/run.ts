// Owns the command `npm run faults -- <suite>`: does harm, prints the figures, fails when a promise was broken.

import { parseArgs } from 'node:util';
import { type Figure, renderFigures } from '../support/figures.ts';
import { whyNoPowerCuts } from '../support/power-cut/power-cut-disk.ts';
import { powerCutFigures } from './power-cut/figures.ts';
import { runPowerCuts } from './power-cut/power-cuts.ts';
import { STORES, type StoreName } from './power-cut/workloads.ts';

interface SuiteOptions {
  seed: number;
  cuts: number;
  /** One alone, to replay what it lost; all of them when absent. */
  store: string | undefined;
  /** For people; machines read the figures. */
  explain: (line: string) => void;
}

const SUITES: Readonly<Record<string, (options: SuiteOptions) => Promise<Figure[]>>> = {
  'power-cut': runPowerCutSuite,
};

async function runPowerCutSuite(options: SuiteOptions): Promise<Figure[]> {
  const { cuts, seed, store, explain } = options;
  const reason = await whyNoPowerCuts();
  if (reason !== undefined) throw new Error(reason);
  const stores = STORES.filter((name) => store === undefined || name === store);
  if (stores.length === 0) throw new Error(`no store ${store}: there are ${STORES.join(', ')}`);
  const figures: Figure[] = [];
  for (const workload of stores) {
    const onCut = ({ broken }: { broken: readonly string[] }) => broken.forEach(explain);
    const result = await runPowerCuts({ workload, cuts, seed, onCut });
    explain(`${workload}: ${cuts} cuts from seed ${seed}`);
    figures.push(...powerCutFigures(workload as StoreName, result));
  }
  return figures;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      cuts: { type: 'string', default: '50' },
      store: { type: 'string' },
    },
  });
  const suite = SUITES[positionals[0] ?? ''];
  if (suite === undefined) {
    console.error(
      `usage: faults ${Object.keys(SUITES).join('|')} [--json] [--seed N] [--cuts N] [--store NAME]`,
    );
    process.exitCode = 2;
    return;
  }
  const explain = values.json ? () => {} : (line: string) => console.log(line);
  const { store } = values;
  const figures = await suite({
    seed: Number(values.seed),
    cuts: Number(values.cuts),
    store,
    explain,
  });
  console.log(values.json ? JSON.stringify({ figures }) : renderFigures(figures));
  if (figures.some((figure) => !figure.ok)) process.exitCode = 1;
}

await main();
