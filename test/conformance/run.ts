// Owns the command `npm run conformance -- <suite>`: runs a suite, prints its figures, fails when one is missed.

import { parseArgs } from 'node:util';
import { type Figure, renderFigures } from '../support/figures.ts';
import { type RoundTripResult, roundTrip, roundTripFigures } from './ec2/round-trip.ts';

interface SuiteOptions {
  seed: number;
  cases: number;
  /** For people; machines read the figures. */
  explain: (line: string) => void;
}

const SUITES: Readonly<Record<string, (options: SuiteOptions) => Promise<Figure[]>>> = {
  'round-trip': runRoundTrip,
};

const MAX_EXPLAINED = 5;

async function runRoundTrip({ seed, cases, explain }: SuiteOptions): Promise<Figure[]> {
  const results = await roundTrip({ seed, casesPerOperation: cases });
  for (const result of results) explainResult(result, explain);
  return roundTripFigures(results);
}

function explainResult(result: RoundTripResult, explain: (line: string) => void): void {
  explain(`${result.service}: ${result.cases} random cases in each direction`);
  for (const lines of Object.values(result.wrong)) lines.slice(0, MAX_EXPLAINED).forEach(explain);
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      seed: { type: 'string', default: '1' },
      cases: { type: 'string', default: '3' },
    },
  });
  const suite = SUITES[positionals[0] ?? ''];
  if (suite === undefined) {
    console.error(
      `usage: conformance ${Object.keys(SUITES).join('|')} [--json] [--seed N] [--cases N]`,
    );
    process.exitCode = 2;
    return;
  }
  const explain = values.json ? () => {} : (line: string) => console.log(line);
  const figures = await suite({ seed: Number(values.seed), cases: Number(values.cases), explain });
  console.log(values.json ? JSON.stringify({ figures }) : renderFigures(figures));
  if (figures.some((figure) => !figure.ok)) process.exitCode = 1;
}

await main();
