// A real guest writes to a volume while what serves the volume is killed under it: it stalls, goes on, and every
// byte is there; or while the volume is taken from it by force. One guest lives through all of it.

import assert from 'node:assert/strict';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProcessIn } from '@ironbark/platform/processes.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { startFio, TROUBLE } from '../support/guest-fio.ts';
import { checkBlocks, longestStall, startWriter } from '../support/guest-writer.ts';
import { findDevice } from '../support/guests.ts';
import {
  attachVolume,
  createSnapshot,
  createVolume,
  deleteVolume,
  detachVolume,
  targetPid,
} from '../support/volumes.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: real guests on a bridge need root for taps';
/** The target is back in a tenth of a second, and QEMU tries again one second after its first try. */
const STALL_LIMIT_S = 4;
/** How long nothing serves the volume while the daemon is dead: more than any retry that would hide it. */
const OUTAGE_S = 3;
/** Again and again, by a guest from which the volume is taken. */
const MIB_WRITTEN = 8;
/** Some six seconds of writes. */
const FIO = { path: '/mnt/v/fio', size: '48m', rate: '8m' };

let cloud: CloudUnderTest;
let guest: DirectGuest;
let volume = '';

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start();
  guest = await launchDirectGuest(cloud);
  volume = await createVolume(cloud);
  const device = await attach(volume, '/dev/sdf');
  await guest.run(`mke2fs -q -t ext4 ${device} && mkdir -p /mnt/v && mount ${device} /mnt/v`);
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

test('a guest that writes outlives its storage daemon: it stalls, goes on, and has its data', {
  skip,
}, async (t) => {
  await guest.run('echo before > /mnt/v/before; sync');
  const early = await createSnapshot(cloud, volume);
  const fio = await startFio(guest, FIO);
  const writer = await startWriter(guest, '/mnt/v/data');
  await writer.untilMore(3);
  const killed = await killTarget();
  const seen = await writer.untilMore(5);
  t.diagnostic(`stalled for ${longestStall(seen)} s`);
  assert.ok(longestStall(seen) < STALL_LIMIT_S, `stalled for ${longestStall(seen)} s`);
  assert.notEqual(await targetPid(cloud, volume), killed);
  await checkBlocks(guest, '/mnt/v/data', await writer.stop());
  await fio.untilVerified();
  assert.equal(await guest.run(TROUBLE), '');
  await guest.run('echo after > /mnt/v/after; sync');
  const late = await createSnapshot(cloud, volume);
  const [then, now] = await Promise.all([filesOf(early, '/dev/sdg'), filesOf(late, '/dev/sdh')]);
  assert.equal(then, 'before');
  assert.equal(now, 'after\nbefore\ndata\nfio');
});

test('it does so too while the Ironbark daemon is dead, and goes on when that comes back', {
  skip,
}, async (t) => {
  const fio = await startFio(guest, FIO);
  const writer = await startWriter(guest, '/mnt/v/data');
  await writer.untilMore(3);
  process.kill(await cloud.daemonPid(), 'SIGKILL');
  await killTarget();
  await eventually('an outage', async () => {
    const last = (await writer.read()).at(-1)!.uptimeS;
    return (await uptime()) - last > OUTAGE_S;
  });
  await cloud.up();
  const seen = await writer.untilMore(5);
  t.diagnostic(`stalled for ${longestStall(seen)} s`);
  assert.ok(longestStall(seen) > OUTAGE_S);
  await checkBlocks(guest, '/mnt/v/data', await writer.stop());
  await fio.untilVerified();
  assert.equal(await guest.run(TROUBLE), '');
});

test('after that the volume comes off and on again, and its file system is clean', {
  skip,
}, async () => {
  await guest.run('umount /mnt/v');
  await detachVolume(cloud, volume);
  const device = await attach(volume, '/dev/sdg');
  await guest.run(`e2fsck -f -n ${device} && mount ${device} /mnt/v`);
  assert.equal(await guest.run('cat /mnt/v/before /mnt/v/after'), 'before\nafter');
});

