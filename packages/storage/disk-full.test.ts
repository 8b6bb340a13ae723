// A real, small ext4 on a loop device. Needs root and a free loop device; says so when it has none.

import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import {
  ACCOUNT,
  Harness,
  holdUploads,
  NODE,
  qemuIo,
  snapshot,
  snapshotId,
  volume,
  volumeId,
} from './testing/harness.ts';

const DISK_BYTES = 96 * MIB;
const skip = process.getuid?.() === 0 ? false : 'needs root to mount a small disk';

test('a volume that does not fit fails with the numbers, and leaves no file', {
  skip,
}, async () => {
  await using disk = await SmallDisk.make();
  await using harness = await Harness.start({ dataDir: disk.dataDir });
  await harness.put(volume(1, { sizeBytes: 32 * MIB }));
  await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
  const { freeBytes } = await harness.storage.client.getReport();
  assert.ok(freeBytes > 0 && freeBytes < DISK_BYTES - 32 * MIB);
  await harness.put(volume(2, { sizeBytes: 512 * MIB }));
  const failed = await harness.untilVolume(volumeId(2), (each) => each.state === 'failed');
  assert.match(failed.reason ?? '', /MiB left, which is less than the 512 MiB/);
  await harness.untilQuiet();
  assert.deepEqual(await harness.files(), [`volumes/${volumeId(1)}.raw`]);
  await harness.put(volume(2, { generation: 2, desired: 'absent', sizeBytes: 512 * MIB }));
  await harness.untilVolume(volumeId(2), (each) => each.state === 'absent');
});

for (const kind of [{}, { encryptedFor: ACCOUNT }]) {
  const what = kind.encryptedFor === undefined ? 'a volume' : 'an encrypted volume';
  test(`${what} that there is no room to grow is as it was, and is opened`, { skip }, async () => {
    await using disk = await SmallDisk.make();
    let isFooled = false;
    await using harness = await Harness.start({
      dataDir: disk.dataDir,
      // At the second time fallocate itself meets the full disk.
      drivers: (drivers) => {
        const { space } = drivers.backend;
        const endless = async () => ({ totalBytes: 2 ** 40, freeBytes: 2 ** 40 });
        drivers.backend.space = () => (isFooled ? endless() : space.call(drivers.backend));
        return drivers;
      },
    });
    const wish = { ...kind, sizeBytes: 32 * MIB };
    await harness.put(volume(1, wish));
    await harness.untilVolume(volumeId(1), (each) => each.state === 'ready');
    const longer = { ...wish, sizeBytes: 512 * MIB };
    await harness.put(volume(1, { ...longer, generation: 2 }));
    const refused = await harness.untilVolume(volumeId(1), (each) => each.generation === 2);
    assert.deepEqual([refused.hasFailedToGrow, refused.state], [true, 'ready']);
    assert.match(refused.reason ?? '', /less than the 480 MiB that were asked for/);
    isFooled = true;
    await harness.put(volume(1, { ...longer, generation: 3, exportTo: NODE }));
    const seen = await harness.untilVolume(volumeId(1), (each) => each.generation === 3);
    assert.deepEqual([seen.hasFailedToGrow, seen.isAway], [true, undefined]);
    assert.match(seen.reason ?? '', /no room for 480 MiB more/);
    await qemuIo(seen, 'write -P 0x11 0 32M', 'flush');
    await assert.rejects(qemuIo(seen, 'read 32M 512'));
    await harness.put(volume(1, { ...wish, generation: 4, exportTo: NODE }));
    const back = await harness.untilVolume(volumeId(1), (each) => each.generation === 4);
    assert.deepEqual([back.hasFailedToGrow, back.reason], [undefined, undefined]);
    await harness.put(volume(1, { ...wish, sizeBytes: 36 * MIB, generation: 5, exportTo: NODE }));
    const grown = await harness.untilVolume(volumeId(1), (each) => each.generation === 5);
    assert.equal(grown.hasFailedToGrow, undefined);
    await harness.untilDone(grown, 'read -P 0x11 0 32M', 'read -P 0 32M 4M');
  });
}

test('space that goes while a volume is made is an honest failure too', { skip }, async () => {
  await using disk = await SmallDisk.make();
  // The count of free bytes is fooled, so that fallocate itself meets the full disk.
  await using harness = await Harness.start({
    dataDir: disk.dataDir,
    drivers: (drivers) => {
      const space = async () => ({ totalBytes: 2 ** 40, freeBytes: 2 ** 40 });
      drivers.backend.space = space;
      return drivers;
    },
  });
  await harness.put(volume(1, { sizeBytes: 512 * MIB }));
  const failed = await harness.untilVolume(volumeId(1), (each) => each.state === 'failed');
  assert.match(failed.reason ?? '', /no room for 512 MiB/);
  await harness.untilQuiet();
  assert.deepEqual(await harness.files(), []);
});

test('no room to put bytes aside fails the snapshot, never the guest', { skip }, async () => {
  await using disk = await SmallDisk.make();
  await using harness = await Harness.start({ dataDir: disk.dataDir });
  const sizeBytes = 32 * MIB;
  await harness.put(volume(1, { sizeBytes, exportTo: NODE }));
  const seen = await harness.untilVolume(volumeId(1), (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 32M');
  const upload = holdUploads(harness);
  await harness.put(snapshot(1, { volumeSizeBytes: sizeBytes }));
  await upload.reached;
  await disk.fill();
  await qemuIo(seen, 'write -P 0x22 0 16M', 'write -P 0x33 16M 16M', 'flush');
  upload.release();
  const failed = await harness.untilSnapshot(snapshotId(1), (each) => each.state !== 'pending');
  assert.equal(failed.state, 'failed');
  assert.match(failed.reason ?? '', /point in time was lost/);
  await qemuIo(seen, 'read -P 0x22 0 16M', 'read -P 0x33 16M 16M');
  assert.deepEqual(harness.objectKeys(), []);
});

class SmallDisk implements AsyncDisposable {
  readonly #root: string;
  readonly #mountPoint: string;

  private constructor(root: string) {
    this.#root = root;
    this.#mountPoint = join(root, 'm');
  }

  static async make(): Promise<SmallDisk> {
    const disk = new SmallDisk(await mkdtemp(join(tmpdir(), 'ib-')));
    const image = join(disk.#root, 'image');
    await systemCommands.run('truncate', ['--size', String(DISK_BYTES), image]);
    await systemCommands.run('mkfs.ext4', ['-q', '-m', '0', image]);
    await mkdir(disk.#mountPoint);
    await systemCommands.run('mount', ['-o', 'loop', image, disk.#mountPoint]);
    return disk;
  }

  get dataDir(): string {
    return join(this.#mountPoint, 's');
  }

  /** Leaves less than a MiB. */
  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.#mountPoint);
    const size = String(Math.max(bavail * bsize - MIB, 1));
    await systemCommands.run('fallocate', ['-l', size, join(this.#mountPoint, 'ballast')]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await systemCommands.run('umount', [this.#mountPoint]);
    await rm(this.#root, { recursive: true, force: true });
  }
}
