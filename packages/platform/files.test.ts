import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCommands } from './commands.ts';
import { createFile } from './files.ts';

test('of several processes that create a file, one succeeds, and its bytes stay', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-files-'));
  const path = join(folder, 'file');
  const module = join(import.meta.dirname, 'files.ts');
  const script = (text: string) =>
    `import { createFile } from ${JSON.stringify(module)};
     process.stdout.write(String(await createFile(${JSON.stringify(path)}, '${text}')));`;
  const create = (text: string) =>
    systemCommands.run(process.execPath, ['--input-type=module', '-e', script(text)]);
  try {
    const answers = await Promise.all(['one', 'two', 'three'].map(create));
    const winners = answers.map(({ stdout }) => stdout).filter((answer) => answer === 'true');
    assert.equal(winners.length, 1);
    const kept = await readFile(path, 'utf8');
    assert.equal(await createFile(path, 'late'), false);
    assert.equal(await readFile(path, 'utf8'), kept);
    assert.deepEqual(await readdir(folder), ['file']);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
