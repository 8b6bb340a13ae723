// The disk that holds a cloud's state has not one block left while its daemon is killed: the next one starts on it,
// takes up every guest and answers what only reads.

import { GIB, KIB } from '@ironbark/core/units.ts';
import { CloudUnderTest } from '../../support/cloud-under-test.ts';
import { medianFigure } from '../../support/figures.ts';
import { SmallDisk } from '../../support/small-disk.ts';
import { replaceDaemon } from '../daemon-kill/daemon-kills.ts';
import { makeSimulatedFleet } from '../daemon-kill/simulated-fleet.ts';
import type { Scenario } from './scenario.ts';

const GUESTS = 3;
const DISK_BYTES = 2 * GIB;
const START_BAR_MS = 10_000;

export const fullState: Scenario = async ({ explain }) => {
  await using disk = await SmallDisk.make(DISK_BYTES);
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated', parent: disk.path });
  const fleet = await makeSimulatedFleet(cloud, GUESTS);
  try {
    await disk.fill(64 * KIB);
    await disk.fill(0).catch(() => {});
    explain(`full state: ${await disk.freeBytes()} bytes are free`);
    const { readyMs } = await replaceDaemon(cloud, GUESTS);
    const figures = await fleet.judge();
    return [
      ...figures.map((figure) => ({ ...figure, name: `full state: ${figure.name}` })),
      medianFigure('full state: guests taken up and API ready, ms', [readyMs], START_BAR_MS),
    ];
  } finally {
    await disk.empty();
  }
};
