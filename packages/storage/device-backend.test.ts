// Needs root and loop devices; without root it is skipped.

import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { type Clock, systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { looksZero, zeroRange } from '@ironbark/platform/zero-range.ts';
import { DONE_PERCENT } from '@ironbark/protocol/internal/staged-backend.ts';
import { type DeviceBackend, openDeviceBackend } from './drivers/device-backend.ts';
import { openDevice } from './drivers/device-check.ts';
import {
  daemonPid,
  Harness,
  NODE,
  nbdUri,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';
import { LoopDevices } from './testing/loop-devices.ts';

const isRoot = process.getuid?.() === 0;
const VOLUME = volumeId(1);
const lines: string[] = [];
const logger = createLogger({ write: (line) => lines.push(line), nowMs: () => 0 });
/** Every look is a day later: each call of the backend does one piece. */
function slowClock(): Clock {
  let now = 0;
  return { ...systemClock, monotonicMs: () => (now += 86_400_000) };
}

function withRoot(name: string, body: (t: TestContext) => Promise<void>): void {
  test(name, { skip: isRoot ? false : 'needs root' }, body);
}

function openBackend(devices: readonly string[], clock = systemClock): Promise<DeviceBackend> {
  return openDeviceBackend({ devices, commands: systemCommands, clock, logger });
}

async function make(backend: DeviceBackend, id: VolumeId, sizeBytes: number): Promise<number[]> {
  const seen: number[] = [];
  do seen.push(await backend.prepare(id, sizeBytes));
  while (seen.at(-1) !== DONE_PERCENT);
  await backend.finish(id);
  return seen;
}

async function removeAll(backend: DeviceBackend, id: VolumeId): Promise<number> {
  let calls = 1;
  while ((await backend.remove(id)) !== DONE_PERCENT) calls += 1;
  return calls;
}

withRoot('the smallest free disk that fits is taken, and none is taken twice', async () => {
  await using disks = await LoopDevices.make([40, 10, 20]);
  const [large, small, middle] = disks.paths;
  await using backend = await openBackend(disks.paths);
  assert.deepEqual(await backend.space(), {
    totalBytes: (39 + 9 + 19) * MIB,
    freeBytes: (39 + 9 + 19) * MIB,
    largestBytes: 39 * MIB,
  });
  const ids = [volumeId(1), volumeId(2), volumeId(3)] as const;
  await Promise.all(ids.map((id) => make(backend, id, 9 * MIB)));
  const chosen = ids.map((id) => backend.findDevice(id)?.path);
  assert.deepEqual(chosen, [small, middle, large]);
  const none = { kind: 'out-of-space', message: /No free disk .* none is free/ };
  await assert.rejects(backend.prepare(volumeId(4), MIB), none);
  await removeAll(backend, ids[1]);
  await assert.rejects(backend.prepare(volumeId(4), 20 * MIB), /the largest has 19 MiB/);
  await make(backend, volumeId(4), MIB);
  assert.equal(backend.findDevice(volumeId(4))?.path, middle);
});

withRoot('what is not an empty disk of nobody is refused, and says why', async () => {
  await using disks = await LoopDevices.make([16, 16, 16, 16]);
  const [formatted, partitioned, mounted, taken] = disks.paths as [string, string, string, string];
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-mount-'));
  await systemCommands.run('mkfs.ext4', ['-q', formatted]);
  await partition(partitioned);
  await systemCommands.run('mkfs.ext4', ['-q', mounted]);
  await systemCommands.run('mount', [mounted, folder]);
  await using other = await openBackend([taken]);
  try {
    const cases: [string, RegExp][] = [
      [formatted, /holds ext4\. If nothing on it is needed: wipefs --all \/dev\/loop/],
      [partitioned, /holds dos/],
      [mounted, /is in use: mounted/],
      [taken, /is in use: .*of another cloud/],
      ['/dev/null', /is no block device/],
      ['/dev/nothing', /there is none/],
    ];
    for (const [path, why] of cases) {
      const expected = { kind: 'unsupported', message: why };
      await assert.rejects(openDevice(path, systemCommands), expected);
    }
    await using backend = await openBackend(cases.map(([path]) => path));
    assert.equal((await backend.space()).totalBytes, 0);
    assert.equal((await other.space()).totalBytes, 15 * MIB);
    await systemCommands.run('wipefs', ['--all', '--quiet', formatted]);
    await (await openDevice(formatted, systemCommands)).handle.close();
  } finally {
    await systemCommands.run('umount', [mounted]);
    await rm(folder, { recursive: true });
  }
});

withRoot('zeroing that is cut short is gone on with, and so is wiping', async () => {
  await using disks = await LoopDevices.make([200], { oldMib: 66 });
  const sizeBytes = 199 * MIB;
  {
    await using backend = await openBackend(disks.paths, slowClock());
    assert.equal(await backend.prepare(VOLUME, sizeBytes), 32);
    assert.equal(await backend.inspect(VOLUME), undefined);
    await assert.rejects(backend.finish(VOLUME), /is making/);
    await assert.rejects(backend.write(VOLUME, 0, Buffer.alloc(1)), /while it is making/);
  }
  assert.ok((await disks.read(0, 64 * MIB, MIB)).every((byte) => byte === 0xaa));
  {
    await using backend = await openBackend(disks.paths, slowClock());
    assert.deepEqual(await backend.listUnfinished(), [VOLUME]);
    assert.deepEqual(await make(backend, VOLUME, sizeBytes), [64, 96, 100]);
    assert.deepEqual(await backend.list(), [VOLUME]);
    assert.equal(backend.findDevice(VOLUME)?.sizeBytes, sizeBytes);
  }
  assert.ok(await isZero(disks, sizeBytes));
  await fill(disks.paths[0]!, sizeBytes);
  {
    await using backend = await openBackend(disks.paths, slowClock());
    assert.equal(await backend.remove(VOLUME), 32);
    assert.equal(backend.findDevice(VOLUME), undefined, 'nobody opens what is being wiped');
  }
  await using backend = await openBackend(disks.paths, slowClock());
  assert.deepEqual(await backend.inspect(VOLUME), { sizeBytes });
  assert.equal(await removeAll(backend, VOLUME), 3);
  assert.ok(await isZero(disks, sizeBytes));
  assert.ok((await disks.read(0, 200 * MIB - 4096, 4096)).equals(Buffer.alloc(4096)), 'its label');
  assert.equal(await backend.inspect(VOLUME), undefined);
});

test('a range that the kernel does not zero is written', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-zero-'));
  try {
    await using file = await open(join(folder, 'file'), 'w+');
    await file.write(Buffer.alloc(3 * MIB, 0xaa));
    await zeroRange(file, MIB, MIB + 512);
    assert.equal(await looksZero(file, MIB, MIB + 512), true);
    assert.equal(await looksZero(file, MIB, MIB + 1024), false);
    assert.equal(await looksZero(file, MIB - 512, MIB), false);
  } finally {
    await rm(folder, { recursive: true });
  }
});

async function isZero(disks: LoopDevices, length: number): Promise<boolean> {
  for (let at = 0; at < length; at += MIB) {
    if (!(await disks.read(0, at, MIB)).equals(Buffer.alloc(MIB))) return false;
  }
  return true;
}

/** An MBR with one partition. */
async function partition(path: string): Promise<void> {
  const sector = Buffer.alloc(512);
  sector.set([0x80, 0, 2, 0, 0x83, 0, 20, 0], 446);
  sector.writeUInt32LE(2048, 454);
  sector.writeUInt32LE(8192, 458);
  sector.writeUInt16BE(0x55aa, 510);
  await using handle = await open(path, 'r+');
  await handle.write(sector, 0, sector.length, 0);
  await handle.sync();
}

async function fill(path: string, length: number): Promise<void> {
  await using handle = await open(path, 'r+');
  for (let at = 0; at < length; at += MIB) await handle.write(Buffer.alloc(MIB, 0xbb), 0, MIB, at);
  await handle.sync();
}

withRoot('a volume on a disk lives as one in a file does, and leaves nothing', async () => {
  await using disks = await LoopDevices.make([48], { oldMib: 48 });
  await using harness = await Harness.start({ backends: { volumeDevices: disks.paths } });
  const onDisk = { backend: 'device' as const, sizeBytes: 16 * MIB };
  await harness.put(volume(1, { ...onDisk, exportTo: NODE }));
  const seen = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(seen, 'read -P 0 0 16M');
  const info = ['info', '-f', 'raw', '--output=json', nbdUri(seen)];
  const { stdout } = await systemCommands.run('qemu-img', info);
  assert.equal(JSON.parse(stdout)['virtual-size'], 16 * MIB, 'the rest of the disk is not there');
  await qemuIo(seen, 'write -P 0x11 0 6M', 'write -P 0x22 15M 1M', 'flush');
  assert.deepEqual(await harness.files(), await ownFiles(harness), 'no file holds its bytes');

  process.kill(await daemonPid(harness, VOLUME), 'SIGKILL');
  await harness.until('the export', () => succeeds(qemuIo(seen, 'read -P 0x11 0 6M')));

  await harness.put(snapshot(1));
  await harness.untilCompleted(snapshotId(1));
  await harness.put(volume(2, { fromSnapshotId: snapshotId(1), exportTo: NODE }));
  const copy = await harness.untilVolume(volumeId(2), (each) => each.export !== undefined);
  await qemuIo(copy, 'read -P 0x11 0 6M', 'read -P 0 6M 9M', 'read -P 0x22 15M 1M');

  await harness.put(volume(1, { ...onDisk, generation: 2, sizeBytes: 32 * MIB, exportTo: NODE }));
  await harness.untilVolume(VOLUME, (each) => each.generation === 2);
  await qemuIo(seen, 'read -P 0x22 15M 1M');
  await harness.put(volume(1, { ...onDisk, generation: 3, sizeBytes: 32 * MIB }));
  await harness.untilVolume(VOLUME, (each) => each.generation === 3);
  await harness.restart();
  await harness.put(volume(1, { ...onDisk, generation: 4, sizeBytes: 32 * MIB, exportTo: NODE }));
  const again = await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
  await qemuIo(again, 'read -P 0x22 15M 1M', 'read -P 0 16M 16M', 'write -P 0x33 31M 1M');

  const gone = { generation: 5, desired: 'absent' as const };
  await harness.put(volume(1, { ...onDisk, ...gone }), volume(2, gone), snapshot(1, gone));
  await harness.untilVolume(VOLUME, (each) => each.state === 'absent');
  await harness.untilVolume(volumeId(2), (each) => each.state === 'absent');
  assert.deepEqual(await readdir(join(harness.dataDir, 'run/devices')), []);
  assert.deepEqual(await harness.files(), []);
  assert.ok(await isZero(disks, 32 * MIB), 'no byte is left');
});

withRoot('a volume that starts with a snapshot may have a disk of its own', async () => {
  await using disks = await LoopDevices.make([24], { oldMib: 24 });
  await using harness = await Harness.start({ backends: { volumeDevices: disks.paths } });
  await harness.put(volume(1));
  await harness.untilVolume(VOLUME, (each) => each.state === 'ready');
  await harness.write(VOLUME, 5 * MIB, Buffer.alloc(MIB, 0x44));
  await harness.put(snapshot(1));
  await harness.untilSnapshot(snapshotId(1), (each) => each.state === 'completed');
  const copy = { fromSnapshotId: snapshotId(1), backend: 'device' as const, exportTo: NODE };
  await harness.put(volume(2, copy));
  const seen = await harness.untilVolume(volumeId(2), (each) => each.export !== undefined);
  await qemuIo(seen, 'read -P 0 0 5M', 'read -P 0x44 5M 1M', 'read -P 0 6M 10M');
  await harness.put(volume(3, { backend: 'device' }));
  const refused = await harness.untilVolume(volumeId(3), (each) => each.state === 'failed');
  assert.match(refused.reason ?? '', /No free disk has room for 16 MiB: none is free/);
});

withRoot('a disk that is taken away is said, and its volume is kept', async () => {
  await using disks = await LoopDevices.make([24]);
  await using harness = await Harness.start({ backends: { volumeDevices: disks.paths } });
  await harness.put(volume(1, { backend: 'device' }));
  await harness.untilVolume(VOLUME, (each) => each.state === 'ready');
  await harness.restart({ backends: {} });
  await harness.put(volume(1, { generation: 2, backend: 'file', exportTo: NODE }));
  await harness.until('a look at it', () =>
    harness.log().includes('which this cloud is not set up'),
  );
  assert.equal((await harness.volume(VOLUME))?.state, 'ready');
  await harness.restart();
  await harness.untilVolume(VOLUME, (each) => each.export !== undefined);
});

/** Sockets, pid files and logs of its daemon. */
async function ownFiles(harness: Harness): Promise<string[]> {
  return (await harness.files()).filter((path) => !path.startsWith('volumes/'));
}

function succeeds(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  );
}
