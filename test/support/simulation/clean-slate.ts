// Owns the assertion that a cloud in which everything was ended has nothing left: no row, guest, port, file, export
// or object.

import assert from 'node:assert/strict';
import type { Found } from './found.ts';
import { lookAround } from './found.ts';
import type { World } from './world.ts';

/** What is left, one line each. Rows of ended instances are shown for an hour, as in EC2, and are not counted. */
export function listLeftovers(found: Found): string[] {
  const { rows, stored } = found;
  const left: Record<string, readonly unknown[]> = {
    guest: found.guests,
    port: found.ports,
    'folder of an instance': found.folders,
    'volume file': found.volumeFiles,
    'point in time': found.frozenFiles,
    object: found.objects,
    block: found.blocks,
    'instance that is not over': rows.instance.filter((row) => row['forgotten_at'] === null),
    attachment: rows.attachment,
    volume: rows.volume,
    snapshot: rows.snapshot,
    'network interface': rows.networkInterface,
    'placed instance of the zone': found.placed,
    'volume of the storage': stored.volume,
    'snapshot of the storage': stored.snapshot,
  };
  return Object.entries(left).flatMap(([what, items]) =>
    items.map((item) => `${what}: ${JSON.stringify(item).slice(0, 200)}`),
  );
}

/** Call it when all is terminated and deleted; waits for the quiet in virtual time. */
export async function assertCleanSlate(world: World, limitMs = 3 * 60_000): Promise<void> {
  const { simulation } = world;
  const untilMs = simulation.nowMs + limitMs;
  let left = ['nobody looked'];
  while (left.length > 0 && simulation.nowMs < untilMs) {
    await simulation.run(simulation.nowMs + 1_000);
    left = listLeftovers(await lookAround(world));
  }
  assert.deepEqual(left, []);
}
