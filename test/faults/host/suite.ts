// Owns `npm run faults -- host`: the faults that a host can have, each done once. `--only NAME` does one alone.

import type { FaultSuite } from '../../support/fault-suite.ts';
import { type Figure, zeroFigure } from '../../support/figures.ts';
import { processesNaming } from '../../support/host-snapshot.ts';
import { clockJumps } from './clock-jumps.ts';
import { diskErrors } from './disk-errors.ts';
import { fullDisk } from './full-disk.ts';
import { fullState } from './full-state.ts';
import { createGuestLab } from './guest-lab.ts';
import { lostMessages } from './lost-messages.ts';
import { processKills } from './process-kills.ts';
import { reusedPids } from './reused-pids.ts';
import type { GuestScenario, Scenario, ScenarioContext } from './scenario.ts';
import { slowDisk } from './slow-disk.ts';
import { wedgedGuest } from './wedged-guest.ts';

export const SCENARIOS: Readonly<Record<string, Scenario>> = {
  'clock-jumps': clockJumps,
  'full-state': fullState,
  'lost-messages': lostMessages,
  'reused-pids': reusedPids,
  'slow-disk': slowDisk,
};

export const GUEST_SCENARIOS: Readonly<Record<string, GuestScenario>> = {
  'wedged-guest': wedgedGuest,
  'full-disk': fullDisk,
  'disk-errors': diskErrors,
  'process-kills': processKills,
};

export const hostSuite: FaultSuite = async ({ only, explain }) => {
  const isAsked = ([name]: readonly [string, unknown]) => only === undefined || name === only;
  const plain = Object.entries(SCENARIOS).filter(isAsked);
  const onGuests = Object.entries(GUEST_SCENARIOS).filter(isAsked);
  if (plain.length + onGuests.length === 0) throw new Error(`no fault ${only}`);
  const figures: Figure[] = [];
  for (const [, scenario] of plain) figures.push(...(await scenario({ explain })));
  if (onGuests.length > 0) {
    const scenarios = onGuests.map(([, scenario]) => scenario);
    figures.push(...(await runOnGuests(scenarios, { explain })));
  }
  return figures;
};

/** All of them on the same guests, one after the other; at the end nothing of the cloud is left. */
async function runOnGuests(
  scenarios: readonly GuestScenario[],
  context: ScenarioContext,
): Promise<Figure[]> {
  const figures: Figure[] = [];
  let dataDir = '';
  {
    await using lab = await createGuestLab();
    ({ dataDir } = lab.cloud);
    for (const scenario of scenarios) figures.push(...(await scenario(lab, context)));
  }
  return [...figures, zeroFigure('processes left over', processesNaming(dataDir).length)];
}
