// Instances that start on another node than the one that is away with what it knows of them, in a simulated cloud of which
// processes die at any step: never on two nodes, and nothing left on the one that comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import { lookAround } from '../support/simulation/found.ts';
import { Life } from '../support/simulation/life.ts';
import { findDoubles, findOrphans } from '../support/simulation/orphans.ts';
import { registerEbsImage } from '../support/simulation/registered-image.ts';
import { CONTROLLERS, World } from '../support/simulation/world.ts';

const SEEDS = 3;
/** Nodes that were left come back before, while and after the instance comes to them again. */
const ROUNDS = 3;
/** A lease, and until the cloud has heard of its end. */
const LOST_MS = 45_000;
const AWAY_AT_MOST_MS = 200_000;

test('an instance starts elsewhere while its node is away, whatever dies meanwhile, and is never on both', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) await runSeed(seed);
});

async function runSeed(seed: number): Promise<void> {
  using world = new World({ seed, nodes: 5 });
  const { simulation } = world;
  const life = new Life(world);
  await life.begin();
  life.imageId = (await registerEbsImage(world)).imageId;
  const id = await life.launch();
  await life.untilPower(id, 'running');
  let moves = 0;
  for (let round = 0; round < ROUNDS; round += 1) {
    await life.power('StopInstances', id, 'stopped');
    const home = homeOf(world, id);
    world.restartAfterMs = () => simulation.between(LOST_MS + 5_000, AWAY_AT_MOST_MS);
    world.crash(home);
    await life.pass(LOST_MS);
    letStepsCrash(world);
    await start(life, id);
    await life.untilPower(id, 'running');
    // Where all were away the first to come back may be the one.
    if (homeOf(world, id) !== home) moves += 1;
    world.steps.choose = () => undefined;
  }
  assert.ok(moves > 0, `seed ${seed}`);
  await life.until('all is back and in order', (found) => {
    return world.isQuiet() && [...findOrphans(found), ...findDoubles(found)].length === 0;
  });
  const { guests, folders } = await lookAround(world);
  const place = [homeOf(world, id)];
  assert.deepEqual(
    guests.map(({ nodeId }) => nodeId),
    place,
    `seed ${seed}`,
  );
  assert.deepEqual(
    folders.map(({ nodeId }) => nodeId),
    place,
    `seed ${seed}`,
  );
  assert.deepEqual(simulation.violations, [], `seed ${seed}`);
}

/** Again while all nodes are away, as they are for a moment when the cluster has started. */
async function start(life: Life, id: InstanceId): Promise<void> {
  for (;;) {
    try {
      await life.call('StartInstances', { InstanceIds: [id] });
      return;
    } catch (error) {
      if (!isServiceError(error, 'insufficient-capacity')) throw error;
      await life.pass(1_000);
    }
  }
}

/** A few processes end at some of the next steps, before or after them, and are soon back. */
function letStepsCrash(world: World): void {
  const { simulation } = world;
  world.restartAfterMs = () => simulation.between(1, 3_000);
  let armed = simulation.between(1, 12);
  let left = 3;
  world.steps.choose = () => {
    armed -= 1;
    if (armed > 0 || left === 0) return undefined;
    armed = simulation.between(1, 12);
    left -= 1;
    return simulation.happens(0.5) ? 'crashes before' : 'crashes after';
  };
  if (simulation.happens(0.3)) world.crash(simulation.pick(CONTROLLERS)!);
}

function homeOf(world: World, id: InstanceId): NodeId {
  const path = '/simulated/cloud/cloud.db';
  const [row] = world.databases.rows(path, `select node_id from instance where id = '${id}'`);
  return row!['node_id'] as NodeId;
}
