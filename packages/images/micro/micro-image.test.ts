import assert from 'node:assert/strict';
import { copyFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { HttpListener } from '@ironbark/platform/http/server.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import type { BuiltImage } from '../build/built-image.ts';
import { type FakeMetadata, serveMetadata } from '../testing/fake-metadata.ts';
import { bootGuest, type Guest } from '../testing/guest.ts';
import { missingPrograms } from '../testing/requirements.ts';
import { buildMicroImage } from './build-micro-image.ts';

const skip = await missingPrograms([
  'qemu-system-x86_64',
  'ssh',
  'ssh-keygen',
  'mke2fs',
  'apt-get',
]);
const LOGIN_TIMEOUT_MS = 60_000;
const SETTLE_TIMEOUT_MS = 20_000;
const METADATA: Omit<FakeMetadata, 'publicKeys'> = {
  instanceId: 'i-0123456789abcdef0',
  hostname: 'ip-10-0-2-15.ec2.internal',
  userData: '#!/bin/sh\necho said by the user\necho ran >> /root/user-data-runs\n',
  tokens: 'required',
};

describe('the micro image', { skip }, () => {
  let folder: string;
  let image: BuiltImage;
  let guest: Guest;
  let metadata: HttpListener;
  const publicKeys: string[] = [];

  const boot = async (tokens: FakeMetadata['tokens']) => {
    metadata = await serveMetadata({ ...METADATA, publicKeys, tokens });
    guest = await bootGuest({
      image,
      folder,
      diskPath: join(folder, 'disk.raw'),
      keyPath: join(folder, 'ed25519'),
      metadataPort: metadata.port,
    });
  };
  const halt = async () => {
    await guest?.[Symbol.asyncDispose]();
    await metadata?.[Symbol.asyncDispose]();
  };
  const shell = async (command: string) => (await guest.ssh(command)).stdout.trim();
  const settled = (command: string, what: string) =>
    waitFor(() => guest.ssh(command).catch(() => undefined), {
      clock: systemClock,
      timeoutMs: SETTLE_TIMEOUT_MS,
      what,
    });

  before(async () => {
    // Kept between runs: a build takes longer than the test.
    const workDir = join(tmpdir(), 'ironbark-image-tests');
    image = await buildMicroImage({
      workDir,
      commands: systemCommands,
      clock: systemClock,
      logger: silentLogger,
    });
    folder = await mkdtemp(join(tmpdir(), 'ironbark-micro-test-'));
    for (const type of ['ed25519', 'rsa']) {
      const path = join(folder, type);
      await systemCommands.run('ssh-keygen', ['-q', '-t', type, '-N', '', '-f', path]);
      publicKeys.push((await readFile(`${path}.pub`, 'utf8')).trim());
    }
    await copyFile(image.files.root, join(folder, 'disk.raw'));
    await truncate(join(folder, 'disk.raw'), 2 * GIB);
    await boot('required');
    await guest.waitUntilSshAnswers(LOGIN_TIMEOUT_MS);
  });

  after(async () => {
    await halt();
    await rm(folder, { recursive: true, force: true });
  });

  test('takes its name from the metadata service, with a token', async () => {
    assert.equal(await shell('hostname'), METADATA.hostname);
  });

  test('lets an RSA key in, and nobody with a password', async () => {
    const { stdout } = await guest.ssh('cut -d: -f2 /etc/shadow | sort -u', {
      keyPath: join(folder, 'rsa'),
    });
    assert.equal(stdout.trim(), '*');
    assert.doesNotMatch(await shell('ps'), /getty|login/);
  });

  test('runs the user data once, its output on the console, and tells when it was ready', async () => {
    await settled('test -e /var/log/user-data.log', 'user data');
    assert.equal(await shell('cat /root/user-data-runs'), 'ran');
    await waitFor(async () => (await guest.console()).includes('user data ended with 0'), {
      clock: systemClock,
      timeoutMs: SETTLE_TIMEOUT_MS,
      what: 'end of user data on the console',
    });
    const text = await guest.console();
    assert.match(text, /said by the user/);
    assert.match(text, /ironbark: ready in \d+\.\d+s/);
  });

  test('uses the whole of a larger disk', async () => {
    await settled('test -s /var/lib/ironbark/root-sectors', 'growth of the root file system');
    const kib = Number((await shell('df -k / | tail -1')).split(/\s+/)[1]);
    assert.ok(kib * 1024 > 1.8 * GIB, `${kib} KiB`);
  });

  test('sees the optimal I/O size of the disk profile and its read-ahead', async () => {
    const queue = await shell('cd /sys/block/vda/queue; cat optimal_io_size read_ahead_kb');
    assert.deepEqual(queue.split('\n').map(Number), [1 * MIB, 2048]);
  });

  test('measures: fio, dd and iperf3 run', async () => {
    const fio = await shell(
      'fio --name=t --filename=/root/fio --size=4m --bs=64k --rw=write --direct=1 ' +
        '--ioengine=libaio --iodepth=4 --output-format=terse',
    );
    assert.match(fio, /^3;fio-/);
    const dd = 'dd if=/dev/vda of=/dev/null bs=64k count=16 iflag=direct';
    assert.match((await guest.ssh(dd)).stderr, /1048576 bytes .*copied/);
    const iperf = await shell('iperf3 -s -1 -D && usleep 300000 && iperf3 -c 127.0.0.1 -t 1');
    assert.match(iperf, /receiver/);
  });

  test('has the initiators of the lab', async () => {
    assert.equal(
      await shell('modprobe -a aoe nbd nvme_tcp && ls -d /sys/module/aoe'),
      '/sys/module/aoe',
    );
    assert.match((await guest.ssh('nbd-client -V')).stdout, /nbd-client/);
  });

  test('takes a disk while it runs, and lets it go', async () => {
    const path = join(folder, 'volume.raw');
    await writeFile(path, '');
    await truncate(path, 64 * MIB);
    const { qmp } = guest;
    await qmp.execute('blockdev-add', {
      driver: 'raw',
      'node-name': 'volume',
      file: { driver: 'file', filename: path },
    });
    await qmp.execute('device_add', {
      driver: 'virtio-blk-pci',
      id: 'volume-disk',
      bus: 'plug',
      drive: 'volume',
      serial: 'vol0123456789abcdef0',
    });
    const link = '/dev/disk/by-id/virtio-vol0123456789abcdef0';
    await settled(`test -b ${link}`, 'link of the new disk');
    await guest.ssh(
      `mkfs.ext4 -q ${link} && mount ${link} /mnt && echo kept > /mnt/file && umount /mnt`,
    );
    await qmp.execute('device_del', { id: 'volume-disk' });
    await settled(`! test -L ${link}`, 'end of the disk');
    assert.ok((await readFile(path)).includes('kept\n'));
  });

  test('takes files by scp', async () => {
    await guest.copy(join(folder, 'rsa.pub'), '/root/copied');
    assert.equal(await shell('cat /root/copied'), publicKeys[1]);
  });

  test('powers down by the power button, and boots again as itself from version 1', async () => {
    await guest.qmp.execute('system_powerdown').catch(() => undefined);
    await guest.waitUntilGone(SETTLE_TIMEOUT_MS);
    assert.match(await guest.console(), /power button/);
    await halt();
    await boot('absent');
    // A changed host key would fail here: the key of the first boot is known.
    await guest.waitUntilSshAnswers(LOGIN_TIMEOUT_MS);
    assert.equal(await shell('hostname'), METADATA.hostname);
    assert.equal(await shell('cat /root/user-data-runs'), 'ran');
  });

  test('reboots', async () => {
    const before = await shell('cat /proc/sys/kernel/random/boot_id');
    await guest.ssh('reboot').catch(() => undefined);
    const rebooted = async () => {
      const now = await shell('cat /proc/sys/kernel/random/boot_id').catch(() => before);
      return now !== before;
    };
    await waitFor(rebooted, {
      clock: systemClock,
      timeoutMs: LOGIN_TIMEOUT_MS,
      what: 'login after the reboot',
      intervalMs: 500,
    });
    assert.ok(await guest.isRunning());
  });
});