test('a guest whose QEMU is killed is started again, with its volume and what it wrote', {
  skip,
}, async () => {
  const writer = await startWriter(guest, '/mnt/v/data');
  await writer.untilMore(3);
  const written = await writer.stop();
  const served = await targetPid(cloud, volume);
  process.kill(await hypervisorPid(), 'SIGKILL');
  await eventually('the guest’s second boot', async () => (await uptime().catch(() => 1e9)) < 60);
  assert.equal(await targetPid(cloud, volume), served, 'the storage daemon served on');
  const device = await findDevice(guest.run, volume);
  await guest.run(`mkdir -p /mnt/v && mount ${device} /mnt/v`);
  await checkBlocks(guest, '/mnt/v/data', written);
  await guest.run(`umount /mnt/v && e2fsck -f -n ${device}`);
});

test('a volume that is taken by force from a guest that hangs while it writes: errors there, nothing in the volume', {
  skip,
}, async (t) => {
  const taken = await createVolume(cloud);
  const device = await attach(taken, '/dev/sdi');
  const write = `dd if=/dev/urandom of=${device} bs=1M count=${MIB_WRITTEN} oflag=direct conv=notrunc`;
  await guest.start(`while ${write}; do :; done; echo ended > /root/writer.ended`);
  await eventually('the guest to write', async () => !(await isZero(taken)));
  const hypervisor = await hypervisorPid();
  process.kill(hypervisor, 'SIGSTOP');
  try {
    await detachVolume(cloud, taken, { force: true });
    await writeZeros(taken);
  } finally {
    process.kill(hypervisor, 'SIGCONT');
  }
  const startedMs = performance.now();
  const isGone = `[ -s /root/writer.ended ] && [ ! -e ${device} ] && echo gone`;
  await eventually('the guest to be told', () => guest.run(isGone).catch(() => false));
  t.diagnostic(`told after ${((performance.now() - startedMs) / 1e3).toFixed(1)} s`);
  assert.ok(await isZero(taken), 'the guest wrote on');
  const again = await attach(taken, '/dev/sdi');
  await guest.run(`dd if=${again} of=${again} bs=1M count=1 conv=notrunc,fsync`);
  await detachVolume(cloud, taken);
  await deleteVolume(cloud, taken);
});

/** Where the guest wrote, as the volume's file has it. */
async function isZero(volumeId: string): Promise<boolean> {
  await using file = await open(fileOf(volumeId));
  const { buffer } = await file.read(Buffer.alloc(MIB_WRITTEN * MIB), 0, MIB_WRITTEN * MIB, 0);
  return buffer.every((byte) => byte === 0);
}

async function writeZeros(volumeId: string): Promise<void> {
  const to = [`of=${fileOf(volumeId)}`, 'bs=1M', `count=${MIB_WRITTEN}`, 'conv=notrunc,fsync'];
  await systemCommands.run('dd', ['if=/dev/zero', ...to]);
}

function fileOf(volumeId: string): string {
  return join(cloud.dataDir, 'storage/volumes', `${volumeId}.raw`);
}

async function attach(volumeId: string, device: string): Promise<string> {
  await attachVolume(cloud, volumeId, { instanceId: guest.id, device });
  return await findDevice(guest.run, volumeId);
}

/** Kills what serves the volume; gives its process id. */
async function killTarget(): Promise<number> {
  const pid = await targetPid(cloud, volume);
  process.kill(pid, 'SIGKILL');
  return pid;
}

async function uptime(): Promise<number> {
  return Number(await guest.run('cut -d" " -f1 /proc/uptime'));
}

async function hypervisorPid(): Promise<number> {
  const found = await findProcessIn(join(cloud.dataDir, 'node/instances', guest.id, 'run'));
  return found!.pid;
}

/** The files on a volume that is made from a snapshot. */
async function filesOf(snapshotId: string, as: string): Promise<string> {
  const copy = await createVolume(cloud, snapshotId);
  const device = await attach(copy, as);
  const place = `/mnt/${copy}`;
  const list = `ls ${place} | grep -v lost+found`;
  const files = await guest.run(
    `mkdir -p ${place} && mount ${device} ${place} && ${list} && umount ${place}`,
  );
  await detachVolume(cloud, copy);
  return files;
}
