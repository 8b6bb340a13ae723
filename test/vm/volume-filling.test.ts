// A volume from a snapshot is in a real guest before its bytes have come: it is read and written while it fills, what
// fills it and what serves it are killed, and not one byte is another.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { daemonProcess, listCloudProcesses } from '../support/cloud-processes.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { type DirectGuest, launchDirectGuest } from '../support/direct-guest.ts';
import { prepareFio, TROUBLE } from '../support/guest-fio.ts';
import { findDevice } from '../support/guests.ts';
import { attachVolume, createSnapshot, createVolume, targetPid } from '../support/volumes.ts';

const skip =
  process.getuid?.() === 0 ? false : 'NOT TESTED: real guests on a bridge need root for taps';
/** At 200 MiB/s, which is the most that filling takes of a disk, five seconds. */
const SIZE_GIB = 1;
/** All else is zeros. */
const DATA_MIB = [
  { from: 0, count: 200 },
  { from: 704, count: 200 },
] as const;
const CHUNK_MIB = 8;
const PAGE_BYTES = 4_096;
/** What the guest reads through, from a part that comes late. */
const READ_MIB = 96;
const READ_FROM_MIB = 704;
/** Where fio writes, less than a cluster of the map at a time. */
const WRITTEN_MIB = 824;
const FIO = {
  ...{ size: `${CHUNK_MIB}m`, offset: `${WRITTEN_MIB}m` },
  ...({ rate: '2m', blockSize: '4k' } as const),
};

let cloud: CloudUnderTest;
let guest: DirectGuest;
let snapshot = '';
let volume = '';

before(async () => {
  if (skip !== false) return;
  cloud = await CloudUnderTest.start();
  snapshot = await makeSnapshot();
  guest = await launchDirectGuest(cloud);
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

test('it is attached long before its bytes have come', { skip }, async (t) => {
  const startMs = systemClock.monotonicMs();
  volume = await createVolume(cloud, snapshot);
  await attachVolume(cloud, volume, { instanceId: guest.id, device: '/dev/sdf' });
  // The bar of two seconds is for `npm run bench -- restore`: this host may be busy.
  t.diagnostic(`CreateVolume to attached: ${Math.round(systemClock.monotonicMs() - startMs)} ms`);
  assert.ok((await mapsOf()).includes(`${volume}.qcow2`), 'it is filled already');
});

test('what serves it and what fills it are killed under its guest, which waits and goes on', {
  skip,
}, async () => {
  // The one before may be filled by now.
  volume = await createVolume(cloud, snapshot);
  await attachVolume(cloud, volume, { instanceId: guest.id, device: '/dev/sdp' });
  const device = await findDevice(guest.run, volume);
  const read = `dd if=${device} bs=1M skip=${READ_FROM_MIB} count=${READ_MIB} 2> /dev/null`;
  const sum = `{ ${read} | md5sum > /root/sum; mv /root/sum /root/read; }`;
  const fio = prepareFio(guest, { path: device, ...FIO });
  await guest.start(`${sum} & ${fio.command}`);
  assert.ok((await mapsOf()).includes(`${volume}.qcow2`), 'it is filled already');
  process.kill(daemonProcess(listCloudProcesses(cloud.dataDir), 'controllers').pid, 'SIGKILL');
  process.kill(await targetPid(cloud, volume), 'SIGKILL');
  const seen = await untilGuestSays('/root/read');
  assert.equal(seen.split(' ')[0], md5(modelBytes(READ_FROM_MIB, READ_MIB)));
  await fio.untilVerified();
  assert.equal(await guest.run(TROUBLE), '');
});

test('once it is filled its file has every byte of the snapshot that was not written over', {
  skip,
}, async () => {
  await eventually('filled', async () => (await filledPercent()) === 100);
  await eventually('no map', async () => (await mapsOf()).length === 0);
  for (let at = 0; at < SIZE_GIB * 1_024; at += CHUNK_MIB) {
    if (at === WRITTEN_MIB) continue;
    const bytes = await readFileOf(volume, at, CHUNK_MIB);
    assert.ok(bytes.equals(modelBytes(at, CHUNK_MIB)), `at ${at} MiB`);
  }
});

/** Of a volume whose file is written from the host, before anybody has it open. */
async function makeSnapshot(): Promise<string> {
  const AvailabilityZone = `${cloud.credentials.region}a`;
  const wish = { Size: SIZE_GIB, AvailabilityZone };
  const { VolumeId = '' } = await cloud.ec2().call('CreateVolume', wish);
  const file = await eventually('its file', () =>
    open(fileOf(VolumeId), 'r+').catch(() => undefined),
  );
  for (const { from, count } of DATA_MIB) {
    await file.write(modelBytes(from, count), 0, count * MIB, from * MIB);
  }
  await file.close();
  return await createSnapshot(cloud, VolumeId);
}

/** Every page of 4 KiB that is not zeros is unlike all others. */
function modelBytes(fromMib: number, countMib: number): Buffer {
  const isData = DATA_MIB.some(({ from, count }) => fromMib >= from && fromMib < from + count);
  if (!isData) return Buffer.alloc(countMib * MIB);
  const bytes = Buffer.alloc(countMib * MIB, 0x5a);
  for (let at = 0; at < bytes.length; at += PAGE_BYTES) {
    bytes.writeUInt32LE((fromMib * MIB + at) / PAGE_BYTES + 1, at);
  }
  return bytes;
}

async function readFileOf(volumeId: string, fromMib: number, countMib: number): Promise<Buffer> {
  await using file = await open(fileOf(volumeId), 'r');
  const bytes = Buffer.alloc(countMib * MIB);
  await file.read(bytes, 0, bytes.length, fromMib * MIB);
  return bytes;
}

function fileOf(volumeId: string): string {
  return join(storage(), 'volumes', `${volumeId}.raw`);
}

function mapsOf(): Promise<string[]> {
  return readdir(join(storage(), 'filling'));
}

function storage(): string {
  return join(cloud.dataDir, 'storage');
}

async function filledPercent(): Promise<number> {
  const volumes = await cloud.json<{ volumeId: string; filledPercent?: number }[]>(
    ...['volumes', '--interval', '1'],
  );
  return volumes.find(({ volumeId }) => volumeId === volume)?.filledPercent ?? 100;
}

/** It reads and writes what comes over from a snapshot, on a host that may be busy. */
const GUEST_WORK_MS = 240_000;

async function untilGuestSays(path: string): Promise<string> {
  const look = async () => (await guest.run(`cat ${path} 2> /dev/null || true`)) || undefined;
  return await eventually(path, look, { timeoutMs: GUEST_WORK_MS });
}

function md5(bytes: Buffer): string {
  return createHash('md5').update(bytes).digest('hex');
}
