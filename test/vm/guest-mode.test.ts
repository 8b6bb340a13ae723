// Attach mode `guest`, through the API and with a real guest: its own AoE or NBD driver has the volume under the name that
// any volume has. It stalls and goes on when what serves it is killed, sees it grow, has it after a reboot, lets go of it
// when it is asked, and loses it when it is forced.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { startFio, TROUBLE } from '../support/guest-fio.ts';
import {
  createGuestVolume,
  guestTargetPids,
  linkOf,
  untilThere,
} from '../support/guest-volumes.ts';
import { checkBlocks, longestStall, startWriter } from '../support/guest-writer.ts';
import { checkSnapshotUnderLoad } from '../support/snapshot-under-load.ts';
import { attachVolume, detachVolume, targetPid } from '../support/volumes.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: real guests on a bridge need root for taps';
/** A guest that does not power itself off in time is reset after a minute and a half. */
const BOOT_TIMEOUT_MS = 150_000;
/** The target and the daemon are back within a second or two; Linux asks again after some seconds at most. */
const STALL_LIMIT_S = 25;

let cloud: CloudUnderTest;
let guest: DirectGuest;
let volume = '';
let overNbd = '';
let device = '';

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start();
  guest = await launchDirectGuest(cloud);
  volume = await createGuestVolume(cloud);
  overNbd = await createGuestVolume(cloud, 'nbd');
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

test('a volume that the guest drives itself has the name that any volume has', {
  skip,
}, async (t) => {
  const startedMs = systemClock.monotonicMs();
  await attachVolume(cloud, volume, { instanceId: guest.id, device: '/dev/sdf' });
  device = await untilThere(guest, volume);
  t.diagnostic(`attached and there in ${Math.round(systemClock.monotonicMs() - startedMs)} ms`);
  assert.match(device, /^\/dev\/etherd\/e\d+\.0$/);
  const link = linkOf(volume);
  // Small: each write is waited for, two sectors a frame.
  await guest.run(
    `mke2fs -q -t ext4 -J size=4 ${link} 64M && mkdir -p /mnt/v && mount ${link} /mnt/v`,
  );
  const { attachMode, transport } = await show(volume);
  assert.deepEqual([attachMode, transport], ['guest', 'aoe']);
  assert.equal(await guest.run('ls /sys/block | grep -c "^vd"'), '1', 'QEMU has no disk for it');
});

test('it outlives the AoE target, the storage daemon, and both', { skip }, async (t) => {
  const fio = await startFio(guest, { path: '/mnt/v/fio', size: '4m', rate: '2m' });
  const writer = await startWriter(guest, '/mnt/v/data');
  await writer.untilMore(3);
  for (const kill of [killTarget, killDaemon, killBoth]) {
    await kill();
    const seen = await writer.untilMore(2);
    t.diagnostic(`after ${kill.name}: stalled for ${longestStall(seen)} s`);
    assert.ok(longestStall(seen) < STALL_LIMIT_S, `stalled for ${longestStall(seen)} s`);
  }
  await checkBlocks(guest, '/mnt/v/data', await writer.stop());
  await fio.untilVerified();
  assert.equal(await guest.run(TROUBLE), '');
});

test('it grows in the guest’s sight', { skip }, async () => {
  await cloud.ec2().call('ModifyVolume', { VolumeId: volume, Size: 2 });
  const size = `cat "/sys/block/etherd!${device.split('/').at(-1)}/size"`;
  await eventually('the new length', async () => Number(await guest.run(size)) * 512 === 2 * GIB);
  await guest.run(`resize2fs ${device} 96M`);
});

test('over NBD it is the same: it outlives its target and the daemon, and grows', {
  skip,
}, async (t) => {
  await attachVolume(cloud, overNbd, { instanceId: guest.id, device: '/dev/sdn' });
  const disk = await untilThere(guest, overNbd);
  assert.match(disk, /^\/dev\/nbd\d+$/);
  await guest.run(
    `mke2fs -q -t ext4 -J size=4 ${disk} 64M && mkdir -p /mnt/n && mount ${disk} /mnt/n`,
  );
  const writer = await startWriter(guest, '/mnt/n/data');
  await writer.untilMore(1);
  for (const kill of [killNbdTarget, killNbdDaemon]) {
    await kill();
    const seen = await writer.untilMore(2);
    t.diagnostic(`after ${kill.name}: stalled for ${longestStall(seen)} s`);
    assert.ok(longestStall(seen) < STALL_LIMIT_S, `stalled for ${longestStall(seen)} s`);
  }
  await cloud.ec2().call('ModifyVolume', { VolumeId: overNbd, Size: 2 });
  const size = `cat /sys/block/${disk.split('/').at(-1)}/size`;
  await eventually('the new length', async () => Number(await guest.run(size)) * 512 === 2 * GIB);
  const { attachMode, transport, figures } = await show(overNbd);
  assert.deepEqual([attachMode, transport], ['guest', 'nbd']);
  assert.ok(figures!.VolumeWriteOps > 0, 'its writes are shown');
  await checkBlocks(guest, '/mnt/n/data', await writer.stop());
  assert.equal(await guest.run(TROUBLE), '');
});

