// The short form of `npm run faults -- daemon-kill`: simulated guests here; real ones in host.test.ts, which has some.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { missedInTest } from '../support/figures.ts';
import { runDaemonKills } from './daemon-kill/daemon-kills.ts';
import { makeSimulatedFleet } from './daemon-kill/simulated-fleet.ts';

test('a daemon that is killed again and again: all of a hundred guests are taken up', async (t) => {
  await using cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const fleet = await makeSimulatedFleet(cloud, 100);
  const explain = (line: string) => t.diagnostic(line);
  const figures = await runDaemonKills(cloud, { kills: 3, fleet, explain });
  assert.deepEqual(missedInTest(figures), []);
});
