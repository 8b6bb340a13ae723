import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock, waitFor } from './clock.ts';
import { systemCommands } from './commands.ts';
import { endProcess, findProcesses, readProcess, signalProcess } from './processes.ts';

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
  const script = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')";
  const { pid } = await systemCommands.startDetached(process.execPath, ['-e', script], STDIO);
  const target = await waitFor(() => readProcess(pid), {
    clock: systemClock,
    timeoutMs: 5_000,
    what: 'the process',
  });
  await endProcess(target, { clock: systemClock, graceMs: 300 });
  assert.equal(await readProcess(pid), undefined);
});

test('a process that does not exist is undefined and takes no signal', async () => {
  const beyondAnyPid = 2 ** 22 + 1;
  assert.equal(await readProcess(beyondAnyPid), undefined);
  assert.equal(signalProcess(beyondAnyPid, 'SIGTERM'), false);
});
