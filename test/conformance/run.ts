// Owns the command `npm run conformance -- <suite>`: runs a suite, prints its figures, fails when one is missed.

import { parseArgs } from 'node:util';
import { type Figure, renderFigures } from '../support/figures.ts';
import { runAnsible } from './ansible/suite.ts';
import { runClientWorkflows } from './clients/suite.ts';
import { type RoundTripResult, roundTrip, roundTripFigures } from './ec2/round-trip.ts';
import { runEc2api } from './ec2api/suite.ts';
import { runMotoEc2 } from './moto/suite.ts';
import { runS3OnCeph, runSharedS3 } from './s3/shared-suite.ts';
import { runS3Tests } from './s3-tests/run-suite.ts';
import { runSigv4 } from './sigv4/suite.ts';
import { runTerraform } from './terraform/suite.ts';

interface SuiteOptions {
  seed: number;
  cases: number;
  /** Of a suite of others: what chooses among its tests; all of it when absent. */
  only: string | undefined;
  minutes: number;
  record: boolean;
  goesOn: boolean;
  /** For people; machines read the figures. */
  explain: (line: string) => void;
}

const SUITES: Readonly<Record<string, (options: SuiteOptions) => Promise<Figure[]>>> = {
  'round-trip': runRoundTrip,
  sigv4: runSigv4,
  'moto-ec2': runMotoEc2,
  ec2api: runEc2api,
  's3-tests': runS3Tests,
  's3-shared': runSharedS3,
  's3-ceph': runS3OnCeph,
  ansible: runAnsible,
  terraform: runTerraform,
  clients: runClientWorkflows,
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
      only: { type: 'string' },
      minutes: { type: 'string', default: '45' },
      record: { type: 'boolean', default: false },
      continue: { type: 'boolean', default: false },
    },
  });
  const suite = SUITES[positionals[0] ?? ''];
  if (suite === undefined) {
    console.error(
      `usage: conformance ${Object.keys(SUITES).join('|')} [--json] [--seed N] [--cases N] [--only WORDS] [--minutes N] [--record] [--continue]`,
    );
    process.exitCode = 2;
    return;
  }
  const explain = values.json ? () => {} : (line: string) => console.log(line);
  const { seed, cases, only, minutes, record } = values;
  const numbers = { seed: Number(seed), cases: Number(cases), minutes: Number(minutes) };
  const options = { ...numbers, only, record, goesOn: values.continue };
  const figures = await suite({ ...options, explain });
  if (figures.length === 0) return;
  console.log(values.json ? JSON.stringify({ figures }) : renderFigures(figures));
  if (figures.some((figure) => !figure.ok)) process.exitCode = 1;
}

await main();
