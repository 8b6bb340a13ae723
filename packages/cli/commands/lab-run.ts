// Owns `ironbark lab run paper`: the paper's matrix on this host, as tables, as JSON and as a report.

import { statfs } from 'node:fs/promises';
import { resolve } from 'node:path';
import { MIB, renderBytes } from '@ironbark/core/units.ts';
import { compareRuns } from '@ironbark/lab/compare/compare-runs.ts';
import { whyNoLabDisk } from '@ironbark/lab/disk/lab-requirements.ts';
import {
  type SelectableWorkload,
  type Selection,
  selectNetworkRows,
  selectRows,
} from '@ironbark/lab/matrix/select-rows.ts';
import { disagreements } from '@ironbark/lab/report/claims.ts';
import { allTablesOf, describeRun } from '@ironbark/lab/report/page.ts';
import type { RunReport } from '@ironbark/lab/report/run-report.ts';
import { summaryOf } from '@ironbark/lab/report/summary.ts';
import type { LabTable } from '@ironbark/lab/report/tables.ts';
import { writeReport } from '@ironbark/lab/report/write-report.ts';
import { requireWritable } from '@ironbark/lab/targets/own-disk.ts';
import { spaceFor } from '@ironbark/lab/targets/targets.ts';
import { ensureDirectory, statIfPresent } from '@ironbark/platform/files.ts';
import type { CliContext } from '../context.ts';
import { ensurePackages, LAB_NETWORK_PACKAGES, LAB_PACKAGES } from '../host-packages.ts';
import { INTERRUPTED } from '../interrupts.ts';
import { readRun } from '../lab-files.ts';
import { type LabPlan, type LabRows, measureLab } from '../lab-measure.ts';
import { readProfile } from '../lab-profile.ts';
import { Problem } from '../problem.ts';
import { renderTable } from '../terminal.ts';
import { renderForTerminal } from './lab-compare.ts';

export interface LabRunFlags {
  quick?: boolean;
  rows?: string[];
  workload?: SelectableWorkload[];
  /** A name or a file. */
  profile?: string;
  /** The same. */
  testbed?: string;
  size?: number;
  repeat?: number;
  scratch: string;
  disk?: string;
  destroy?: boolean;
  out?: string;
  /** The report of an earlier run. */
  against?: string;
}

const DEFAULT = 'slow';
const NATIVE = 'native';
const REPEAT = { quick: 1, whole: 3 };
/** Of streams and of jobs that have a time and no end. */
const SECONDS = { quick: 2, whole: 5 };
/** For logs, and what the host's file system takes for itself. */
const SPARE_BYTES = 256 * MIB;

export async function runLab(
  context: CliContext,
  flags: LabRunFlags,
  path: string,
): Promise<number> {
  const { terminal } = context;
  const rows = chooseRows(flags, context.self);
  const plan = await makePlan(flags, rows);
  await requireHost(context, plan);
  const wanted = rows.network.length === 0 ? LAB_PACKAGES : LAB_NETWORK_PACKAGES;
  await ensurePackages(context, { wanted, path, yes: false });
  if (plan.ownDisk !== undefined) {
    const needed = { sizeBytes: spaceOf(plan), mayDestroy: flags.destroy === true };
    await requireWritable(context.commands, plan.ownDisk, needed);
  }
  const out = flags.out === undefined ? undefined : resolve(flags.out);
  // Before anything is measured for nothing.
  const earlier = flags.against === undefined ? undefined : await readRun(flags.against);
  if (out !== undefined) await ensureDirectory(out, 0o755);
  const report = await measureLab(context, plan);
  terminal.result(report, () => renderRun(report));
  const comparison = earlier === undefined ? undefined : compareRuns(earlier, report);
  if (comparison !== undefined) terminal.note(renderForTerminal(comparison));
  if (out !== undefined) {
    terminal.note(`The report: ${(await writeReport(out, report, comparison))[0]}`);
  }
  if (report.failure !== undefined) terminal.warn(`The run could not go on: ${report.failure}`);
  if (report.isInterrupted) return INTERRUPTED;
  return report.failure === undefined ? 0 : 1;
}

