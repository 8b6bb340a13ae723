import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { objectsMigrations } from '../store/migrations/migrations.ts';
import type { BlobState, ObjectsSchema } from '../store/schema.ts';
import { startAlone } from '../testing/start-alone.ts';

async function plant(dataDir: string, id: string, state: BlobState | undefined, hasFile: boolean) {
  if (hasFile) await writeFile(join(dataDir, 'blobs', id.slice(0, 2), id), 'left over');
  if (state === undefined) return;
  const path = join(dataDir, 'objects.sqlite');
  await using db = await openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
  const noPlace = { log_file: null, log_offset: null };
  const row = { id, state, size_bytes: 9, block_crcs: '', created_at: 1, ...noPlace };
  await db.query.insertInto('blob').values(row).execute();
}

async function listBlobs(dataDir: string): Promise<{ files: string[]; rows: string[] }> {
  const path = join(dataDir, 'objects.sqlite');
  await using db = await openSqlite<ObjectsSchema>({ path, migrations: objectsMigrations });
  const rows = await db.query.selectFrom('blob').select('id').execute();
  const entries = await readdir(join(dataDir, 'blobs'), { recursive: true, withFileTypes: true });
  return {
    files: entries.filter((entry) => entry.isFile()).map((entry) => entry.name),
    rows: rows.map((row) => row.id),
  };
}

/** Too large for the log. */
const LARGE = 'stays'.repeat(40_000);

test('whatever step a crash fell on, the next start cleans up after it and keeps what is stored', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-leftovers-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(dataDir, { recursive: true }));
  {
    await using objects = await startAlone(dataDir);
    await objects.client.ensureBucket('kept');
    await objects.client.putObject({ bucket: 'kept', key: 'k', body: Buffer.from(LARGE) });
  }
  const id = (digit: string) => digit.repeat(32);
  await plant(dataDir, id('1'), 'uploading', false); // crashed before the file
  await plant(dataDir, id('2'), 'uploading', true); // crashed before the last transaction
  await plant(dataDir, id('3'), 'doomed', true); // crashed before the removal
  await plant(dataDir, id('4'), 'doomed', false); // crashed between the file and the row
  await plant(dataDir, id('5'), undefined, true); // the state is older than the files
  for (let round = 0; round < 2; round++) {
    await using objects = await startAlone(dataDir);
    const options = { clock: systemClock, timeoutMs: 10_000, what: 'a quiet store' };
    await waitFor(() => objects.isQuiet(), options);
    const { body } = await objects.client.getObject({ bucket: 'kept', key: 'k' });
    assert.equal(Buffer.concat(await body.toArray()).toString(), LARGE);
  }
  const { files, rows } = await listBlobs(dataDir);
  assert.equal(files.length, 1);
  assert.deepEqual(rows, files);
});

test('no flipped bit of the state makes a stored blob look like one that no row knows', async (t) => {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-rot-'));
  t.after(() => rm(dataDir, { recursive: true }));
  {
    await using objects = await startAlone(dataDir);
    await objects.client.ensureBucket('kept');
    await objects.client.putObject({ bucket: 'kept', key: 'k', body: Buffer.from(LARGE) });
  }
  const { files } = await listBlobs(dataDir);
  const path = join(dataDir, 'objects.sqlite');
  const sound = await readFile(path);
  let places = 0;
  for (let at = sound.indexOf(files[0]!); at !== -1; at = sound.indexOf(files[0]!, at + 1)) {
    places += 1;
    const flipped = Buffer.from(sound);
    flipped[at]! ^= 1;
    await writeFile(path, flipped);
    {
      await using objects = await startAlone(dataDir);
      const options = { clock: systemClock, timeoutMs: 10_000, what: 'a quiet store' };
      await waitFor(() => objects.isQuiet(), options);
    }
    for (const name of ['-wal', '-shm']) await rm(`${path}${name}`, { force: true });
    await writeFile(path, sound);
    assert.deepEqual((await listBlobs(dataDir)).files, files, `byte ${at}`);
  }
  // The row, its index, and the segment with its own.
  assert.ok(places >= 3, `${places} places`);
});
