// Owns what the stores of a cloud hold, as text that can be compared: nothing may change without leave.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { dataPaths } from '../../packages/cli/daemon/paths.ts';

/**
 * What the cloud itself writes down without being asked: how full the host's disk is, what volumes do, which key was
 * used, and how much room is left, counted ahead.
 */
const UNASKED = new Set(['node', 'node_use', 'volume_metric', 'key_use']);

/** Table to its rows; every table but those of `UNASKED`. */
type Content = Record<string, string[]>;

/** Watches the stores of a running cloud for changes. */
export class StoreWatch implements Disposable {
  readonly #databases: WatchedDatabase[];
  readonly #blobFolder: string;
  #blobs: string[];

  constructor(dataDir: string) {
    const paths = dataPaths(dataDir);
    this.#databases = Object.values(paths.stores).map((path) => new WatchedDatabase(path));
    this.#blobFolder = join(paths.objects, 'blobs');
    this.#blobs = listFiles(this.#blobFolder);
  }

  /** The rows that were added or taken away since the last look; costs nearly nothing when none were. */
  changes(): string[] {
    return this.#databases.flatMap((database) => database.changes());
  }

  /** As `changes`, for the files of objects' bytes; slower. */
  blobChanges(): string[] {
    const before = this.#blobs;
    this.#blobs = listFiles(this.#blobFolder);
    return differences({ blobs: before }, { blobs: this.#blobs });
  }

  [Symbol.dispose](): void {
    for (const database of this.#databases) database.close();
  }
}

class WatchedDatabase {
  readonly #database: DatabaseSync;
  #version: unknown;
  #content: Content;

  constructor(path: string) {
    this.#database = new DatabaseSync(path, { readOnly: true });
    this.#version = this.#readVersion();
    this.#content = this.#read();
  }

  changes(): string[] {
    const version = this.#readVersion();
    if (version === this.#version) return [];
    const before = this.#content;
    this.#version = version;
    this.#content = this.#read();
    return differences(before, this.#content);
  }

  close(): void {
    this.#database.close();
  }

  /** Another one after each commit of another connection. */
  #readVersion(): unknown {
    return this.#database.prepare('PRAGMA data_version').get()!['data_version'];
  }

  #read(): Content {
    const tables = this.#database
      .prepare("select name from sqlite_master where type = 'table'")
      .all()
      .map((row) => String(row['name']))
      .filter((name) => !UNASKED.has(name));
    return Object.fromEntries(tables.map((name) => [name, this.#readRows(name)]));
  }

  #readRows(table: string): string[] {
    const rows = this.#database.prepare(`select * from "${table}"`).all();
    // When a blob that nobody wants any more is really removed is the cloud's own business.
    const kept = rows.filter((row) => table !== 'blob' || row['state'] !== 'doomed');
    return kept.map((row) => JSON.stringify(row));
  }
}

function listFiles(folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' });
}

function differences(before: Content, after: Content): string[] {
  return Object.keys(after).flatMap((table) => {
    const [old, now] = [new Set(before[table]), new Set(after[table])];
    const gone = [...old].filter((row) => !now.has(row)).map((row) => `- ${table} ${row}`);
    const added = [...now].filter((row) => !old.has(row)).map((row) => `+ ${table} ${row}`);
    return [...gone, ...added];
  });
}