async function makePlan(flags: LabRunFlags, rows: LabRows): Promise<LabPlan> {
  const kind = flags.quick === true ? 'quick' : 'whole';
  const ownDisk = flags.disk === undefined ? undefined : resolve(flags.disk);
  const profile = await readProfile(
    flags.profile ?? flags.testbed ?? (ownDisk === undefined ? DEFAULT : NATIVE),
  );
  if (ownDisk !== undefined && profile.testbed.disk !== undefined) {
    throw new Problem(`the profile ${profile.name} has a disk of its own, so --disk has no place`, [
      'leave --profile out, or take one without a disk, such as native',
    ]);
  }
  return {
    ...{ rows, profile, scratch: resolve(flags.scratch), seconds: SECONDS[kind] },
    sizeBytes: flags.size ?? profile.sizes[kind],
    goesFirst: true,
    repeat: flags.repeat ?? REPEAT[kind],
    // Who says how many rounds there are gets so many.
    ...(kind === 'quick' && flags.repeat === undefined
      ? { moreSeconds: profile.quickSeconds }
      : {}),
    ...(ownDisk === undefined ? {} : { ownDisk }),
  };
}

function chooseRows(flags: LabRunFlags, self: string): LabRows {
  const { quick = false, rows: patterns = [], workload } = flags;
  const workloads = workload === undefined ? {} : { workloads: workload };
  const select = (selection: Selection): LabRows => ({
    disk: selectRows(selection),
    network: selectNetworkRows(selection),
  });
  const rows = select({ quick, patterns, ...workloads });
  if (rows.disk.length + rows.network.length > 0) return rows;
  const known = select({ quick, patterns: [] });
  throw new Problem(`no row's id has ${patterns.join(' or ')} in it`, [
    `ids are such as ${known.disk[2]?.id} and ${known.network.at(-1)?.id}`,
    ...(quick ? [`--quick has only some of the rows: ${self} lab run paper has all`] : []),
  ]);
}

async function requireHost(context: CliContext, plan: LabPlan): Promise<void> {
  const why = await whyNoLabDisk();
  if (why !== undefined) throw new Problem(why, [`run it as root: sudo ${context.self} lab run`]);
  const { scratch } = plan;
  const facts = await statIfPresent(scratch);
  if (facts?.isDirectory() !== true) {
    throw new Problem(`${scratch} is no folder`, ['--scratch names one that has room']);
  }
  const { bavail, bsize } = await statfs(scratch);
  const needed = plan.ownDisk === undefined ? spaceOf(plan) + SPARE_BYTES : SPARE_BYTES;
  if (bavail * bsize >= needed) return;
  const free = `${scratch} has ${renderBytes(bavail * bsize)} free, and this takes ${renderBytes(needed)}`;
  throw new Problem(free, [
    'a smaller --size, or fewer --rows, takes less',
    '--scratch FOLDER takes it elsewhere',
  ]);
}

function spaceOf({ rows, sizeBytes }: LabPlan): number {
  const configurations = [...new Set(rows.disk.map(({ configuration }) => configuration))];
  return configurations.length === 0 ? 0 : spaceFor(configurations, sizeBytes);
}

const LEGEND = [
  '(*) default of Eucalyptus in 2010, (+) default of Ironbark. RQ-SZ: average request, in sectors of 512 bytes;',
  'QU-SZ: average queue; UTIL: share of the time with a request under way, as the host’s disk saw them.',
];

function renderRun(report: RunReport): string {
  const tables = allTablesOf(report).map(renderLabTable);
  const doubts = ['Where the paper’s text and tables disagree (its tables count here):'].concat(
    disagreements().map((each) => `  ${each}`),
  );
  const short = ['In short:', ...summaryOf(report).map((each) => `  ${each}`)].join('\n');
  // Last, since a terminal shows its end.
  return [describeRun(report), LEGEND.join('\n'), ...tables, doubts.join('\n'), short].join('\n\n');
}

function renderLabTable({ title, headings, rows, notes }: LabTable): string {
  const sentences = notes.map(
    ({ rows: names, sentence }) => `  ${names.join('; ')}:\n    ${sentence}`,
  );
  return [title, '', renderTable(headings, rows), '', ...sentences].join('\n');
}
