// Owns the command `npm run bench -- NAME`: runs a benchmark, prints its figures, fails when a bar is missed.

import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, renderFigures } from '../support/figures.ts';
import { runInterruptibly } from '../support/interruption.ts';
import { measureAoe } from './aoe.ts';
import { BLOCK_ROWS, measureBlock, parseTestbed } from './block/block.ts';
import { renderRows, verdictOf } from './block/rows.ts';
import { measureEc2 } from './ec2.ts';
import { measureEncryption } from './encryption.ts';
import { measureExplanations } from './explain/explain.ts';
import { measureGuestMode } from './guest-mode.ts';
import { measureLab } from './lab.ts';
import { measureAgreement, renderAgreement } from './lab-agreement.ts';
import { measureLaunch } from './launch.ts';
import { measureNet } from './net.ts';
import { measureRestore } from './restore.ts';
import { measureS3 } from './s3/s3.ts';
import { measureTestDfsio } from './testdfsio.ts';
import { measureUp } from './up.ts';

const BENCHMARKS: Readonly<Record<string, () => Promise<Figure[]>>> = {
  aoe: measureAoe,
  ec2: measureEc2,
  encryption: measureEncryption,
  'guest-mode': measureGuestMode,
  lab: measureLab,
  launch: measureLaunch,
  net: measureNet,
  restore: measureRestore,
  s3: measureS3,
  testdfsio: measureTestDfsio,
  up: measureUp,
};

const BLOCK_USAGE = '[--testbed slow|paper] [--rows 1,4,path] [--repeat N] [--quick]';
const EXPLAIN_USAGE = '[--rows "single queue,frames"]';
const AGREEMENT_USAGE =
  '[--runs 3] [--profile paper|slow|native|FILE] [--rows PATTERNS] [--out FOLDER]';
const REPEAT = 3;
const RUNS = 3;
const QUICK_REPEAT = 1;

interface Flags {
  json: boolean;
  testbed: string | undefined;
  runs: string | undefined;
  rows: string | undefined;
  out: string | undefined;
  repeat: string | undefined;
  quick: boolean;
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      testbed: { type: 'string' },
      profile: { type: 'string' },
      runs: { type: 'string' },
      rows: { type: 'string' },
      out: { type: 'string' },
      repeat: { type: 'string' },
      quick: { type: 'boolean', default: false },
    },
  });
  // Two words for one thing.
  const testbed = values.testbed ?? values.profile;
  const none = { rows: undefined, repeat: undefined, runs: undefined, out: undefined };
  const flags: Flags = { ...none, ...values, testbed };
  const name = positionals[0] ?? '';
  if (name === 'block') return await runBlock(flags);
  if (name === 'lab-agreement') return await runAgreement(flags);
  const measure =
    name === 'explain' ? () => measureExplanations(wantedOf(flags)) : BENCHMARKS[name];
  if (measure === undefined) {
    const names = Object.keys(BENCHMARKS).join('|');
    console.error(
      `usage: npm run bench -- ${names} [--json]\n       npm run bench -- block ${BLOCK_USAGE} [--json]\n       npm run bench -- explain ${EXPLAIN_USAGE} [--json]\n       npm run bench -- lab-agreement ${AGREEMENT_USAGE} [--json]`,
    );
    process.exitCode = 2;
    return;
  }
  const figures = await measure();
  console.log(values.json ? JSON.stringify({ figures }) : renderFigures(figures));
  if (figures.some((figure) => !figure.ok)) process.exitCode = 1;
}

function wantedOf({ rows }: Pick<Flags, 'rows'>): string[] {
  return rows?.split(',') ?? [];
}

async function runBlock({ json, testbed, rows, repeat, quick }: Flags): Promise<void> {
  const wanted = wantedOf({ rows });
  const unknown = wanted.find((row) => !BLOCK_ROWS.some((known) => known === row));
  if (unknown !== undefined) throw new Error(`no row ${unknown}: ${BLOCK_ROWS.join(', ')}`);
  const measured = await measureBlock({
    testbed: parseTestbed(testbed ?? 'slow'),
    rows: wanted,
    repeat: Number(repeat ?? (quick ? QUICK_REPEAT : REPEAT)),
    quick,
    onRows: (more) => console.error(renderRows(more)),
  });
  console.log(json ? JSON.stringify({ testbed, rows: measured }) : renderRows(measured));
  if (measured.some((row) => verdictOf(row) === 'MISSED')) process.exitCode = 1;
}

async function runAgreement({ json, testbed, rows, runs, out }: Flags): Promise<void> {
  const count = Number(runs ?? RUNS);
  if (!Number.isInteger(count) || count < 2) throw new Error('--runs: two or more');
  const agreement = await measureAgreement({
    ...{ runs: count, profile: testbed ?? 'paper' },
    ...(rows === undefined ? {} : { rows }),
    ...(out === undefined ? {} : { out: resolve(out) }),
  });
  console.log(json ? JSON.stringify(agreement) : renderAgreement(agreement));
  if (!agreement.isMet) process.exitCode = 1;
}

await runInterruptibly(main);
