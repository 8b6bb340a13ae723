import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { openSqliteSnapshot } from './sqlite-snapshot.ts';

test('a copy has what was committed when the snapshot was opened, whatever is written meanwhile', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-snapshot-'));
  await using undo = new AsyncDisposableStack();
  undo.defer(() => rm(folder, { recursive: true }));
  const path = join(folder, 'state.db');
  const writer = new DatabaseSync(path);
  undo.defer(() => writer.close());
  writer.exec('PRAGMA journal_mode = WAL; CREATE TABLE line (text TEXT)');
  const insert = writer.prepare('INSERT INTO line VALUES (?)');
  for (let n = 0; n < 2_000; n++) insert.run('before '.repeat(200));
  using snapshot = openSqliteSnapshot(path);
  insert.run('after');
  const timer = setInterval(() => insert.run('meanwhile'), 1);
  await snapshot.copyTo(join(folder, 'copy.db'));
  clearInterval(timer);
  const copy = new DatabaseSync(join(folder, 'copy.db'));
  assert.deepEqual(
    { ...copy.prepare('SELECT count(*) AS lines FROM line').get() },
    { lines: 2_000 },
  );
  assert.deepEqual({ ...copy.prepare('PRAGMA integrity_check').get() }, { integrity_check: 'ok' });
  copy.close();
});
