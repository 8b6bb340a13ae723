// Sets the host's clock an hour back and a day forward while the node waits for something: what waits goes on in its
// time, nobody is switched off early, and nobody is lost.

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startCluster } from '@ironbark/cluster/main.ts';
import { MetadataTokens } from '@ironbark/node/app/metadata-tokens.ts';
import { STOP_GRACE_MS } from '@ironbark/node/reconcilers/plan-instance.ts';
import { instanceLayout } from '@ironbark/node/store/instance-layout.ts';
import { createNodeLab, guestsOf, numbered, untilQuiet } from '@ironbark/node/testing/node-lab.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { eventually } from '../../support/cloud-under-test.ts';
import { zeroFigure } from '../../support/figures.ts';
import { JumpingClock } from '../../support/jumping-clock.ts';
import type { Scenario } from './scenario.ts';

const HOUR_MS = 3_600_000;
const JUMPS_MS = [-HOUR_MS, 24 * HOUR_MS];
/** A daemon acts within milliseconds of its start. */
const AT_ONCE = { timeoutMs: 500, intervalMs: 20 };
const PATIENCE = { timeoutMs: 10_000, intervalMs: 20 };

export const clockJumps: Scenario = async () => {
  let early = 0;
  let stuck = 0;
  let lost = 0;
  for (const jumpMs of JUMPS_MS) {
    const stop = await stopStubbornGuest(jumpMs);
    if (stop.wasEarly) early += 1;
    if (stop.isStuck) stuck += 1;
    if (await isCrashedGuestStuck(jumpMs)) stuck += 1;
    if (await isNodeLost(jumpMs)) lost += 1;
  }
  return [
    zeroFigure('clock jumps: guests switched off before their time', early),
    zeroFigure('clock jumps: stops and restarts that never come', stuck),
    zeroFigure('clock jumps: nodes that seem lost', lost),
    zeroFigure('clock jumps: metadata tokens that end early or never', countBadTokens()),
  ];
};

/** A guest ignores its stop; the clock jumps, and the daemon is started again in between. */
async function stopStubbornGuest(jumpMs: number): Promise<{ wasEarly: boolean; isStuck: boolean }> {
  const clock = new JumpingClock();
  await using lab = await createNodeLab({ ignoresShutdown: true });
  const { id } = numbered(1);
  {
    await using node = await lab.start({ clock });
    await lab.put(node, [numbered(1)]);
    await untilQuiet(node);
    await lab.put(node, [numbered(1, { power: 'stopped', generation: 2 })]);
    const { record } = instanceLayout(lab.dataDir, id);
    const isAsked = async () => (await readFile(record, 'utf8')).includes('stopAskedAtMs');
    await eventually('the request to stop', isAsked, PATIENCE);
  }
  clock.setWall(jumpMs);
  await using _node = await lab.start({ clock });
  clock.pass(STOP_GRACE_MS / 2);
  const isOff = async () => (await guestsOf(lab)).length === 0;
  const wasEarly = await eventually('its end', isOff, AT_ONCE).catch(() => false);
  const isStuck = !(await comes(clock, STOP_GRACE_MS, isOff));
  return { wasEarly, isStuck };
}

/** A guest has crashed three times, so that its next start waits; then the clock jumps. */
async function isCrashedGuestStuck(jumpMs: number): Promise<boolean> {
  const clock = new JumpingClock();
  await using lab = await createNodeLab();
  const { id } = numbered(1);
  for (let crash = 0; crash < CRASHES; crash++) {
    await using node = await lab.start({ clock });
    if (crash === 0) await lab.put(node, [numbered(1)]);
    const isUp = async () => (await guestsOf(lab)).length === 1;
    await comes(clock, LONGEST_PAUSE_MS, isUp);
    await untilQuiet(node);
    await rm(join(lab.dataDir, 'simulated-guests', `${id}.json`));
  }
  clock.setWall(jumpMs);
  await using _node = await lab.start({ clock });
  return !(await comes(clock, LONGEST_PAUSE_MS, async () => (await guestsOf(lab)).length === 1));
}

const CRASHES = 3;
/** After the third crash: one, two, four seconds. */
const LONGEST_PAUSE_MS = 4_000;

/** So much time passes, again and again for as long as a person would wait. */
async function comes(
  clock: JumpingClock,
  ms: number,
  probe: () => Promise<boolean>,
): Promise<boolean> {
  const look = async () => {
    if (await probe()) return true;
    clock.pass(ms / 10);
    return false;
  };
  // A tenth at each look; none of these waits may take more than twice its time.
  const limit = { ...PATIENCE, timeoutMs: 20 * 2 * PATIENCE.intervalMs };
  return await eventually('it', look, limit).catch(() => false);
}

async function isNodeLost(jumpMs: number): Promise<boolean> {
  const clock = new JumpingClock();
  await using lab = await createNodeLab();
  await using node = await lab.start({ clock });
  await using cluster = await startCluster({
    dataDir: join(lab.dataDir, 'cluster'),
    zone: 'z',
    nodes: [{ nodeId: 'node-1', client: node.client }],
    clock,
    random: seededRandom(1),
    logger: silentLogger,
  });
  const health = async () => (await cluster.client.describeNodes())[0]?.health;
  await eventually('the node', async () => (await health()) === 'ready', PATIENCE);
  clock.setWall(jumpMs);
  return (await health()) !== 'ready';
}

const TOKEN_SECONDS = 600;

function countBadTokens(): number {
  const clock = new JumpingClock();
  const tokens = new MetadataTokens({ clock, random: seededRandom(1) });
  const { id } = numbered(1);
  const token = tokens.issue(id, TOKEN_SECONDS);
  let bad = 0;
  for (const jumpMs of JUMPS_MS) {
    clock.setWall(jumpMs);
    if (tokens.verify(id, token) === undefined) bad += 1;
  }
  clock.pass(TOKEN_SECONDS * 1_000);
  clock.setWall(-HOUR_MS);
  if (tokens.verify(id, token) !== undefined) bad += 1;
  return bad;
}
