// Owns a disk that is slow to make things durable, for one process: each of its syncs takes so much longer, by strace.

import { readFile, stat } from 'node:fs/promises';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProcess, signalProcess } from '@ironbark/platform/processes.ts';
import { eventually } from './cloud-under-test.ts';

const STRACE = '/usr/bin/strace';

/** Why it cannot be had here; undefined when it can. */
export async function whyNoSlowSyncs(): Promise<string | undefined> {
  const isThere = await stat(STRACE).then(
    () => true,
    () => false,
  );
  return isThere ? undefined : 'NOT RUN: strace is missing (Debian: strace)';
}

/** Until disposed. */
export async function slowSyncs(pid: number, delayMs: number): Promise<AsyncDisposable> {
  const calls = 'fsync,fdatasync';
  const inject = `inject=${calls}:delay_enter=${delayMs * 1_000}`;
  const args = [
    '-f',
    '-q',
    '-o',
    '/dev/null',
    '-e',
    `trace=${calls}`,
    '-e',
    inject,
    '-p',
    `${pid}`,
  ];
  const stdio = ['ignore', 'ignore', 'ignore'] as const;
  const tracer = await systemCommands.startDetached(STRACE, args, { stdio });
  const identity = await findProcess(tracer.pid);
  await eventually('the slow disk', async () => (await tracerOf(pid)) === tracer.pid, {
    clock: systemClock,
    intervalMs: 20,
  });
  return {
    [Symbol.asyncDispose]: async () => {
      if (identity !== undefined) await signalProcess(identity, 'SIGTERM');
      await eventually('the end of the slow disk', async () => (await tracerOf(pid)) === 0);
    },
  };
}

async function tracerOf(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'TracerPid:\t0');
  return Number(status.match(/^TracerPid:\s*(\d+)/m)?.[1]);
}
