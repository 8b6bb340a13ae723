// Kills the daemon with SIGKILL again and again under guests that work while the API is asked: no guest may end, and
// the next daemon takes all of them up at once.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { systemClock } from '@ironbark/platform/clock.ts';
import { findProcess, findProcesses } from '@ironbark/platform/processes.ts';
import type { DaemonStatus } from '../../../packages/cli/daemon/admin-api.ts';
import { findDaemon } from '../../../packages/cli/daemon/admin-client.ts';
import { type CloudUnderTest, eventually } from '../../support/cloud-under-test.ts';
import { type Figure, medianFigure, percentileFigure, zeroFigure } from '../../support/figures.ts';
import type { Fleet } from './fleet.ts';

/** The design's bar: each guest is taken up again within so long of the node's start. */
const ADOPTION_BAR_MS = 2_000;
/** Node.js, the state stores and the services before the node come first; half of it is enough on a quiet host. */
const READY_BAR_MS = 5_000;
/** Kills come at different moments after a start: this far apart, around within so long. */
const MOMENT_STEP_MS = 137;
const MOMENTS_MS = 1_000;
const LOOK = { intervalMs: 25 };
/** The client signs and parses on the processors that the next daemon starts on. */
const LOAD_PAUSE_MS = 25;

export interface DaemonKillOptions {
  kills: number;
  fleet: Fleet;
  /** For people. */
  explain: (line: string) => void;
}

interface Outcome {
  /** What the next daemon's node took from its own start until it knew that every guest runs. */
  nodeMs: number;
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
      const outcome = await replaceDaemon(cloud, fleet.size);
      outcomes.push(outcome);
      const { nodeMs, adoptedMs, readyMs } = outcome;
      explain(
        `kill ${kill + 1}: guests taken up in ${nodeMs} ms, ${adoptedMs} ms after the daemon's start; API after ${readyMs} ms`,
      );
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
        () => {},
      );
      await systemClock.sleep(LOAD_PAUSE_MS);
    }
  };
  const asking = ask();
  const stop = async () => {
    stopping.abort();
    await asking;
  };
  return { stop, answered: () => answered };
}

/** Kills the daemon and starts the next; waits until that has taken up so many guests. */
export async function replaceDaemon(cloud: CloudUnderTest, guests: number): Promise<Outcome> {
  const killed = await cloud.daemonPid();
  process.kill(killed, 'SIGKILL');
  await eventually('the end of the daemon', async () => !(await findProcess(killed)), LOOK);
  const up = cloud.ironbark('up', '--yes', '--no-image', '--no-tune');
  const started = eventually('the next daemon', () => findDaemonAfter(cloud, killed), LOOK);
  const [adoptedMs, readyMs] = await Promise.all([
    eventually('all guests taken up', () => ageOnceAdopted(cloud, guests), LOOK),
    eventually('an answer of the API', async () => ageOnceReady(cloud, await started), LOOK),
  ]).finally(() => up);
  const nodeMs = await readNodeTime(cloud, guests);
  return { nodeMs, adoptedMs: Math.round(adoptedMs), readyMs: Math.round(readyMs) };
}

/** What the newest node says of itself in the log; endless when it did not find every guest at once. */
async function readNodeTime(cloud: CloudUnderTest, guests: number): Promise<number> {
  const log = await readFile(join(cloud.dataDir, 'ironbark.log'), 'utf8');
  const line = log.split('\n').findLast((each) => each.includes('"guests taken up"'));
  const said = JSON.parse(line ?? '{}') as { running?: number; tookMs?: number };
  return said.running === guests ? said.tookMs! : Number.POSITIVE_INFINITY;
}

async function ageOnceAdopted(cloud: CloudUnderTest, guests: number): Promise<number | undefined> {
  const status = await findStatus(cloud);
  if (status === undefined) return undefined;
  const running = status.node.instances.filter(({ power }) => power === 'running');
  return running.length < guests ? undefined : await ageMs(status.pid);
}

async function findStatus(cloud: CloudUnderTest): Promise<DaemonStatus | undefined> {
  return await (await findDaemon(cloud.dataDir))?.status();
}

async function ageOnceReady(cloud: CloudUnderTest, pid: number): Promise<number | undefined> {
  return await cloud
    .ec2()
    .call('DescribeRegions', {})
    .then(
      () => ageMs(pid),
      () => undefined,
    );
}

/** Known before the API is asked: what the last one had under way is answered even a moment after its end. */
async function findDaemonAfter(cloud: CloudUnderTest, killed: number): Promise<number | undefined> {
  const started = await findProcesses((argument) => argument === cloud.dataDir);
  return started.find(({ pid, argv }) => pid !== killed && argv.at(-1) === 'serve')?.pid;
}

/** The kernel counts the start of processes in hundredths of a second: USER_HZ on Linux. */
const TICKS_PER_SECOND = 100;

/** Undefined when it has ended. */
async function ageMs(pid: number): Promise<number | undefined> {
  const [uptime] = (await readFile('/proc/uptime', 'utf8')).split(' ');
  const found = await findProcess(pid);
  return found && (Number(uptime) - found.startTicks / TICKS_PER_SECOND) * 1_000;
}

function judgeTimes(outcomes: readonly Outcome[]): Figure[] {
  const node = outcomes.map(({ nodeMs }) => nodeMs);
  const adopted = outcomes.map(({ adoptedMs }) => adoptedMs);
  const ready = outcomes.map(({ readyMs }) => readyMs);
  const late = node.filter((ms) => ms > ADOPTION_BAR_MS).length;
  return [
    zeroFigure(`times that not all guests were taken up in ${ADOPTION_BAR_MS} ms`, late),
    medianFigure('guests taken up by the node, median, ms', node, ADOPTION_BAR_MS),
    percentileFigure('guests taken up by the node, p99, ms', node, ADOPTION_BAR_MS),
    medianFigure("the same since the daemon's start, median, ms", adopted, READY_BAR_MS),
    percentileFigure("the same since the daemon's start, p99, ms", adopted, 2 * READY_BAR_MS),
    medianFigure("API ready since the daemon's start, median, ms", ready, READY_BAR_MS),
    percentileFigure("API ready since the daemon's start, p99, ms", ready, 2 * READY_BAR_MS),
  ];
}
