// A guest's hypervisor hangs while the daemon is killed and started: the next daemon comes up in time, serves the
// others, tells the truth about the one that hangs, and takes it up when it answers again.

import { measureApi } from '../../support/api-latency.ts';
import { medianFigure, percentileFigure, zeroFigure } from '../../support/figures.ts';
import { replaceDaemon } from '../daemon-kill/daemon-kills.ts';
import { freeze, hypervisorOf, readBootId, systemStatus, untilStatus } from './guest-lab.ts';
import type { GuestScenario } from './scenario.ts';

/** The others' bar of the design. */
const API_BAR_MS = 1_000;
/** As without anything that hangs, and the second that the node waits for it. */
const START_BAR_MS = 6_000;

export const wedgedGuest: GuestScenario = async (lab, { explain }) => {
  const { cloud, first, other } = lab;
  const bootId = await readBootId(first);
  const hypervisor = await hypervisorOf(cloud, first);
  const wrong: string[] = [];
  let times: number[] = [];
  let readyMs = 0;
  {
    await using _frozen = await freeze(hypervisor);
    ({ readyMs } = await replaceDaemon(cloud, 1));
    explain(`wedged guest: API ready ${readyMs} ms after the daemon's start`);
    times = await measureApi(cloud);
    await untilStatus(lab, first, 'impaired');
    if ((await systemStatus(cloud, other)) !== 'ok') wrong.push('the other seems impaired');
    if ((await other.run('echo here')) !== 'here') wrong.push('the other does not answer');
  }
  await untilStatus(lab, first, 'ok');
  const now = await hypervisorOf(cloud, first);
  if (now.pid !== hypervisor.pid) wrong.push('another process');
  if ((await readBootId(first)) !== bootId) wrong.push('another boot');
  for (const each of wrong) explain(`wedged guest: ${each}`);
  return [
    zeroFigure('wedged guest: what went wrong', wrong.length),
    medianFigure("wedged guest: API ready since the daemon's start, ms", [readyMs], START_BAR_MS),
    percentileFigure('wedged guest: API, p99, ms', times, API_BAR_MS),
  ];
};
