// Instances that start on another node than the one that is away with what it knows of them, in a simulated cloud of which
// processes die at any step: never on two nodes, and nothing left on the one that comes back.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { InstanceId, NodeId } from '@ironbark/core/ids.ts';
import { lookAround } from '../support/simulation/found.ts';
import { Life } from '../support/simulation/life.ts';
import { findDoubles, findOrphans } from '../support/simulation/orphans.ts';
import { registerEbsImage } from '../support/simulation/registered-image.ts';
import { CONTROLLERS, World } from '../support/simulation/world.ts';

const SEEDS = 12;
const AWAY_MS = 120_000;
/** A lease, and until the cloud has heard of its end. */
const LOST_MS = 45_000;

test('an instance starts elsewhere while its node is away, whatever dies meanwhile, and is never on both', async () => {
  for (let seed = 1; seed <= SEEDS; seed += 1) await runSeed(seed);
});

async function runSeed(seed: number): Promise<void> {
  using world = new World({ seed, nodes: 3 });
  const { simulation, steps } = world;
  const life = new Life(world);
  await life.begin();
  life.imageId = (await registerEbsImage(world)).imageId;
  const id = await life.launch();
  await life.untilPower(id, 'running');
  await life.power('StopInstances', id, 'stopped');
  const home = homeOf(world, id);
  world.restartAfterMs = () => AWAY_MS;
  world.crash(home);
  await life.pass(LOST_MS);
  // A controller, or a node that has or had it, ends at some of the next steps, before or after it.
  world.restartAfterMs = () => simulation.between(1, 3_000);
  let armed = simulation.between(1, 12);
  let left = 3;
  steps.choose = () => {
    armed -= 1;
    if (armed > 0 || left === 0) return undefined;
    armed = simulation.between(1, 12);
    left -= 1;
    return simulation.happens(0.5) ? 'crashes before' : 'crashes after';
  };
  if (simulation.happens(0.3)) world.crash(simulation.pick(CONTROLLERS)!);
  await life.power('StartInstances', id, 'running');
  assert.notEqual(homeOf(world, id), home, `seed ${seed}`);
  await life.pass(AWAY_MS + 30_000);
  steps.choose = () => undefined;
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

function homeOf(world: World, id: InstanceId): NodeId {
  const path = '/simulated/cloud/cloud.db';
  const [row] = world.databases.rows(path, `select node_id from instance where id = '${id}'`);
  return row!['node_id'] as NodeId;
}
