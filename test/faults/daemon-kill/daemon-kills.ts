// Kills the daemon with SIGKILL again and again under guests that work while the API is asked: no guest may end, and
// the next daemon takes all of them up at once.

import { readFile } from 'node:fs/promises';
import { systemClock } from '@ironbark/platform/clock.ts';
import { findProcess } from '@ironbark/platform/processes.ts';
import type { DaemonStatus } from '../../../packages/cli/daemon/admin-api.ts';
import { findDaemon } from '../../../packages/cli/daemon/admin-client.ts';
import { type CloudUnderTest, eventually } from '../../support/cloud-under-test.ts';
import { type Figure, maximumFigure, medianFigure, zeroFigure } from '../../support/figures.ts';
import type { Fleet } from './fleet.ts';

/** The design's bar: each guest is taken up again within so long of the new daemon's start. */
const ADOPTION_BAR_MS = 2_000;
/** Kills come at different moments after a start: this far apart, around within so long. */
const MOMENT_STEP_MS = 137;
const MOMENTS_MS = 1_000;
const LOOK = { intervalMs: 10 };

export interface DaemonKillOptions {
  kills: number;
  fleet: Fleet;
  /** For people. */
  explain: (line: string) => void;
}

interface Outcome {
  /** From the start of the next daemon's process until it reports every guest as running. */
  adoptedMs: number;
  /** The same until the API has answered. */
  readyMs: number;
}

export async function runDaemonKills(
  cloud: CloudUnderTest,
  { kills, fleet, explain }: DaemonKillOptions,
): Promise<Figure[]> {
  const outcomes: Outcome[] = [];
  const load = startLoad(cloud);
  try {
    for (let kill = 0; kill < kills; kill++) {
      await systemClock.sleep((kill * MOMENT_STEP_MS) % MOMENTS_MS);
      const outcome = await killOnce(cloud, fleet);
      outcomes.push(outcome);
      const { adoptedMs, readyMs } = outcome;
      explain(`kill ${kill + 1}: guests taken up after ${adoptedMs} ms, API after ${readyMs} ms`);
    }
  } finally {
    await load.stop();
  }
  explain(`${load.answered()} API calls were answered in between`);
  return [...(await fleet.judge()), ...judgeTimes(outcomes)];
}

/** Asks the API all the time; what fails while no daemon is there does not count. */
function startLoad(cloud: CloudUnderTest) {
  const stopping = new AbortController();
  let answered = 0;
  const ec2 = cloud.ec2();
  const ask = async () => {
    while (!stopping.signal.aborted) {
      await ec2.call('DescribeInstances', {}).then(
        () => answered++,
        () => systemClock.sleep(LOOK.intervalMs),
      );
    }
  };
  const asking = ask();
  const stop = async () => {
    stopping.abort();
    await asking;
  };
  return { stop, answered: () => answered };
}

async function killOnce(cloud: CloudUnderTest, fleet: Fleet): Promise<Outcome> {
  const killed = await cloud.daemonPid();
  process.kill(killed, 'SIGKILL');
  await eventually('the end of the daemon', async () => !(await findProcess(killed)), LOOK);
  const up = cloud.ironbark('up', '--yes', '--no-image');
  // Somebody has to look at it when a wait below fails first.
  up.catch(() => {});
  const [adoptedMs, readyMs] = await Promise.all([
    eventually('all guests taken up', () => ageOnceAdopted(cloud, fleet), LOOK),
    eventually('an answer of the API', () => ageOnceReady(cloud, killed), LOOK),
  ]);
  await up;
  return { adoptedMs: Math.round(adoptedMs), readyMs: Math.round(readyMs) };
}

async function ageOnceAdopted(cloud: CloudUnderTest, fleet: Fleet): Promise<number | undefined> {
  const status = await findStatus(cloud);
  if (status === undefined) return undefined;
  const running = status.node.instances.filter(({ power }) => power === 'running');
  return running.length < fleet.size ? undefined : await ageMs(status.pid);
}

async function findStatus(cloud: CloudUnderTest): Promise<DaemonStatus | undefined> {
  return await (await findDaemon(cloud.dataDir))?.status();
}

async function ageOnceReady(cloud: CloudUnderTest, killed: number): Promise<number | undefined> {
  const isAnswered = await cloud
    .ec2()
    .call('DescribeRegions', {})
    .then(
      () => true,
      () => false,
    );
  if (!isAnswered) return undefined;
  const atMs = systemClock.monotonicMs();
  const pid = await eventually('the pid of the daemon', async () => {
    const found = await cloud.daemonPid();
    return found !== killed && found;
  });
  return (await ageMs(pid)) - (systemClock.monotonicMs() - atMs);
}

/** The kernel counts the start of processes in hundredths of a second: USER_HZ on Linux. */
const TICKS_PER_SECOND = 100;

async function ageMs(pid: number): Promise<number> {
  const [uptime] = (await readFile('/proc/uptime', 'utf8')).split(' ');
  const startedAt = (await findProcess(pid))!.startTicks / TICKS_PER_SECOND;
  return (Number(uptime) - startedAt) * 1_000;
}

function judgeTimes(outcomes: readonly Outcome[]): Figure[] {
  const adopted = outcomes.map(({ adoptedMs }) => adoptedMs);
  const ready = outcomes.map(({ readyMs }) => readyMs);
  const late = adopted.filter((ms) => ms > ADOPTION_BAR_MS).length;
  return [
    zeroFigure(`times that not all guests were taken up in ${ADOPTION_BAR_MS} ms`, late),
    medianFigure('guests taken up, median, ms', adopted, ADOPTION_BAR_MS),
    maximumFigure('guests taken up, slowest, ms', adopted, ADOPTION_BAR_MS),
    medianFigure('API ready, median, ms', ready, ADOPTION_BAR_MS),
    maximumFigure('API ready, slowest, ms', ready, ADOPTION_BAR_MS),
  ];
}
