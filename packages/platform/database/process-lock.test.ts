import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCommands } from '../commands.ts';
import { acquireProcessLock } from './process-lock.ts';

test('one process has the lock, and it ends with the process', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-lock-'));
  const path = join(folder, 'lock');
  const module = join(import.meta.dirname, 'process-lock.ts');
  const script = `import { acquireProcessLock } from ${JSON.stringify(module)};
    process.stdout.write(String(acquireProcessLock(${JSON.stringify(path)}) !== undefined));
    process.kill(process.pid, 'SIGKILL');`;
  const other = async () => {
    const args = [
      '-c',
      '"$@" || true',
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ];
    return (await systemCommands.run('sh', args)).stdout;
  };
  try {
    assert.equal(await other(), 'true');
    {
      using lock = acquireProcessLock(path);
      assert.ok(lock !== undefined);
      assert.equal(acquireProcessLock(path), undefined);
      assert.equal(await other(), 'false');
    }
    assert.equal(await other(), 'true');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
