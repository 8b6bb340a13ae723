// Owns `ironbark lab explain`: what a volume does at the moment, what holds it back, and what the paper saw of a disk
// that looked like it.

import { DIRECT, type DiskProfile, guestProfile, profileLabel } from '@ironbark/core/io-profile.ts';
import type { VolumeFigures } from '@ironbark/core/volume-figures.ts';
import type { CauseName } from '@ironbark/lab/explain/causes.ts';
import { type Explanation, explain } from '@ironbark/lab/explain/explain.ts';
import type { Observation } from '@ironbark/lab/explain/observation.ts';
import { observeVolume } from '@ironbark/lab/explain/volume-observation.ts';
import { nearestPaperRow } from '@ironbark/lab/paper/nearest-row.ts';
import { shareOf } from '@ironbark/lab/paper/paper-claims.ts';
import { bareRateOf, type PaperRow, paperLabel } from '@ironbark/lab/paper/paper-rows.ts';
import { type HostDiskSeen, watchDiskOf } from '@ironbark/lab/seen/host-disk.ts';
import type { CliContext } from '../context.ts';
import { INTERRUPTED } from '../interrupts.ts';
import { Problem } from '../problem.ts';
import { renderTried, requireTrial, type Tried, tryChange } from './lab-try.ts';
import { type MeasuredVolume, measureVolumes } from './volumes.ts';

interface Explained {
  volumeId: string;
  instanceId: string;
  profile: string;
  figures: VolumeFigures;
  /** The host's disk that holds the data folder; a volume may have one of its own. */
  host?: HostDiskSeen;
  explanation: Explanation;
  paper: { row: string; mbps: number; seen: PaperRow['seen'] };
  /** With --try. */
  tried?: Tried;
}

export interface LabExplainFlags {
  interval: number;
  try?: boolean;
}

const NO_GAP = 'There is nothing to change.';

export async function explainVolume(
  context: CliContext,
  volumeId: string,
  { interval, try: wantsTrial = false }: LabExplainFlags,
  path: string,
): Promise<number> {
  if (wantsTrial) await requireTrial(context, volumeId);
  const title = `Looking at ${volumeId} for ${interval} s`;
  const { result: volumes, seen: host } = await context.terminal.step(title, () =>
    watchDiskOf(context.dataDir, context.clock, () => measureVolumes(context, interval)),
  );
  const volume = requireAtWork(volumes, volumeId, context.self);
  const { figures, limits, instanceId } = volume;
  const profile = profileOf(volume);
  const observation = observeVolume({ figures, limits, profile });
  const row = nearestPaperRow(observation.direction, observation.seen);
  const explained: Explained = {
    volumeId,
    instanceId: instanceId!,
    profile: profileLabel(profile),
    figures,
    ...(host === undefined ? {} : { host }),
    explanation: explain(observation),
    paper: { row: paperLabel(row), mbps: row.mbps, seen: row.seen },
  };
  if (wantsTrial) {
    const { cause } = explained.explanation;
    const subject = { cause: cause?.name as CauseName, observation, profile };
    const tried =
      cause === undefined ? { reason: NO_GAP } : await tryChange(context, subject, path);
    if (tried !== undefined) explained.tried = tried;
  }
  context.terminal.result(explained, () => render(explained, observation, row));
  return wantsTrial && explained.tried === undefined ? INTERRUPTED : 0;
}

/** With which it is attached. */
function profileOf({ attachMode, transport }: MeasuredVolume): DiskProfile {
  return attachMode === 'guest' ? guestProfile(transport ?? 'aoe') : DIRECT;
}

function requireAtWork(
  volumes: readonly MeasuredVolume[],
  volumeId: string,
  self: string,
): MeasuredVolume & { figures: VolumeFigures } {
  // Of several guests that have it, the first that is counted: the answer names it.
  const named = volumes.filter((each) => each.volumeId === volumeId);
  const volume = named.find(({ figures }) => figures !== undefined) ?? named[0];
  if (volume === undefined) {
    throw new Problem(`there is no volume ${volumeId}`, [`all of them: ${self} volumes`]);
  }
  const { figures, state } = volume;
  if (figures === undefined) {
    const advice = ['it is explained while a running instance uses it'];
    throw new Problem(`${volumeId} is ${state} and no guest counts what it does`, advice);
  }
  return { ...volume, figures };
}

function render(
  { volumeId, instanceId, profile, host, explanation, tried }: Explained,
  { direction, guestRate, seen }: Observation,
  row: PaperRow,
): string {
  const does = direction === 'read' ? 'reads' : 'writes';
  const lines = [`${volumeId}, attached to ${instanceId} with the profile ${profile}`];
  if (guestRate === 0) {
    const trial = tried === undefined ? [] : renderTried(tried);
    return [...lines, '', explanation.sentence, ...trial].join('\n');
  }
  lines.push(
    `  it ${does} ${(guestRate / 1e6).toFixed(1)} MB/s: ${renderSeen(seen)}`,
    ...(host === undefined
      ? []
      : [`  ${host.device} of this host saw ${renderSeen(host.figures)}`]),
    '',
    explanation.sentence,
    ...(explanation.remedy === undefined ? [] : [explanation.remedy]),
    '',
    `Most like it in the paper of 2010: ${paperLabel(row)}, ${row.mbps} of ${bareRateOf(row)} MB/s (${Math.round(100 * shareOf(row)!)} %)`,
    `  ${renderSeen(row.seen!)}`,
    ...(tried === undefined ? [] : renderTried(tried)),
  );
  return lines.join('\n');
}

function renderSeen({ requestSectors, queueDepth, utilisation }: Observation['seen']): string {
  const depth = queueDepth.toFixed(queueDepth < 10 ? 2 : 0);
  return `requests of ${Math.round(requestSectors)} sectors, ${depth} at a time, busy ${Math.round(100 * utilisation)} %`;
}
