import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { buildProgram } from '../program.ts';
import { renderCompletion } from './completion.ts';

const program = buildProgram({
  version: '0',
  path: '',
  showsErrors: true,
  createContext: () => assert.fail('completion runs no command'),
  onExit: () => {},
});
const script = renderCompletion(program, 'bash');

/** What a real bash offers for a line whose last word is being written. */
async function complete(...words: string[]): Promise<string[]> {
  const quoted = words.map((word) => `'${word}'`).join(' ');
  const asked = [
    script,
    `COMP_WORDS=(${quoted}); COMP_CWORD=${words.length - 1}`,
    '_ironbark; printf "%s\\n" "${COMPREPLY[@]}"',
  ];
  const { stdout } = await systemCommands.run('bash', ['-c', asked.join('\n')]);
  return stdout.split('\n').filter((word) => word !== '');
}

test('commands are completed', async () => {
  assert.deepEqual(await complete('ironbark', 'lau'), ['launch']);
  assert.ok((await complete('ironbark', '')).includes('doctor'));
});

test('commands below a command are completed, and what they take', async () => {
  assert.deepEqual(await complete('ironbark', 'image', 'b'), ['build']);
  assert.deepEqual(await complete('ironbark', 'image', 'build', 'd'), ['debian-12']);
  assert.deepEqual(await complete('ironbark', 'completion', 'z'), ['zsh']);
});

test('options are completed, with the values that they can have', async () => {
  assert.deepEqual(await complete('ironbark', 'up', '--net'), ['--network']);
  assert.deepEqual(await complete('ironbark', 'up', '--network', ''), [
    'bridge',
    'user',
    'simulated',
  ]);
  assert.deepEqual(await complete('ironbark', 'down', '--j'), ['--json']);
});

test('the value of an option is not taken for a command, and files are left to the shell', async () => {
  assert.deepEqual(await complete('./ironbark', '--data-dir', 'down', 'up', '--po'), ['--port']);
  assert.deepEqual(await complete('ironbark', 'launch', '--user-data', ''), []);
});

test('hidden options stay hidden', async () => {
  assert.ok(!(await complete('ironbark', 'up', '--')).includes('--simulated-failures'));
});

test('bash knows the function as the one of ironbark, however it is called', async () => {
  const { stdout } = await systemCommands.run('bash', ['-c', `${script}\ncomplete -p ironbark`]);
  assert.match(stdout, /-F _ironbark ironbark/);
});
