// Owns a state store as it is at one moment: held for reading while writing goes on, and copied whole to a file.

import { backup, DatabaseSync } from 'node:sqlite';

export interface SqliteSnapshot extends Disposable {
  /** Writes a database of its own; its bytes may still have to be synced. */
  copyTo(path: string): Promise<void>;
}

/** Pages copied at a time; each time is one task of a worker thread. */
const PAGES_A_STEP = 1_000;

/** Holds what is committed now. Until it is disposed the store's log of writes only grows. */
export function openSqliteSnapshot(path: string): SqliteSnapshot {
  const database = new DatabaseSync(path, { readOnly: true });
  try {
    database.exec('BEGIN');
    // A transaction sees the moment of its first read.
    database.prepare('SELECT count(*) FROM sqlite_master').get();
  } catch (error) {
    database.close();
    throw error;
  }
  return {
    copyTo: async (target) => {
      await backup(database, target, { rate: PAGES_A_STEP });
    },
    [Symbol.dispose]: () => database.close(),
  };
}
