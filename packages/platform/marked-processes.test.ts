import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCommands } from './commands.ts';
import { CLEAN_ENVIRONMENT } from './confinement.ts';
import { findMarked, findNoted, writePid } from './marked-processes.ts';

test('a program is found by its number and its mark, and a number that is another one’s is nobody', async () => {
  await using made = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-marked-'));
  made.defer(() => rm(folder, { recursive: true }));
  const mark = `mark-of-${process.pid},`;
  const args = ['-e', 'setInterval(() => {}, 60_000)', '--', mark];
  const how = { cwd: folder, env: CLEAN_ENVIRONMENT };
  const program = await systemCommands.startAttached(process.execPath, args, how);
  made.defer(async () => {
    program.kill('SIGKILL');
    await program.ended;
  });
  const marked = { mark, folder };
  const [found, ...others] = await findMarked(marked);
  assert.deepEqual(others, []);
  assert.deepEqual(await findMarked({ mark, folder: tmpdir() }), [], 'of another folder');
  const pidFile = join(folder, 'pid');
  assert.equal(await findNoted(pidFile, marked), undefined);
  await writePid(pidFile, found!.pid);
  assert.equal((await findNoted(pidFile, marked))?.startTicks, found!.startTicks);
  await writePid(pidFile, process.pid);
  assert.equal(await findNoted(pidFile, marked), undefined);
});
