// Owns a lock that one process has and that ends with it, however it ends. It is SQLite's lock on a file without
// tables, since Node.js has none of its own.

import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

export interface ProcessLock extends Disposable {
  readonly path: string;
}

/** Undefined when another process has it. */
export function acquireProcessLock(path: string): ProcessLock | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  // Whoever can read it can hold it.
  chmodSync(path, 0o600);
  try {
    database.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    if (error instanceof Error && error.message.includes('locked')) return undefined;
    throw error;
  }
  return { path, [Symbol.dispose]: () => database.close() };
}
