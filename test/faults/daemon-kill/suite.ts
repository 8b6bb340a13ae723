// Owns `npm run faults -- daemon-kill`: so many kills of the daemon with so many guests, real or simulated.

import { CloudUnderTest } from '../../support/cloud-under-test.ts';
import type { FaultSuite } from '../../support/fault-suite.ts';
import { runDaemonKills } from './daemon-kills.ts';
import { makeRealFleet } from './real-fleet.ts';
import { makeSimulatedFleet } from './simulated-fleet.ts';

const KILLS = 100;
const GUESTS = 3;

export const daemonKillSuite: FaultSuite = async (options) => {
  const { count = KILLS, guests = GUESTS, hypervisor, explain } = options;
  await using cloud = await CloudUnderTest.start({ hypervisor });
  const make = hypervisor === 'simulated' ? makeSimulatedFleet : makeRealFleet;
  const fleet = await make(cloud, guests);
  return await runDaemonKills(cloud, { kills: count, fleet, explain });
};
