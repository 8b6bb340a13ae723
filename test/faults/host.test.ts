// Faults of the host, each done once: what takes seconds of `npm run faults -- host`, with its bars.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { type Figure, missedInTest } from '../support/figures.ts';
import { processesNaming } from '../support/host-snapshot.ts';
import { whyNoSlowSyncs } from '../support/slow-syncs.ts';
import { runDaemonKills } from './daemon-kill/daemon-kills.ts';
import { clockJumps } from './host/clock-jumps.ts';
import { fullState } from './host/full-state.ts';
import { asFleet, createGuestLab, type GuestLab } from './host/guest-lab.ts';
import { lostMessages } from './host/lost-messages.ts';
import { reusedPids } from './host/reused-pids.ts';
import { slowDisk } from './host/slow-disk.ts';
import { wedgedGuest } from './host/wedged-guest.ts';

const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: real guests and small disks need root';

let lab: GuestLab;
const quiet = { explain: (_line: string) => {} };

before(async () => {
  if (skip === false) lab = await createGuestLab();
});
after(async () => {
  if (lab === undefined) return;
  await lab[Symbol.asyncDispose]();
  assert.deepEqual(processesNaming(lab.cloud.dataDir), []);
});

test('clocks that jump: nobody is switched off early, stuck or lost', async () => {
  assertReached(await clockJumps(quiet));
});

test('a pid that is somebody else’s by now is never taken for ours and never killed', async () => {
  assertReached(await reusedPids(quiet));
});

test('a daemon starts on a disk that has not one block left', { skip }, async () => {
  assertReached(await fullState(quiet));
});

test('messages that are lost one way: what is wanted happens once', async () => {
  assertReached(await lostMessages(quiet));
});

test('a slow disk: reading stays in time', async (t) => {
  const reason = await whyNoSlowSyncs();
  if (reason !== undefined) return t.skip(reason);
  assertReached(await slowDisk(quiet));
});

test('a hypervisor that hangs holds up nobody, is told, and is taken up again', {
  skip,
}, async (t) => {
  const context = { explain: (line: string) => t.diagnostic(line) };
  assertReached(await wedgedGuest(lab, context));
});

test('a daemon that is killed again and again: no guest notices', { skip }, async (t) => {
  const explain = (line: string) => t.diagnostic(line);
  const fleet = await asFleet(lab);
  const figures = await runDaemonKills(lab.cloud, { kills: 5, fleet, explain });
  assertReached(figures);
});

function assertReached(figures: readonly Figure[]): void {
  assert.deepEqual(missedInTest(figures), []);
}
