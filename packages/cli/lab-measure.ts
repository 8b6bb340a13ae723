// Owns one run of the lab from the command line: what it is measured with, the folder that holds all of it, its report.

import { cpus, hostname, loadavg, release } from 'node:os';
import { basename } from 'node:path';
import { renderCount } from '@ironbark/core/units.ts';
import { buildLabGuest, type LabGuestFiles } from '@ironbark/images/lab/build-lab-guest.ts';
import { GUEST_NICENESS } from '@ironbark/lab/disk/first.ts';
import type { MatrixRow } from '@ironbark/lab/matrix/configuration.ts';
import type { NetworkRow } from '@ironbark/lab/network/network-rows.ts';
import { runNetwork } from '@ironbark/lab/network/run-network.ts';
import type { LabProfile } from '@ironbark/lab/profiles/lab-profile.ts';
import type { RunReport } from '@ironbark/lab/report/run-report.ts';
import { clearRunFolder, makeRunFolder, sweepRunFolders } from '@ironbark/lab/run/run-folder.ts';
import { type LabGuestChoices, runPaper } from '@ironbark/lab/run/run-paper.ts';
import { spaceFor } from '@ironbark/lab/targets/targets.ts';
import { renderTime } from '@ironbark/platform/clock.ts';
import type { CliContext } from './context.ts';
import { lookAtGuests } from './host-checks.ts';
import { buildContext } from './publish.ts';

export interface LabRows {
  disk: readonly MatrixRow[];
  network: readonly NetworkRow[];
}

export interface LabPlan {
  rows: LabRows;
  profile: LabProfile;
  /** Where the folder of the run is made. */
  scratch: string;
  sizeBytes: number;
  seconds: number;
  repeat: number;
  /** For which what is not settled is measured again. */
  moreSeconds?: number;
  /** A file or device that is measured instead of a file of the run's own. */
  ownDisk?: string;
  /** False: disks have no ratios, and what they would need is not measured. */
  isHeldAgainstHost?: boolean;
  /** Guests come before all else that this host does. */
  goesFirst?: boolean;
}

export async function measureLab(context: CliContext, plan: LabPlan): Promise<RunReport> {
  const { terminal, clock, commands } = context;
  const found = await terminal.step('Looking at this host', () =>
    // What the lab starts runs as whoever runs the lab.
    lookAtGuests(context, undefined),
  );
  const files = await terminal.step('Building the lab’s guest', (progress) =>
    buildLabGuest(buildContext(context, progress)),
  );
  const place = { commands, clock, parent: plan.scratch };
  const signal = context.takeInterrupts();
  const swept = await sweepRunFolders(place);
  if (swept.length > 0) {
    terminal.note(`${renderCount(swept.length, 'runs')} that were killed had left something: gone`);
  }
  const folder = await makeRunFolder(place, plan.ownDisk);
  try {
    return await measureIn(context, plan, { files, found, folder, signal });
  } finally {
    await clearRunFolder(place, folder);
  }
}

interface Surroundings {
  files: LabGuestFiles;
  found: Awaited<ReturnType<typeof lookAtGuests>>;
  folder: string;
  signal: AbortSignal;
}

async function measureIn(
  context: CliContext,
  plan: LabPlan,
  { files, found, folder, signal }: Surroundings,
): Promise<RunReport> {
  const { terminal, clock, commands } = context;
  const [loadBefore, startedMs, beganMs] = [loadavg()[0]!, clock.nowMs(), clock.monotonicMs()];
  const { profile, rows, sizeBytes, repeat, seconds, ownDisk } = plan;
  const bootSeconds: number[] = [];
  const measured = await terminal.step('Measuring', async (onProgress) => {
    const run = {
      ...{ commands, clock, folder, signal, onProgress, sizeBytes, repeat, seconds },
      ...{ guest: guestOf(files, found), tools: files.tools, isInMemory: fitsInMemory(plan) },
      onBoot: (ms: number) => void bootSeconds.push(ms / 1_000),
    };
    const own = ownDisk === undefined ? {} : { ownDisk };
    const { isHeldAgainstHost = true } = plan;
    const place = plan.goesFirst === true ? { niceness: GUEST_NICENESS } : {};
    const { diskUntilMs, untilMs } = endsOf(plan, beganMs);
    const { testbed } = profile;
    const disk = await runPaper({
      ...{
        ...run,
        ...own,
        ...place,
        isHeldAgainstHost,
        testbed,
        rows: rows.disk,
        moreUntilMs: diskUntilMs,
      },
    });
    const network = await runNetwork({
      ...{ ...run, ...place, prefix: basename(folder), wire: testbed.wire, rows: rows.network },
      moreUntilMs: untilMs,
    });
    return { ...disk, network };
  });
  const { version, reason } = found.fingerprint;
  return {
    format: 'ironbark-lab/1',
    startedAt: renderTime(startedMs),
    tookSeconds: (clock.monotonicMs() - beganMs) / 1_000,
    isInterrupted: signal.aborted,
    ...{ profile: profile.name, testbed: profile.testbed, sizeBytes, repeat, bootSeconds },
    environment: {
      host: hostname(),
      kernel: release(),
      processors: cpus().length,
      load: [loadBefore, loadavg()[0]!],
      hypervisor: `QEMU ${version}`,
      acceleration: reason,
    },
    ...measured,
  };
}

/** So many times what the disks have is to be free: guests and what the host caches need theirs. */
const MEMORY_SPARE = 3;

function fitsInMemory({ rows, sizeBytes }: LabPlan): boolean {
  const configurations = [...new Set(rows.disk.map(({ configuration }) => configuration))];
  return process.availableMemory() > MEMORY_SPARE * spaceFor(configurations, sizeBytes);
}

/** Disks have more rows than the network. */
const DISKS_SHARE = 0.7;

function endsOf({ rows, moreSeconds = 0 }: LabPlan, beganMs: number) {
  const share = rows.network.length === 0 ? 1 : DISKS_SHARE;
  const untilMs = beganMs + 1_000 * moreSeconds;
  return { diskUntilMs: beganMs + 1_000 * moreSeconds * share, untilMs };
}

function guestOf(
  files: LabGuestFiles,
  { fingerprint, engine }: Surroundings['found'],
): LabGuestChoices {
  return {
    accelerator: fingerprint.accelerator === 'kvm' ? 'kvm' : 'tcg',
    engine: engine.aio,
    kernelPath: files.kernel,
    initrdPath: files.initrd,
  };
}