test('a snapshot that is taken while the guest writes over AoE is of one moment, as it finds over NBD', {
  skip,
}, async () => {
  const way = { backend: 'file', guestTransport: 'aoe' } as const;
  await checkSnapshotUnderLoad(cloud, guest, {
    way,
    restoredTo: { ...way, guestTransport: 'nbd' },
  });
});

test('it is there after a reboot, and stays until the guest has let go of it', {
  skip,
}, async () => {
  await guest.run('echo kept > /mnt/v/kept; sync');
  const ec2 = cloud.ec2();
  const boot = await guest.run('cat /proc/sys/kernel/random/boot_id');
  await ec2.call('RebootInstances', { InstanceIds: [guest.id] });
  const isNext = async () => {
    const now = await guest.run('cat /proc/sys/kernel/random/boot_id').catch(() => boot);
    return now !== boot;
  };
  await eventually('the next boot', isNext, { timeoutMs: BOOT_TIMEOUT_MS });
  assert.equal(await untilThere(guest, volume), device);
  const disk = await untilThere(guest, overNbd);
  await guest.run(`mkdir -p /mnt/n && mount ${disk} /mnt/n && umount /mnt/n`);
  await detachVolume(cloud, overNbd);
  assert.equal(await guest.run(`ls ${linkOf(overNbd)} || true`), '');
  assert.deepEqual(await guestTargetPids(cloud, 'nbd'), []);
  await guest.run(`mkdir -p /mnt/v && mount ${linkOf(volume)} /mnt/v`);
  assert.equal(await guest.run('cat /mnt/v/kept'), 'kept');
  await ec2.call('DetachVolume', { VolumeId: volume });
  await guest.run('echo still here > /mnt/v/kept; sync');
  const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [volume] });
  assert.equal(Volumes![0]!.Attachments![0]!.State, 'detaching');
  await guest.run('umount /mnt/v');
  await detachVolume(cloud, volume);
  const isThere = `ls ${linkOf(volume)} /sys/block | grep -c etherd || true`;
  await eventually('it is gone', async () => (await guest.run(isThere)) === '0');
  assert.deepEqual(await guestTargetPids(cloud, 'aoe'), []);
});

test('a guest that is forced loses it at once: errors, and no wait without end', {
  skip,
}, async () => {
  for (const each of [volume, overNbd]) {
    await attachVolume(cloud, each, { instanceId: guest.id, device: '/dev/sdg' });
    const disk = await untilThere(guest, each);
    await guest.start(
      `rm -f /root/dd.exit; dd if=/dev/zero of=${disk} bs=64k oflag=direct; echo $? > /root/dd.exit`,
    );
    await cloud.ec2().call('DetachVolume', { VolumeId: each, Force: true });
    const exit = await eventually(
      'the end of the write',
      async () => (await guest.run('cat /root/dd.exit 2> /dev/null || true')) || undefined,
    );
    assert.equal(exit, '1');
    await detachVolume(cloud, each).catch(() => {});
  }
});

test('nothing of it is left when the instance has ended', { skip }, async () => {
  await attachVolume(cloud, volume, { instanceId: guest.id, device: '/dev/sdh' });
  await cloud.ec2().call('TerminateInstances', { InstanceIds: [guest.id] });
  await eventually('the volume is free', async () => {
    const { Volumes } = await cloud.ec2().call('DescribeVolumes', { VolumeIds: [volume] });
    return Volumes![0]!.State === 'available';
  });
  await eventually('no target', async () => (await guestTargetPids(cloud, 'aoe')).length === 0);
});

interface ShownVolume {
  volumeId: string;
  attachMode: string;
  transport: string;
  figures?: { VolumeWriteOps: number };
}

async function show(id: string): Promise<ShownVolume> {
  const all = await cloud.json<ShownVolume[]>('volumes');
  return all.find(({ volumeId }) => volumeId === id)!;
}

async function killNbdTarget(): Promise<void> {
  const [pid] = await guestTargetPids(cloud, 'nbd');
  process.kill(pid!, 'SIGKILL');
}

async function killNbdDaemon(): Promise<void> {
  process.kill(await targetPid(cloud, overNbd), 'SIGKILL');
}

async function killTarget(): Promise<void> {
  const [pid] = await guestTargetPids(cloud, 'aoe');
  process.kill(pid!, 'SIGKILL');
}

async function killDaemon(): Promise<void> {
  process.kill(await targetPid(cloud, volume), 'SIGKILL');
}

async function killBoth(): Promise<void> {
  await eventually('a target again', async () => (await guestTargetPids(cloud, 'aoe')).length > 0);
  await killTarget();
  await killDaemon();
}
