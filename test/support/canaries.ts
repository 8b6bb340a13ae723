// Owns canary secrets: values that can be told from everything else, and the search for them where they do not belong.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/** Each names what it stands for, so that a find explains itself. */
export class Canaries {
  readonly #run: string;
  readonly #made = new Set<string>();

  constructor(run: string) {
    this.#run = run;
  }

  make(what: string): string {
    this.#made.add(what);
    return `CANARY${this.#run}${what}YRANAC`;
  }

  /** A secret that the cloud itself made; it is searched for as it stands. */
  adopt(what: string, value: string): void {
    this.#made.add(what);
    this.#adopted.set(what, value);
  }

  readonly #adopted = new Map<string, string>();

  /** The names of the canaries in a text, also where they were encoded on the way. */
  findIn(text: string): string[] {
    return [...this.#made].filter((what) => {
      const value = this.#adopted.get(what) ?? `CANARY${this.#run}${what}YRANAC`;
      return spellings(value).some((spelling) => text.includes(spelling));
    });
  }
}

/** Base64 of a text depends on where in its group the text begins; the middle of each of the three is kept. */
function spellings(value: string): string[] {
  const shifted = [0, 1, 2].map((skip) =>
    Buffer.from(`${' '.repeat(skip)}${value}`)
      .toString('base64')
      .slice(4, -6),
  );
  return [value, encodeURIComponent(value), Buffer.from(value).toString('hex'), ...shifted];
}

/** Larger ones are disks and volumes. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** Every place of the data folder where a canary was found, as `place: canary`. */
export function searchDataFolder(dataDir: string, canaries: Canaries): string[] {
  const files = listFiles(dataDir);
  return files.flatMap((path) => {
    const name = path.slice(dataDir.length + 1);
    if (/\.(db|sqlite)(-wal|-shm)?$/.test(name) || statSync(path).size > MAX_FILE_BYTES) return [];
    const found = canaries.findIn(readFileSync(path).toString('latin1'));
    return found.map((what) => `${name}: ${what}`);
  });
}

/** Every column of every database, as `file table.column: canary`. */
export function searchDatabases(dataDir: string, canaries: Canaries): string[] {
  const paths = listFiles(dataDir).filter((path) => /\.(db|sqlite)$/.test(path));
  return paths.flatMap((path) => {
    const name = path.slice(dataDir.length + 1);
    return searchDatabase(path, canaries).map((found) => `${name} ${found}`);
  });
}

function searchDatabase(path: string, canaries: Canaries): string[] {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    const tables = database.prepare("select name from sqlite_master where type = 'table'").all();
    const found = tables.flatMap(({ name: table }) =>
      database
        .prepare(`select * from "${table}"`)
        .all()
        .flatMap((row) => Object.entries(row))
        .flatMap(([column, value]) =>
          canaries.findIn(String(value)).map((what) => `${table}.${column}: ${what}`),
        ),
    );
    return [...new Set(found)].sort();
  } finally {
    database.close();
  }
}

/** What anybody on the host can read of a process: its arguments; and its environment. */
export function searchProcesses(canaries: Canaries): string[] {
  const pids = readdirSync('/proc').filter(
    (name) => /^\d+$/.test(name) && Number(name) !== process.pid,
  );
  return pids.flatMap((pid) =>
    ['cmdline', 'environ'].flatMap((file) =>
      canaries.findIn(readIfThere(join('/proc', pid, file))).map((what) => `${file}: ${what}`),
    ),
  );
}

function readIfThere(path: string): string {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return '';
  }
}

function listFiles(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
