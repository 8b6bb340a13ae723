import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, waitFor } from './clock.ts';
import { systemCommands } from './commands.ts';
import {
  endProcess,
  findProcess,
  findProcesses,
  findProcessIn,
  isAlive,
  readProcess,
  signalProcess,
} from './processes.ts';

const SIGTERM = 15;

async function ignores(pid: number, signal: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  const ignored = BigInt(`0x${/^SigIgn:\t([0-9a-f]+)$/m.exec(status)![1]}`);
  return ((ignored >> BigInt(signal - 1)) & 1n) === 1n;
}

const STDIO = { stdio: ['ignore', 'ignore', 'ignore'] as const };

test('a detached process is found by an argument and ended', async () => {
  const mark = `--mark=${process.pid}-${process.hrtime.bigint()}`;
  const script = 'setInterval(() => {}, 1000)';
  await systemCommands.startDetached(process.execPath, ['-e', script, '--', mark], STDIO);
  const [found] = await waitFor(
    async () => {
      const all = await findProcesses((argument) => argument === mark);
      return all.length > 0 && all;
    },
    { clock: systemClock, timeoutMs: 5_000, what: 'the process' },
  );
  await endProcess(found!, { clock: systemClock, graceMs: 5_000 });
  assert.deepEqual(await findProcesses((argument) => argument === mark), []);
  await endProcess(found!, { clock: systemClock, graceMs: 5_000 });
});

test('a process that ignores SIGTERM is killed', async () => {
  const script = "trap '' TERM; exec sleep 100";
  const { pid } = await systemCommands.startDetached('sh', ['-c', script], STDIO);
  const target = await waitFor(
    async () => ((await ignores(pid, SIGTERM)) ? readProcess(pid) : undefined),
    { clock: systemClock, timeoutMs: 5_000, what: 'its deafness' },
  );
  const startedMs = systemClock.monotonicMs();
  await endProcess(target, { clock: systemClock, graceMs: 300 });
  assert.ok(systemClock.monotonicMs() - startedMs >= 300, 'it had its time');
  assert.equal(await readProcess(pid), undefined);
});

test('a process that does not exist is undefined and takes no signal', async () => {
  const beyondAnyPid = 2 ** 22 + 1;
  assert.equal(await readProcess(beyondAnyPid), undefined);
  assert.equal(await findProcess(beyondAnyPid), undefined);
  assert.equal(await signalProcess({ pid: beyondAnyPid, startTicks: 1 }, 'SIGTERM'), false);
});

test('a process is found by its folder; another that has its pid now is left alone', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-process-'));
  const script = 'setInterval(() => {}, 1000)';
  const options = { ...STDIO, cwd: folder };
  const { pid } = await systemCommands.startDetached(process.execPath, ['-e', script], options);
  const found = await findProcessIn(folder);
  assert.equal(found?.pid, pid);
  const earlier = { pid, startTicks: found.startTicks - 1 };
  assert.equal(await isAlive(earlier), false);
  assert.equal(await signalProcess(earlier, 'SIGKILL'), false);
  await endProcess(earlier, { clock: systemClock, graceMs: 1_000 });
  assert.equal(await isAlive(found), true);
  await endProcess(found, { clock: systemClock, graceMs: 5_000 });
  assert.equal(await findProcessIn(folder), undefined);
  await rm(folder, { recursive: true });
});

test('a process that was told to end in another way is only waited for', async () => {
  const script = 'setTimeout(() => {}, 200); process.on("SIGTERM", () => process.exit(1))';
  const { pid } = await systemCommands.startDetached(process.execPath, ['-e', script], STDIO);
  const target = (await findProcess(pid))!;
  await endProcess(target, { clock: systemClock, graceMs: 10_000, isAsked: true });
  assert.equal(await isAlive(target), false);
});
