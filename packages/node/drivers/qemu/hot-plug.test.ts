import assert from 'node:assert/strict';
import { readdir, readFile, rm, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { DIRECT, PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { connectQmp } from '@ironbark/platform/qmp.ts';
import { serveVolume } from '../../testing/block-target.ts';
import { createDriverLab, isRoot, readConsoleUntil, whyNoQemu } from '../../testing/driver-lab.ts';
import type { GuestHandle, HypervisorDriver } from '../hypervisor-driver.ts';
import { diskNames, QMP_SOCKET } from './argv.ts';

const VOLUME: VolumeId = 'vol-0123456789abcdef0';
const skip = await whyNoQemu();

describe('hot-plug', { skip, concurrency: 1 }, () => {
  test('a volume is plugged in and out of the running guest, each step repeatable', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    await readConsoleUntil(lab.driver, handle, 'hello');
    using volume = await serveVolume(lab.dataDir);
    const disk = { serial: VOLUME, source: volume.source, profile: DIRECT };
    const profile = await lab.driver.attachDisk(handle, disk);
    assert.equal(profile.optimalIoBytes, 2_097_152);
    assert.deepEqual(await lab.driver.attachDisk(handle, disk), profile);
    const serials = (await lab.driver.listDisks(handle)).map(({ serial }) => serial);
    assert.deepEqual(serials.sort(), ['root', VOLUME]);
    const stats = await lab.driver.diskStats(handle);
    assert.ok(stats.some(({ serial }) => serial === VOLUME));
    assert.equal(await lab.driver.detachDisk(handle, VOLUME), true);
    assert.equal(await lab.driver.detachDisk(handle, VOLUME), true);
    const left = (await lab.driver.listDisks(handle)).map(({ serial }) => serial);
    assert.deepEqual(left, ['root']);
    const run = await readdir(join(handle.directory, 'run'));
    assert.deepEqual(run, ['qmp.sock']);
    // And once more, so that nothing of the first time is in the way.
    await lab.driver.attachDisk(handle, disk);
    assert.equal(await lab.driver.detachDisk(handle, VOLUME), true);
  });

  test('a card is plugged in and out, with the descriptor of its tap', {
    skip: !isRoot,
  }, async () => {
    await using lab = await createDriverLab();
    const spec = await lab.prepare(1);
    const name = `ibplug${process.pid}`.slice(0, 15);
    const ip = (...args: string[]) => systemCommands.run('ip', args);
    await ip('tuntap', 'add', name, 'mode', 'tap', 'user', String(spec.uid), 'vnet_hdr');
    try {
      await ip('link', 'set', name, 'up');
      const carrier = () => readFile(`/sys/class/net/${name}/carrier`, 'utf8');
      const handle = await lab.driver.start(spec);
      await readConsoleUntil(lab.driver, handle, 'hello');
      assert.deepEqual(await lab.driver.listNics(handle), []);
      const port = {
        kind: 'tap',
        interfaceName: name,
        queues: 1,
        vhost: false,
        mtu: 9_001,
      } as const;
      const id = 'eni-0123456789abcdef0';
      const nic = { id, macAddress: '02:00:00:00:00:05', port, profile: PARAVIRTUAL } as const;
      for (const round of [1, 2]) {
        await lab.driver.attachNic(handle, nic);
        await lab.driver.attachNic(handle, nic);
        assert.deepEqual(await lab.driver.listNics(handle), [id], `round ${round}`);
        assert.equal((await carrier()).trim(), '1', 'QEMU has the tap open');
        if (round === 2) {
          for (const _ of [1, 2]) await lab.driver.cutNic(handle, id);
          assert.deepEqual(await lab.driver.listNics(handle), [id], 'the guest still has the card');
          assert.equal((await carrier()).trim(), '0', 'and QEMU no tap for it');
        }
        assert.equal(await lab.driver.detachNic(handle, id), true);
        assert.equal(await lab.driver.detachNic(handle, id), true);
        assert.deepEqual(await lab.driver.listNics(handle), []);
        assert.equal((await carrier()).trim(), '0', 'nobody has it open');
      }
    } finally {
      await ip('link', 'delete', name);
    }
  });

  test('a volume whose target is not there is refused and leaves nothing in the guest', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    const socketPath = join(lab.dataDir, 'absent.sock');
    const source = { kind: 'nbd-unix', socketPath, exportName: 'v' } as const;
    await assert.rejects(
      lab.driver.attachDisk(handle, { serial: VOLUME, source, profile: DIRECT }),
    );
    assert.deepEqual(
      (await lab.driver.listDisks(handle)).map(({ serial }) => serial),
      ['root'],
    );
    using volume = await serveVolume(lab.dataDir);
    await lab.driver.attachDisk(handle, { serial: VOLUME, source: volume.source, profile: DIRECT });
    assert.equal(await lab.driver.detachDisk(handle, VOLUME), true);
  });

  test('a guest is led to a target that was started again, and to none that was unplugged', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    const first = await serveVolume(lab.dataDir);
    const disk = { serial: VOLUME, source: first.source, profile: DIRECT };
    await lab.driver.attachDisk(handle, disk);
    assert.deepEqual(await lab.driver.findCutOff(handle, []), []);
    first[Symbol.dispose]();
    assert.deepEqual(await lab.driver.findCutOff(handle, []), [], 'there is no other socket yet');
    await rm(disk.source.socketPath);
    assert.deepEqual(await lab.driver.findCutOff(handle, []), [], 'there is no socket at all');
    using _second = await serveVolume(lab.dataDir);
    assert.deepEqual(await lab.driver.findCutOff(handle, []), [VOLUME]);
    await lab.newDriver().reconnectDisk(handle, VOLUME, []);
    assert.deepEqual(await lab.driver.findCutOff(handle, []), []);
    const own = await stat(join(handle.directory, 'run', `${VOLUME}.sock`));
    assert.equal(own.ino, (await stat(disk.source.socketPath)).ino);
    if (isRoot) assert.deepEqual([own.uid, own.mode & 0o777], [handle.uid, 0o600]);
    assert.equal(await lab.driver.detachDisk(handle, VOLUME), true);
    await lab.driver.reconnectDisk(handle, VOLUME, []);
    assert.deepEqual(await readdir(join(handle.directory, 'run')), ['qmp.sock']);
  });

  test('a guest that still has a volume which is served to others by now is not led to it', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    const first = await serveVolume(lab.dataDir);
    const { source, [Symbol.dispose]: end } = first;
    await lab.driver.attachDisk(handle, { serial: VOLUME, source, profile: DIRECT });
    end();
    await rm(source.socketPath);
    // Each opening of a volume is served somewhere else.
    using other = await serveVolume(lab.dataDir, MIB, 'other.sock');
    assert.deepEqual(await lab.driver.findCutOff(handle, []), []);
    await lab.driver.reconnectDisk(handle, VOLUME, []).catch(() => {});
    const way = join(handle.directory, 'run', `${VOLUME}.sock`);
    const { ino } = await stat(other.source.socketPath);
    assert.notEqual((await stat(way)).ino, ino);
    // Unless it is to have it again.
    const wanted = [{ volumeId: VOLUME, source: other.source }];
    assert.deepEqual(await lab.driver.findCutOff(handle, wanted), [VOLUME]);
    await lab.driver.reconnectDisk(handle, VOLUME, wanted);
    assert.equal((await stat(way)).ino, ino);
    assert.deepEqual(await lab.driver.findCutOff(handle, []), []);
    assert.equal(await lab.driver.detachDisk(handle, VOLUME), true);
  });

  test('requests that wait for a volume which was taken by force end with errors, also after a restart', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    const target = await serveVolume(lab.dataDir);
    const { source } = target;
    await lab.driver.attachDisk(handle, { serial: VOLUME, source, profile: DIRECT });
    await lab.driver[Symbol.asyncDispose]();
    target[Symbol.dispose]();
    await startWrite(handle);
    let aheadMs = 0;
    const clock = { ...systemClock, monotonicMs: () => systemClock.monotonicMs() + aheadMs };
    {
      await using driver = lab.newDriver({ clock });
      assert.deepEqual(await driver.findCutOff(handle, []), [], 'its name is there');
      await rm(source.socketPath);
      assert.deepEqual(await driver.findCutOff(handle, []), [], 'it may be moving');
      aheadMs += 5_000;
      const wanted = [{ volumeId: VOLUME, source }];
      assert.deepEqual(await driver.findCutOff(handle, wanted), [], 'it is waited for');
      assert.deepEqual(await driver.findCutOff(handle, []), []);
      aheadMs += 5_000;
      assert.deepEqual(await driver.findCutOff(handle, []), [VOLUME]);
      await driver.reconnectDisk(handle, VOLUME, []);
      assert.deepEqual(await driver.findCutOff(handle, []), []);
      const timing = { clock: systemClock, timeoutMs: 20_000, what: 'the write fails' };
      await waitFor(() => failsAWrite(driver, handle), timing);
    }
    await startWrite(handle);
    await using driver = lab.newDriver();
    assert.equal(await driver.detachDisk(handle, VOLUME), true);
    assert.deepEqual(await readdir(join(handle.directory, 'run')), ['qmp.sock']);
    const left = await readdir(handle.directory);
    assert.deepEqual(
      left.filter((name) => name.startsWith(VOLUME)),
      [],
    );
  });

  test('a guest sees that its volume has grown, once the target says so', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    const first = await serveVolume(lab.dataDir);
    const disk = { serial: VOLUME, source: first.source, profile: DIRECT };
    await lab.driver.attachDisk(handle, disk);
    const sizeOf = async () =>
      (await lab.driver.listDisks(handle)).find(({ serial }) => serial === VOLUME)?.sizeBytes;
    assert.equal(await sizeOf(), MIB);
    await assert.rejects(lab.driver.growDisk(handle, VOLUME, 2 * MIB), /Cannot grow NBD nodes/);
    assert.equal(await sizeOf(), MIB);
    first[Symbol.dispose]();
    await rm(disk.source.socketPath);
    await assert.rejects(lab.driver.growDisk(handle, VOLUME, 2 * MIB), /not being served/);
    using _second = await serveVolume(lab.dataDir, 2 * MIB);
    await lab.driver.reconnectDisk(handle, VOLUME, []);
    await lab.driver.growDisk(handle, VOLUME, 2 * MIB);
    assert.equal(await sizeOf(), 2 * MIB);
    await lab.driver.growDisk(handle, VOLUME, 2 * MIB);
    assert.equal(await lab.driver.detachDisk(handle, VOLUME), true);
  });

  test('a target that accepts and does not greet is refused while the guest runs on', async () => {
    await using lab = await createDriverLab();
    const handle = await lab.driver.start(await lab.prepare(1));
    const socketPath = join(lab.dataDir, 'hung.sock');
    const hung = createServer(() => {});
    await new Promise<void>((resolve) => hung.listen(socketPath, resolve));
    const source = { kind: 'nbd-unix', socketPath, exportName: 'v' } as const;
    const attach = lab.driver.attachDisk(handle, { serial: VOLUME, source, profile: DIRECT });
    const refused = assert.rejects(attach, /not being served/);
    const stats = await lab.driver.diskStats(handle);
    assert.deepEqual(
      stats.map(({ serial }) => serial),
      ['root'],
    );
    await refused;
    await new Promise((resolve) => hung.close(resolve));
  });
});

/** As a guest does whose operating system writes: QEMU's monitor has the disk do it. */
async function startWrite({ directory, uid }: GuestHandle): Promise<void> {
  const socketPath = join(directory, 'run', QMP_SOCKET);
  const qmp = await connectQmp({ socketPath, clock: systemClock, ownerUid: uid, timeoutMs: 5_000 });
  const backend = `/machine/peripheral/${diskNames(VOLUME).device}/virtio-backend`;
  const write = `qemu-io -d ${backend} "aio_write 0 4k"`;
  await qmp.execute('human-monitor-command', { 'command-line': write });
  qmp.close();
}

async function failsAWrite(driver: HypervisorDriver, handle: GuestHandle): Promise<boolean> {
  const stats = await driver.diskStats(handle);
  return stats.some(({ serial, failedOps }) => serial === VOLUME && failedOps > 0);
}
