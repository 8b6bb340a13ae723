// A file system that can neither claim space nor be read past the page cache. Needs root to mount one.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { Harness, NODE, qemuIo, volume, volumeId } from './testing/harness.ts';

const skip = process.getuid?.() === 0 ? false : 'needs root to mount a file system';

test('where O_DIRECT is impossible a volume opens through the cache, and says so', {
  skip,
}, async () => {
  const mountPoint = await mkdtemp(join(tmpdir(), 'ib-'));
  await systemCommands.run('mount', ['-t', 'ramfs', 'ramfs', mountPoint]);
  try {
    const dataDir = join(mountPoint, 's');
    const drivers: Parameters<typeof Harness.start>[0] = {
      dataDir,
      drivers: (opened) => {
        // A ramfs counts no space at all.
        opened.backend.space = async () => ({ totalBytes: 2 ** 40, freeBytes: 2 ** 40 });
        return opened;
      },
    };
    await using harness = await Harness.start(drivers);
    await harness.put(volume(1, { exportTo: NODE }));
    const seen = await harness.untilVolume(volumeId(1), (each) => each.export !== undefined);
    await qemuIo(seen, 'write -P 0x11 0 1M', 'read -P 0x11 0 1M');
    using database = new DatabaseSync(join(dataDir, 'storage.db'), { readOnly: true });
    const row = database.prepare('SELECT engine FROM volume').get();
    assert.match(String(row?.['engine']), /,cached$/);
  } finally {
    await systemCommands.run('umount', [mountPoint]);
    await rm(mountPoint, { recursive: true });
  }
});
