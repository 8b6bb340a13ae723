// Owns `ironbark lab explain --try` for network cards: what an explanation names, measured between a guest of the lab's own
// and its host. The instance and its card are left alone.

import { type NetworkTrialSubject, networkTrialOf } from '@ironbark/lab/explain/network-trials.ts';
import type { NetworkResult } from '@ironbark/lab/network/network-result.ts';
import { namedProfile } from '@ironbark/lab/profiles/lab-profile.ts';
import { type NetworkTrialResult, networkTrialResultOf } from '@ironbark/lab/run/trial-result.ts';
import type { CliContext } from '../context.ts';
import { ensurePackages, LAB_NETWORK_PACKAGES } from '../host-packages.ts';
import { measureLab } from '../lab-measure.ts';
import { sayVerdict } from './lab-try.ts';

export type TriedNetwork = NetworkTrialResult | { reason: string };

const SECONDS = 2;
const REPEAT = 3;

/** Undefined when it was interrupted. */
export async function tryNetworkChange(
  context: CliContext,
  subject: NetworkTrialSubject,
  path: string,
): Promise<TriedNetwork | undefined> {
  const trial = networkTrialOf(subject);
  if ('reason' in trial) return trial;
  await ensurePackages(context, { wanted: LAB_NETWORK_PACKAGES, path, yes: false });
  // Frames of 9,000 bytes have a place on its bridge; its wire is no part of a path to the host.
  const profile = namedProfile('paper');
  const report = await measureLab(context, {
    ...{ rows: { disk: [], network: [trial.before, trial.after] }, profile },
    ...{ scratch: context.dataDir, sizeBytes: profile.sizes.quick },
    ...{ seconds: SECONDS, repeat: REPEAT },
  });
  return report.isInterrupted ? undefined : networkTrialResultOf(report.network, trial);
}

export function renderTriedNetwork(tried: TriedNetwork): string[] {
  if ('reason' in tried) return ['', `Nothing was tried. ${tried.reason}`];
  const { change, before, after, verdict, ratio } = tried;
  return [
    '',
    `Tried on a copy (one stream of TCP between a guest of its own and this host): ${change}`,
    `  before  ${renderRow(before)}`,
    `  after   ${renderRow(after)}`,
    sayVerdict(verdict, ratio),
  ];
}

function renderRow({ megabitsPerSecond, spread, packets, ratio }: NetworkResult): string {
  const { lowest, highest } = spread!.value;
  return [
    `${megabitsPerSecond!.toFixed(0)} Mb/s (${lowest.toFixed(0)} to ${highest.toFixed(0)})`,
    ...(ratio === undefined ? [] : [`${Math.round(100 * ratio)} % of the path without a guest`]),
    `packets of ${Math.round(packets!.meanPacketBytes)} bytes`,
  ].join(', ');
}
