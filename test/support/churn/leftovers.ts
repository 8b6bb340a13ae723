// Owns the proof that nothing is left of volumes, snapshots and attachments once they are gone: no row, no file, no
// socket, no folder, no process, no object and no blob. Each thing that is left is a sentence.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { findProcesses, worksIn } from '@ironbark/platform/processes.ts';
import { SNAPSHOT_BUCKET } from '@ironbark/storage/app/snapshot-manifest.ts';
import { DAEMON } from '@ironbark/storage/drivers/daemon-arguments.ts';
import type { DataPaths } from '../../../packages/cli/daemon/paths.ts';

/** Table to the rows that count. Ids of what is gone stay known for a day, so that late messages are recognised. */
const CLOUD_ROWS: Readonly<Record<string, string>> = {
  volume: 'true',
  attachment: 'true',
  snapshot: 'true',
  snapshot_permission: 'true',
  volume_modification: 'true',
  tag: "resource_type in ('volume', 'snapshot')",
};
const STORAGE_ROWS: Readonly<Record<string, string>> = {
  volume: 'forgotten_at is null',
  snapshot: 'forgotten_at is null',
  block: 'true',
  snapshot_block: 'true',
  written_block: 'true',
};
/** What every start makes in the storage's folder. */
const KEPT_FOLDERS: ReadonlySet<string> = new Set([
  'volumes',
  'overwritten',
  'filling',
  'run',
  'run/exports',
  'run/control',
  'run/devices',
  'run/processes',
  'run/relays',
]);
/** And the socket at which storage daemons read snapshots. */
const KEPT_TREES = /^(?:state|enclosure|volumes\/\.sources)(?:\/|$)/;

export async function findLeftovers(paths: DataPaths): Promise<string[]> {
  return [
    ...findRows('cloud', paths.stores.cloud, CLOUD_ROWS),
    ...findRows('storage', paths.stores.storage, STORAGE_ROWS),
    ...findObjects(paths),
    ...findFiles(paths.storage),
    ...(await findDaemons(paths.storage)),
  ];
}

function findRows(store: string, path: string, tables: Readonly<Record<string, string>>): string[] {
  using database = new DatabaseSync(path, { readOnly: true });
  return Object.entries(tables).flatMap(([table, condition]) =>
    database
      .prepare(`select * from "${table}" where ${condition}`)
      .all()
      .map((row) => `${store} has a row of ${table}: ${JSON.stringify(row)}`),
  );
}

/** Snapshots' objects, and blobs of which the image's own are the only ones that stay. */
function findObjects(paths: DataPaths): string[] {
  using database = new DatabaseSync(paths.stores.objects, { readOnly: true });
  const objects = database
    .prepare(
      'select o.object_key as name from object o join bucket b on b.id = o.bucket_id where b.name = ?',
    )
    .all(SNAPSHOT_BUCKET)
    .map(({ name }) => `object ${name} of no snapshot`);
  const known = new Set(
    database
      .prepare('select blob_id as id from segment')
      .all()
      .map(({ id }) => String(id)),
  );
  const blobs = readdirSync(join(paths.objects, 'blobs'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !known.has(entry.name))
    .map(({ name }) => `blob ${name} of no object`);
  const logged = database
    .prepare('select id from blob where log_file is not null')
    .all()
    .filter(({ id }) => !known.has(String(id)))
    .map(({ id }) => `blob ${id} in the log of no object`);
  return [...objects, ...blobs, ...logged];
}

function findFiles(storageDir: string): string[] {
  const entries = readdirSync(storageDir, { recursive: true, withFileTypes: true });
  return entries.flatMap((entry) => {
    const path = join(entry.parentPath, entry.name).slice(storageDir.length + 1);
    if (KEPT_TREES.test(path) || (entry.isDirectory() && KEPT_FOLDERS.has(path))) return [];
    const kind = entry.isDirectory() ? 'folder' : entry.isSocket() ? 'socket' : 'file';
    return [`${kind} ${path}`];
  });
}

async function findDaemons(storageDir: string): Promise<string[]> {
  const found = await findProcesses((argument) => argument.includes(DAEMON));
  const mine = await Promise.all(found.map(({ pid }) => worksIn(pid, storageDir)));
  return found.filter((_, at) => mine[at]).map(({ argv }) => `process ${argv.join(' ')}`);
}
