// Runs the paper's quick matrix several times, one after the other, and holds the runs to the agreement that the lab
// promises: every ratio within 5 %.

import { join } from 'node:path';
import {
  AGREEMENT,
  type Agreement,
  agreementOf,
  describeAgreement,
} from '@ironbark/lab/compare/agreement.ts';
import type { RunReport } from '@ironbark/lab/report/run-report.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { projectDir } from '../support/cloud-under-test.ts';

export interface AgreementFlags {
  /** Of which to make. */
  runs: number;
  profile: string;
  /** Only these rows. */
  rows?: string;
  /** A folder in which the report of each run is kept, with all of its rounds. */
  out?: string;
}

/** The paper's profile takes 9 minutes of quick rounds, and a fresh clone makes its guest first. */
const TIMEOUT_MS = 1_200_000;

export async function measureAgreement(flags: AgreementFlags): Promise<Agreement> {
  const reports: RunReport[] = [];
  for (let run = 1; run <= flags.runs; run++) {
    const report = await measureOnce(flags, run);
    const load = report.environment.load.map((one) => one.toFixed(1)).join(' to ');
    console.error(`run ${run}: ${Math.round(report.tookSeconds)} s, load ${load}`);
    reports.push(report);
  }
  return agreementOf(reports, AGREEMENT);
}

async function measureOnce(
  { profile, rows, out }: AgreementFlags,
  run: number,
): Promise<RunReport> {
  const which = rows === undefined ? [] : ['--rows', rows];
  const args = ['--json', 'lab', 'run', 'paper', '--quick', '--profile', profile, ...which];
  const options = { timeoutMs: TIMEOUT_MS };
  const keeping = out === undefined ? [] : ['--out', join(out, `run-${run}`)];
  const { stdout } = await systemCommands.run(
    join(projectDir, 'ironbark'),
    [...args, ...keeping],
    options,
  );
  return JSON.parse(stdout) as RunReport;
}

/** The rows, the furthest apart first. */
export function renderAgreement(agreement: Agreement): string {
  const lines = agreement.rows.map(({ id, ratios, apart, agrees }) => {
    const values = ratios.map((ratio) => (ratio?.toFixed(3) ?? '–').padStart(7)).join(' ');
    const share = apart === undefined ? '–' : `${(100 * apart).toFixed(1)} %`;
    return `${values}  ${share.padStart(7)}  ${agrees ? 'ok    ' : 'MISSED'}  ${id}`;
  });
  return [...lines, '', describeAgreement(agreement)].join('\n');
}
