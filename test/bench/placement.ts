// Owns how many instances a second get a node, with few nodes and with many: part of `npm run bench -- ec2`.

import type { NodeId } from '@ironbark/core/ids.ts';
import { GIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { findPlaces } from '../../packages/cloud/app/capacity.ts';
import { replaceNodes } from '../../packages/cloud/store/nodes.ts';
import type { NodeRow } from '../../packages/cloud/store/schema.ts';
import { openStore, type Store } from '../../packages/cloud/store/store.ts';
import { atLeast, atMost, type Figure } from '../support/figures.ts';

const FEW = 10;
const MANY = 10_000;
const ROUNDS = 9;
const A_ROUND = 50;
/** The control plane's bars: docs/benchmarks.md. */
const RATE_BAR = 300;
const RATIO_BAR = 1.5;

const DEMAND = {
  id: 'i-1' as const,
  accountId: '111111111111',
  vcpus: 1,
  memoryMib: 1,
  rootDiskBytes: 1,
};
const OPTIONS = { allowSharedEmulation: false };

/** In turns, so that whatever else the machine does slows both. */
export async function measurePlacement(): Promise<Figure[]> {
  await using few = await openZone(FEW);
  await using many = await openZone(MANY);
  const timesMs = { few: [] as number[], many: [] as number[] };
  for (let round = 0; round <= ROUNDS; round++) {
    const ofFew = await timePlacements(few);
    const ofMany = await timePlacements(many);
    // The first round prepares statements.
    if (round === 0) continue;
    timesMs.few.push(ofFew);
    timesMs.many.push(ofMany);
  }
  const manyMs = medianOf(timesMs.many);
  return [
    atLeast(`placements a second, ${MANY} nodes`, 1_000 / manyMs, RATE_BAR),
    atMost(
      `a placement among ${MANY} nodes to one among ${FEW}`,
      manyMs / medianOf(timesMs.few),
      RATIO_BAR,
    ),
  ];
}

async function openZone(nodes: number): Promise<Store> {
  const store = await openStore(':memory:');
  await store.transaction((tx) => replaceNodes(tx, Array.from({ length: nodes }, makeNode)));
  return store;
}

/** Milliseconds of one: each in a transaction of its own, with its node counted again for the next one. */
async function timePlacements(store: Store): Promise<number> {
  const startedMs = systemClock.monotonicMs();
  for (let each = 0; each < A_ROUND; each++) {
    await store.transaction(async (tx) => {
      const { placed } = await findPlaces(tx, OPTIONS, [DEMAND]);
      await tx
        .updateTable('nodeUse')
        .set({ isStale: 1 })
        .where('nodeId', '=', placed[0]!.nodeId)
        .execute();
    });
  }
  return (systemClock.monotonicMs() - startedMs) / A_ROUND;
}

function medianOf(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

function makeNode(_: unknown, index: number): NodeRow {
  return {
    id: `node-${index}` satisfies NodeId,
    hostname: `host-${index}`,
    health: 'ready',
    hypervisor: 'double',
    accelerator: 'simulated',
    network: 'simulated',
    vcpus: 256,
    memoryMib: 2 ** 20 + index,
    diskBytes: 1_000 * GIB,
    diskFreeBytes: 1_000 * GIB,
    keepsVpcs: 1,
    isDraining: 0,
    reachesVolumes: 1,
    opensGates: 0,
  };
}
