// Owns making a guest's life hard while it is measured: its processors, or the thread that serves it, are left with little
// time. What was done is undone.

import type { LabGuest } from '@ironbark/lab/guest/lab-guest.ts';
import { readThreads, SERVING_THREADS } from '@ironbark/lab/seen/threads.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists, writeUnsynced } from '@ironbark/platform/files.ts';
import type { Hardship } from './plants.ts';

const HOGS = 2;
const PATH = { PATH: '/usr/bin:/bin' };

export async function underHardship<T>(
  guest: LabGuest,
  hardship: Hardship | undefined,
  work: () => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  if (hardship === 'busy-guest') await keepGuestBusy(guest, stack);
  if (hardship === 'busy-host') await letOthersRun(guest, stack);
  if (hardship === 'busy-server') await standBack(guest, stack);
  return await work();
}

/** More loops in the guest than it has processors. */
async function keepGuestBusy(guest: LabGuest, stack: AsyncDisposableStack): Promise<void> {
  await guest.run(
    'for n in 1 2 3 4 5 6 7 8; do (while :; do :; done) & echo $! >> /tmp/loops; done',
  );
  stack.defer(async () => {
    await guest.run('kill $(cat /tmp/loops); rm /tmp/loops');
  });
}

/** Of each processor, about a tenth is left to the guest: `nice` 10 has a weight of 110 against 1,024 (sched(7)). */
const NICE = '10';

async function letOthersRun({ pid }: LabGuest, stack: AsyncDisposableStack): Promise<void> {
  await startHogs(stack);
  // Where sessions are groups of the scheduler's, the weight of the group is what counts.
  const group = `/proc/${pid}/autogroup`;
  const setWeight = async (nice: string) => {
    if (await exists(group)) await writeUnsynced(group, nice);
    const threads = [...(await readThreads(pid)).keys()];
    await systemCommands.run('renice', ['--priority', nice, '--pid', ...threads]);
  };
  stack.defer(() => setWeight('0'));
  await setWeight(NICE);
}

/** The threads that serve the guest run when nobody else wants to, and somebody always does. */
async function standBack(guest: LabGuest, stack: AsyncDisposableStack): Promise<void> {
  const threads = [...(await readThreads(guest.pid))].flatMap(([thread, { name }]) =>
    SERVING_THREADS.test(name) ? [thread] : [],
  );
  await startHogs(stack);
  const policy = async (flag: '--idle' | '--other') => {
    for (const thread of threads) await systemCommands.run('chrt', [flag, '--pid', '0', thread]);
  };
  stack.defer(() => policy('--other'));
  await policy('--idle');
}

async function startHogs(stack: AsyncDisposableStack): Promise<void> {
  for (let n = 0; n < HOGS; n++) {
    const hog = await systemCommands.startAttached('perl', ['-e', '1 while 1'], {
      ...{ cwd: '/', env: PATH, detached: true },
    });
    stack.defer(async () => {
      hog.kill('SIGKILL');
      await hog.ended;
    });
  }
}
