// Owns `ironbark lab run paper`: the paper's matrix on this host, as tables, as JSON and as a report.

import { mkdtemp, rm, statfs } from 'node:fs/promises';
import { cpus, hostname, loadavg, release } from 'node:os';
import { join, resolve } from 'node:path';
import { MIB, renderBytes } from '@ironbark/core/units.ts';
import { buildLabGuest } from '@ironbark/images/lab/build-lab-guest.ts';
import { whyNoLabDisk } from '@ironbark/lab/disk/lab-requirements.ts';
import type { MatrixRow } from '@ironbark/lab/matrix/configuration.ts';
import { selectRows } from '@ironbark/lab/matrix/select-rows.ts';
import { disagreements } from '@ironbark/lab/report/claims.ts';
import { describeRun } from '@ironbark/lab/report/page.ts';
import type { RunReport } from '@ironbark/lab/report/run-report.ts';
import { type LabTable, tablesOf } from '@ironbark/lab/report/tables.ts';
import { writeReport } from '@ironbark/lab/report/write-report.ts';
import { runPaper } from '@ironbark/lab/run/run-paper.ts';
import { spaceFor } from '@ironbark/lab/targets/targets.ts';
import { labTestbed, type TestbedName } from '@ironbark/lab/testbeds.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { CliContext } from '../context.ts';
import { lookAtGuests } from '../host-checks.ts';
import { ensurePackages, LAB_PACKAGES } from '../host-packages.ts';
import { Problem } from '../problem.ts';
import { buildContext } from '../publish.ts';
import { renderTable } from '../terminal.ts';

export interface LabRunFlags {
  quick?: boolean;
  rows?: string[];
  testbed: TestbedName;
  size?: number;
  repeat?: number;
  out?: string;
}

/** Seconds' worth of each testbed's disk, so that what starts and ends a transfer is a small part of it. */
const SIZES: Readonly<Record<TestbedName, { quick: number; whole: number }>> = {
  slow: { quick: 48 * MIB, whole: 128 * MIB },
  paper: { quick: 96 * MIB, whole: 512 * MIB },
  native: { quick: 128 * MIB, whole: 512 * MIB },
};
const REPEAT = { quick: 1, whole: 3 };
const PARENT = '/var/tmp';
/** For logs, and what the host's file system takes for itself. */
const SPARE_BYTES = 256 * MIB;
const INTERRUPTED = 130;

export async function runLab(
  context: CliContext,
  flags: LabRunFlags,
  path: string,
): Promise<number> {
  const { terminal } = context;
  const rows = chooseRows(flags, context.self);
  const kind = flags.quick === true ? 'quick' : 'whole';
  const sizeBytes = flags.size ?? SIZES[flags.testbed][kind];
  const repeat = flags.repeat ?? REPEAT[kind];
  await requireHost(context, rows, sizeBytes);
  await ensurePackages(context, { wanted: LAB_PACKAGES, path, yes: false });
  const out = flags.out === undefined ? undefined : resolve(flags.out);
  // Before anything is measured for nothing.
  if (out !== undefined) await ensureDirectory(out, 0o755);
  const report = await measure(context, { rows, sizeBytes, repeat, testbed: flags.testbed });
  terminal.result(report, () => renderRun(report));
  if (out !== undefined) terminal.note(`The report: ${(await writeReport(out, report))[0]}`);
  return report.isInterrupted ? INTERRUPTED : 0;
}

function chooseRows(
  { quick = false, rows: patterns = [] }: LabRunFlags,
  self: string,
): MatrixRow[] {
  const rows = selectRows({ quick, patterns });
  if (rows.length > 0) return rows;
  const known = selectRows({ quick, patterns: [] });
  throw new Problem(`no row's id has ${patterns.join(' or ')} in it`, [
    `ids are such as ${known[2]?.id} and ${known.at(-3)?.id}`,
    ...(quick ? [`--quick has only some of the rows: ${self} lab run paper has all`] : []),
  ]);
}

async function requireHost(
  context: CliContext,
  rows: readonly MatrixRow[],
  sizeBytes: number,
): Promise<void> {
  const why = await whyNoLabDisk();
  if (why !== undefined) throw new Problem(why, [`run it as root: sudo ${context.self} lab run`]);
  const { bavail, bsize } = await statfs(PARENT);
  const configurations = [...new Set(rows.map(({ configuration }) => configuration))];
  const needed = spaceFor(configurations, sizeBytes) + SPARE_BYTES;
  if (bavail * bsize >= needed) return;
  const free = `${PARENT} has ${renderBytes(bavail * bsize)} free, and this takes ${renderBytes(needed)}`;
  throw new Problem(free, ['a smaller --size, or fewer --rows, takes less']);
}

interface Plan {
  rows: readonly MatrixRow[];
  sizeBytes: number;
  repeat: number;
  testbed: TestbedName;
}

async function measure(context: CliContext, plan: Plan): Promise<RunReport> {
  const { terminal, clock, commands } = context;
  const { fingerprint, engine } = await terminal.step('Looking at this host', () =>
    // What the lab starts runs as whoever runs the lab.
    lookAtGuests(context, undefined),
  );
  const files = await terminal.step('Building the lab’s guest', (progress) =>
    buildLabGuest(buildContext(context, progress)),
  );
  const signal = context.takeInterrupts();
  const folder = await mkdtemp(join(PARENT, 'ironbark-lab-'));
  const [loadBefore, startedMs] = [loadavg()[0]!, clock.nowMs()];
  const beganMs = clock.monotonicMs();
  const { accelerator, version, reason } = fingerprint;
  try {
    const rows = await terminal.step('Measuring', (onProgress) =>
      runPaper({
        ...{ ...plan, commands, clock, folder, signal, onProgress },
        testbed: labTestbed(plan.testbed),
        guest: {
          accelerator: accelerator === 'kvm' ? 'kvm' : 'tcg',
          engine: engine.aio,
          kernelPath: files.kernel,
          initrdPath: files.initrd,
        },
      }),
    );
    return {
      format: 'ironbark-lab/1',
      startedAt: renderTime(startedMs),
      tookSeconds: (clock.monotonicMs() - beganMs) / 1_000,
      isInterrupted: signal.aborted,
      ...{ testbed: plan.testbed, sizeBytes: plan.sizeBytes, repeat: plan.repeat },
      environment: {
        host: hostname(),
        kernel: release(),
        processors: cpus().length,
        load: [loadBefore, loadavg()[0]!],
        hypervisor: `QEMU ${version}`,
        acceleration: reason,
      },
      rows,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const LEGEND = [
  '(*) default of Eucalyptus in 2010, (+) default of Ironbark. RQ-SZ: average request, in sectors of 512 bytes;',
  'QU-SZ: average queue; UTIL: share of the time with a request under way, as the host’s disk saw them.',
];

function renderRun(report: RunReport): string {
  const tables = tablesOf(report.rows).map(renderLabTable);
  const doubts = ['Where the paper’s text and tables disagree (its tables count here):'].concat(
    disagreements().map((each) => `  ${each}`),
  );
  return [describeRun(report), LEGEND.join('\n'), ...tables, doubts.join('\n')].join('\n\n');
}

function renderLabTable({ title, headings, rows, notes }: LabTable): string {
  const sentences = notes.map(
    ({ rows: names, sentence }) => `  ${names.join('; ')}:\n    ${sentence}`,
  );
  return [title, '', renderTable(headings, rows), '', ...sentences].join('\n');
}
