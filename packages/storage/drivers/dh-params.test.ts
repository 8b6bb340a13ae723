import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { writeUnsynced } from '@ironbark/platform/files.ts';
import { renderDhParams } from './dh-params.ts';

test('OpenSSL reads the parameters of QEMU’s TLS servers, and finds them good', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ib-dh-'));
  try {
    const path = join(folder, 'dh-params.pem');
    await writeUnsynced(path, renderDhParams());
    const args = ['dhparam', '-in', path, '-check', '-text', '-noout'];
    const { stdout, stderr } = await systemCommands.run('openssl', args);
    assert.match(`${stdout}${stderr}`, /2048 bit/);
    assert.match(`${stdout}${stderr}`, /appear to be ok/);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
