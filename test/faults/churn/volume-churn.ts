// Owns `npm run faults -- volume-churn`: a thousand volumes live and go while steps fail, the object store refuses, storage
// daemons are killed and the control plane dies; in the end nothing is left and nothing is stuck.

import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { ControlPlane } from '../../support/churn/control-plane.ts';
import { findLeftovers } from '../../support/churn/leftovers.ts';
import type { FaultShares } from '../../support/churn/planned-faults.ts';
import type { FaultSuite } from '../../support/fault-suite.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { emptyTally, type Tally, VolumeLives } from './volume-lives.ts';

const VOLUMES = 1_000;
/** As many as a busy user has under way. */
const AT_A_TIME = 12;
/** A life has some forty steps: one in ten of them dies with the control plane, and each sees a failure or two. */
const SHARES: FaultShares = { failure: 0.03, crash: 0.002, daemonKill: 0.002, objects: 0.02 };
/** Blocks that nobody needs are kept for ten seconds, and what failed is tried again after 15 s at most. */
const SETTLE_MS = 90_000;
const LEFT_SHOWN = 10;
const SMALL_RUN = 50;

export const volumeChurnSuite: FaultSuite = (options) =>
  churnVolumes({ ...options, count: options.count ?? VOLUMES });

export interface ChurnOptions {
  count: number;
  seed: number;
  /** Of all steps, those at which the control plane dies. */
  crashes?: number;
  explain: (line: string) => void;
}

export async function churnVolumes(options: ChurnOptions): Promise<Figure[]> {
  const { count, seed, crashes = SHARES.crash, explain } = options;
  const shares = { ...SHARES, crash: crashes };
  await using plane = await ControlPlane.start({ seed, shares, explain });
  const tally = emptyTally();
  const lives = new VolumeLives(plane, tally);
  let begun = 0;
  const work = async () => {
    while (tally.volumes < count) await lives.live(seededRandom(seed * 100_000 + begun++));
  };
  await Promise.all(Array.from({ length: Math.min(AT_A_TIME, count) }, work));
  plane.calm();
  const left = await untilNothingIsLeft(plane, lives);
  for (const each of [...tally.stuck, ...left].slice(0, LEFT_SHOWN)) explain(each);
  explain(
    `${plane.crashes} deaths of the control plane, ${plane.daemonKills} of storage daemons; ${tally.failedSnapshots} of ${tally.snapshots} snapshots failed and said so`,
  );
  return judge(plane, tally, { count, left });
}

async function untilNothingIsLeft(plane: ControlPlane, lives: VolumeLives): Promise<string[]> {
  await lives.deleteAll();
  const isEmpty = async () => (await findLeftovers(plane.paths)).length === 0;
  const options = {
    clock: systemClock,
    timeoutMs: SETTLE_MS,
    intervalMs: 500,
    what: 'nothing left',
  };
  await waitFor(isEmpty, options).catch(() => {});
  await plane.end();
  return await findLeftovers(plane.paths);
}

function judge(
  plane: ControlPlane,
  tally: Tally,
  { count, left }: { count: number; left: readonly string[] },
): Figure[] {
  const leastDeaths = count < SMALL_RUN ? 0 : 1;
  return [
    {
      name: 'volumes made and deleted',
      value: tally.volumes,
      bar: count,
      ok: tally.volumes >= count,
    },
    // A few volumes may live without one.
    {
      name: 'deaths of the control plane',
      value: plane.crashes,
      bar: leastDeaths,
      ok: plane.crashes >= leastDeaths,
    },
    { name: 'restored and compared', value: tally.compared, bar: 1, ok: tally.compared >= 1 },
    zeroFigure('restored with other bytes', tally.wrong),
    zeroFigure('stuck', tally.stuck.length),
    zeroFigure('rows, files, sockets, processes and objects left', left.length),
  ];
}
