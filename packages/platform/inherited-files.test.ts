import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemCommands } from './commands.ts';

test('a child does not get what the parent of its parent left open', async () => {
  const module = new URL('./inherited-files.ts', import.meta.url).href;
  const look = `require('child_process').spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' }).stdout`;
  const program = (closes: boolean) => `
    const { keepInheritedFilesFromChildren } = await import('${module}');
    const count = ${closes} ? keepInheritedFilesFromChildren() : 0;
    const { createRequire } = await import('node:module');
    const require = createRequire('/');
    console.log(count + '\\n' + ${look});`;
  const run = async (closes: boolean) => {
    const leak = 'exec 200</dev/null; exec "$@"';
    const node = [process.execPath, '--input-type=module', '-e', program(closes)];
    // Without what the user has every bash do first.
    const bash = ['-u', 'BASH_ENV', 'bash', '-c', leak, 'bash'];
    return (await systemCommands.run('env', [...bash, ...node])).stdout;
  };
  assert.match(await run(false), / 200 -> /, 'the leak is real');
  const closed = await run(true);
  assert.doesNotMatch(closed, / 200 -> /);
  assert.ok(Number(closed.split('\n')[0]) >= 1);
});
