// A command that is interrupted leaves nothing behind; the benchmarks and the faults are such commands.

import assert from 'node:assert/strict';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists } from '@ironbark/platform/files.ts';
import { findProcesses, findProcessIn } from '@ironbark/platform/processes.ts';

const INTERRUPTION = join(import.meta.dirname, '../support/interruption.ts');
const COMMANDS = join(import.meta.dirname, '../../packages/platform/commands.ts');

/** Starts one process that names the folder and one that works in it, and is at work for ever. */
function commandIn(folder: string): string {
  return `
    import { mkdirSync } from 'node:fs';
    import { clearFolder, onInterruption, runInterruptibly } from '${INTERRUPTION}';
    import { systemCommands } from '${COMMANDS}';
    await runInterruptibly(async () => {
      using _held = onInterruption(() => clearFolder('${folder}'));
      mkdirSync('${folder}/run');
      const stdio = ['ignore', 'ignore', 'ignore'];
      await systemCommands.startDetached('tail', ['-f', '/dev/null'], { stdio, cwd: '${folder}/run' });
      await systemCommands.startDetached('tail', ['-F', '${folder}/none'], { stdio });
      console.log('at work');
      await new Promise(() => setInterval(() => {}, 1_000));
    });`;
}

test('a command that is interrupted ends what it has started, and says how it ended', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-interrupted-'));
  const args = ['--input-type=module', '-e', commandIn(folder)];
  const command = await systemCommands.startAttached(process.execPath, args, {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env['PATH'] ?? '' },
  });
  await new Promise((resolve) => command.stdout.once('data', resolve));
  assert.notEqual(await findProcessIn(join(folder, 'run')), undefined);
  command.kill('SIGTERM');
  assert.equal(await command.ended, 143);
  assert.equal(await exists(folder), false);
  assert.deepEqual(await findProcesses((argument) => argument === `${folder}/none`), []);
});
