// Linux's own AoE driver in a real guest as the judge of our target: frames of 9,000 bytes on a tap, a file system, and
// the target killed under a running, verified load. The guest stalls, goes on, and every byte is there.

import assert from 'node:assert/strict';
import { copyFile, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GIB, MIB } from '@ironbark/core/units.ts';
import { buildMicroImage } from '@ironbark/images/micro/build-micro-image.ts';
import { serveMetadata } from '@ironbark/images/testing/fake-metadata.ts';
import { bootGuest, type Guest } from '@ironbark/images/testing/guest.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { silentLogger } from '@ironbark/platform/logger.ts';
import { parseMac } from '@ironbark/protocol/aoe/frame.ts';
import { findAoeTarget } from '@ironbark/storage/drivers/aoe/target-process.ts';
import { AoeLab } from '../support/aoe/aoe-lab.ts';
import { CACHE_FOLDER } from '../support/cache-folder.ts';
import { renderFio, TROUBLE } from '../support/guest-fio.ts';

const skip = process.getuid?.() === 0 ? false : 'NOT TESTED: taps and packet sockets need root';
const GUEST_MAC = '02:1b:0a:0e:00:01';
const DEVICE = '/dev/etherd/e7.3';
const LOGIN_TIMEOUT_MS = 90_000;
/** Longer than Linux's first tries, so that it has to come back by itself. */
const OUTAGE_MS = 3_000;
/** Some six seconds of writes. */
const FIO = renderFio({ path: '/mnt/fio', size: '24m', rate: '4m' });

let lab: AoeLab;
let guest: Guest;
const disposal: (() => Promise<void>)[] = [];

before(async () => {
  if (skip !== false) return;
  lab = await AoeLab.create({ sizeBytes: 64 * MIB, ends: ['tap'] });
  disposal.push(async () => await lab[Symbol.asyncDispose]());
  const keyPath = join(lab.folder, 'key');
  await systemCommands.run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', keyPath]);
  const { stdout: publicKey } = await systemCommands.run('cat', [`${keyPath}.pub`]);
  const metadata = await serveMetadata({
    instanceId: 'i-0123456789abcdef0',
    hostname: 'guest',
    publicKeys: [publicKey.trim()],
    tokens: 'required',
  });
  disposal.push(async () => await metadata[Symbol.asyncDispose]());
  const image = await buildMicroImage({
    workDir: join(CACHE_FOLDER, 'images'),
    commands: systemCommands,
    clock: systemClock,
    logger: silentLogger,
  });
  const diskPath = join(lab.folder, 'root.raw');
  await copyFile(image.files['root']!, diskPath);
  await truncate(diskPath, GIB);
  await startTarget(64 * MIB);
  const tap = `tap,id=storage,ifname=${lab.wire.tapName},script=no,downscript=no`;
  const nic = `virtio-net-pci,netdev=storage,mac=${GUEST_MAC},host_mtu=9000`;
  guest = await bootGuest({
    image,
    diskPath,
    folder: lab.folder,
    keyPath,
    metadataPort: metadata.port,
    extraArguments: ['-netdev', tap, '-device', nic],
  });
  disposal.push(async () => await guest[Symbol.asyncDispose]());
  await guest.waitUntilSshAnswers(LOGIN_TIMEOUT_MS);
});
after(async () => {
  for (const work of disposal.reverse()) await work();
});

async function startTarget(sizeBytes: number): Promise<number> {
  await truncate(join(lab.host.folder, 'disk'), sizeBytes);
  return lab.startTarget([lab.settings({ admits: [parseMac(GUEST_MAC)!] })]);
}

async function shell(command: string): Promise<string> {
  return (await guest.ssh(command)).stdout.trim();
}

async function settled(command: string, what: string): Promise<void> {
  const holds = () => guest.ssh(command).catch(() => undefined);
  await waitFor(holds, { clock: systemClock, timeoutMs: 60_000, what, intervalMs: 250 });
}

test('a guest’s own AoE driver outlives the target: it stalls, goes on, and has its data', {
  skip,
}, async (t) => {
  const nic = `$(basename $(dirname $(grep -l ${GUEST_MAC} /sys/class/net/*/address)))`;
  await shell(`ip link set ${nic} mtu 9000 up && modprobe aoe`);
  await settled(`test -b ${DEVICE}`, 'the disk');
  assert.match(await shell('dmesg | grep "data frames"'), /setting 8704 byte data frames/);
  await shell(`mkfs.ext4 -q ${DEVICE} && mount ${DEVICE} /mnt`);
  await shell(
    `(${FIO} > /root/fio.log 2>&1; echo ended with $? >> /root/fio.log) < /dev/null > /dev/null 2>&1 &`,
  );
  const isWriting = async () => {
    const { exports } = await lab.status();
    return exports[0]!.counters.writeBytes > 8 * MIB;
  };
  await waitFor(isWriting, { clock: systemClock, timeoutMs: 60_000, what: 'verified writes' });
  await killTarget();
  const killedAtMs = systemClock.monotonicMs();
  await waitFor(() => systemClock.monotonicMs() - killedAtMs > OUTAGE_MS, {
    clock: systemClock,
    timeoutMs: 2 * OUTAGE_MS,
    what: 'an outage',
  });
  assert.equal(await shell('grep -c ended /root/fio.log || true'), '0');
  await startTarget(64 * MIB);
  await settled('grep ended /root/fio.log', 'the end of the load');
  t.diagnostic(`back and done in ${Math.round(systemClock.monotonicMs() - killedAtMs)} ms`);
  assert.match(await shell('tail -1 /root/fio.log'), /ended with 0/);
  await shell('umount /mnt');
  assert.match(await shell(`e2fsck -f -n ${DEVICE} 2>&1 | tail -1`), /files/);
  assert.equal(await shell(TROUBLE), '');
  const { exports, counters } = await lab.status();
  assert.deepEqual([exports[0]!.counters.faults, counters.malformed], [0, 0]);
});

async function killTarget(): Promise<void> {
  const { pid } = (await findAoeTarget(lab.host))!;
  process.kill(pid, 'SIGKILL');
  const isGone = async () => (await findAoeTarget(lab.host)) === undefined;
  await waitFor(isGone, { clock: systemClock, timeoutMs: 5_000, what: 'the target’s end' });
}

test('it sees a disk that has grown, and its whole file system is there afterwards', {
  skip,
}, async () => {
  await truncate(join(lab.host.folder, 'disk'), 96 * MIB);
  await lab.serve([lab.settings({ admits: [parseMac(GUEST_MAC)!] })]);
  await shell('echo e7.3 > /dev/etherd/revalidate');
  await settled(`test $(cat /sys/block/etherd!e7.3/size) = ${(96 * MIB) / 512}`, 'the new size');
  await shell(`e2fsck -f -p ${DEVICE} && resize2fs ${DEVICE} 2>&1 && mount ${DEVICE} /mnt`);
  const kib = Number((await shell('df -k /mnt | tail -1')).split(/\s+/)[1]);
  assert.ok(kib > 80 * 1024, `${kib} KiB`);
  await shell('cmp /mnt/fio /mnt/fio && umount /mnt');
});
