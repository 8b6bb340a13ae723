// Owns `ironbark lab explain --try`: the setting that an explanation names, measured on a copy: a guest of the lab's own
// with an empty disk of its own. The volume and its instance are left alone.

import { statfs } from 'node:fs/promises';
import { MIB, renderBytes } from '@ironbark/core/units.ts';
import { whyNoLabDisk } from '@ironbark/lab/disk/lab-requirements.ts';
import { type TrialSubject, trialOf } from '@ironbark/lab/explain/trials.ts';
import { namedProfile } from '@ironbark/lab/profiles/lab-profile.ts';
import type { RowResult } from '@ironbark/lab/run/row-result.ts';
import { type TrialResult, trialResultOf } from '@ironbark/lab/run/trial-result.ts';
import type { CliContext } from '../context.ts';
import { lookAtGuests } from '../host-checks.ts';
import { ensurePackages, LAB_PACKAGES } from '../host-packages.ts';
import { measureLab } from '../lab-measure.ts';
import { Problem } from '../problem.ts';

export type Tried = TrialResult | { reason: string };

const SECONDS = 2;
const REPEAT = 3;
const SPARE_BYTES = 512 * MIB;

/** Before anything is looked at for nothing. `id`: of what is to be explained. */
export async function requireTrial({ self, dataDir }: CliContext, id: string): Promise<void> {
  const why = await whyNoLabDisk();
  if (why !== undefined) {
    throw new Problem(why, [`run it as root: sudo ${self} lab explain ${id} --try`]);
  }
  const { bavail, bsize } = await statfs(dataDir);
  const needed = SPARE_BYTES + 2 * namedProfile('native').sizes.quick;
  if (bavail * bsize >= needed) return;
  throw new Problem(`${dataDir} has less than ${renderBytes(needed)} free for a copy`);
}

/** Undefined when it was interrupted. */
export async function tryChange(
  context: CliContext,
  subject: TrialSubject,
  path: string,
): Promise<Tried | undefined> {
  await ensurePackages(context, { wanted: LAB_PACKAGES, path, yes: false });
  const { engine } = await lookAtGuests(context, undefined);
  const profile = { ...subject.profile, aio: engine.aio };
  const trial = trialOf({ ...subject, profile });
  if ('reason' in trial) return trial;
  const { before, after, testbed, change } = trial;
  const measuredOn = namedProfile(testbed);
  const report = await measureLab(context, {
    ...{ rows: { disk: [before, after], network: [] }, profile: measuredOn },
    // On the disk that the cloud's own volumes are on.
    ...{ scratch: context.dataDir, sizeBytes: measuredOn.sizes.quick },
    ...{ seconds: SECONDS, repeat: REPEAT },
  });
  if (report.isInterrupted) return undefined;
  return trialResultOf(report.rows, { change, testbed, cause: subject.cause });
}

export function renderTried(tried: Tried): string[] {
  if ('reason' in tried) return ['', `Nothing was tried. ${tried.reason}`];
  const { change, testbed, before, after, ratio, verdict, isSameCause } = tried;
  return [
    '',
    `Tried on a copy (${WHERE[testbed] ?? testbed}): ${change}`,
    `  before  ${renderRow(before)}`,
    `  after   ${renderRow(after)}`,
    sayVerdict(verdict, ratio),
    isSameCause
      ? 'Before the change the copy was held back by the same.'
      : `Before the change the copy was not held back by the same, so this says less of the volume: ${before.explanation?.sentence ?? 'nobody knows by what.'}`,
  ];
}

export function sayVerdict(verdict: TrialResult['verdict'], ratio: number): string {
  const times = `${ratio.toFixed(2)} times as fast`;
  const said = {
    better: `It is ${times}.`,
    worse: `It is slower: ${times}.`,
    same: `It makes no difference beyond what rounds differ by: ${times}.`,
  };
  return said[verdict];
}

const WHERE: Readonly<Record<string, string>> = {
  native: 'a guest and an empty disk of its own, on the disk of the data folder',
  slow: 'a guest of its own and a volume of a modelled 25 MB/s',
};

function renderRow({ workload, direction, mbps, spread, ...seen }: RowResult): string {
  const { lowest, highest } = spread!.mbps;
  const { requestSectors, queueDepth, utilisation, iops } = seen;
  return [
    `${mbps!.toFixed(1)} MB/s (${lowest.toFixed(1)} to ${highest.toFixed(1)})`,
    ...(iops === undefined ? [] : [`${Math.round(iops)} requests a second`]),
    `${workload} ${direction}`,
    `requests of ${Math.round(requestSectors!)} sectors, ${queueDepth!.toFixed(1)} at a time`,
    `disk busy ${Math.round(100 * utilisation!)} %`,
  ].join(', ');
}
