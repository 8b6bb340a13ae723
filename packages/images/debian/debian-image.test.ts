import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { HttpListener } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { serveMetadata } from '../testing/fake-metadata.ts';
import { bootGuest, type Guest } from '../testing/guest.ts';
import { missingPrograms } from '../testing/requirements.ts';
import { buildDebianImage } from './build-debian-image.ts';

const skip =
  process.getuid?.() === 0
    ? await missingPrograms(['qemu-system-x86_64', 'ssh', 'ssh-keygen', 'mmdebstrap'])
    : 'NOT TESTED: building the Debian image needs root';
const LOGIN_TIMEOUT_MS = 240_000;
const SHUTDOWN_TIMEOUT_MS = 60_000;
const METADATA = {
  instanceId: 'i-0fedcba9876543210',
  hostname: 'ip-10-0-2-15.ec2.internal',
  userData: '#!/bin/sh\necho ran >> /root/user-data-runs\n',
  tokens: 'required' as const,
};

describe('the Debian image', { skip }, () => {
  let folder: string;
  let guest: Guest;
  let metadata: HttpListener;
  const shell = async (command: string) => (await guest.ssh(command)).stdout.trim();

  before(async () => {
    const image = await buildDebianImage({
      suite: 'bookworm',
      workDir: join(tmpdir(), 'ironbark-image-tests'),
      commands: systemCommands,
      clock: systemClock,
      logger: silentLogger,
    });
    folder = await mkdtemp(join(tmpdir(), 'ironbark-debian-test-'));
    const keyPath = join(folder, 'key');
    const diskPath = join(folder, 'disk.raw');
    await systemCommands.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keyPath]);
    await copyFile(image.files.root, diskPath);
    await truncate(diskPath, 4 * GIB);
    const publicKeys = [(await readFile(`${keyPath}.pub`, 'utf8')).trim()];
    metadata = await serveMetadata({ ...METADATA, publicKeys });
    const metadataPort = metadata.port;
    guest = await bootGuest({ image, folder, diskPath, keyPath, metadataPort, memoryMib: 1024 });
    await guest.waitUntilSshAnswers(LOGIN_TIMEOUT_MS);
  });

  after(async () => {
    await guest?.[Symbol.asyncDispose]();
    await metadata?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  });

  test('cloud-init ends well, with the metadata service as its source', async () => {
    const wait = { timeoutMs: LOGIN_TIMEOUT_MS };
    const { stdout } = await guest.ssh('cloud-init status --wait --long', wait);
    assert.match(stdout, /status: done/);
    assert.match(stdout, /DataSourceEc2/);
    assert.equal(await shell('systemctl is-system-running --wait'), 'running');
  });

  test('has its name, its user, and no password', async () => {
    assert.equal(await shell('hostname -f'), METADATA.hostname);
    assert.equal(await shell('sudo -n whoami'), 'root');
    assert.match(await shell('sudo cut -d: -f2 /etc/shadow | sort -u | tr "\\n" " "'), /^[!* ]+$/);
  });

  test('ran the user data once and grew its file system', async () => {
    assert.equal(await shell('sudo cat /root/user-data-runs'), 'ran');
    const kib = Number((await shell('df -k --output=size / | tail -1')).trim());
    assert.ok(kib * 1024 > 3.5 * GIB, `${kib} KiB`);
  });

  test('resolves names through its network, and updates itself from Debian', async () => {
    assert.match(await shell('resolvectl dns'), /10\.0\.2\.3/);
    assert.match(await shell('cat /etc/apt/sources.list'), /bookworm-security/);
  });

  test('powers down by the power button', async () => {
    await guest.qmp.execute('system_powerdown');
    await waitFor(async () => !(await guest.isRunning()), {
      clock: systemClock,
      timeoutMs: SHUTDOWN_TIMEOUT_MS,
      what: 'end of the guest',
    });
  });
});
