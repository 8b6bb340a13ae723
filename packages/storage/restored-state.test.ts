import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { settleRestoredStorage } from './restored-state.ts';
import { STORAGE_MIGRATIONS, type StorageSchema } from './store/schema.ts';
import { backendOf, putVolumeIntent } from './store/volumes.ts';
import { volume, volumeId } from './testing/harness.ts';

test('a restored volume is a file, wherever it was, and an intent does not move one', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-restored-'));
  const path = join(folder, 'storage.db');
  const open = () => openSqlite<StorageSchema>({ path, migrations: STORAGE_MIGRATIONS });
  try {
    {
      await using database = await open();
      await putVolumeIntent(database.query, volume(1, { backend: 'rbd' }));
      await putVolumeIntent(database.query, volume(1, { generation: 2, backend: 'device' }));
      assert.equal(await backendOf(database.query, volumeId(1)), 'rbd');
    }
    await settleRestoredStorage(path);
    await using database = await open();
    assert.equal(await backendOf(database.query, volumeId(1)), 'file');
  } finally {
    await rm(folder, { recursive: true });
  }
});
