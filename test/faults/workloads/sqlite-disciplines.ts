// Owns SQLite in WAL mode with either synchronous setting: the harness has to tell them apart.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Workload } from './workload.ts';

const SCRIPT_LENGTH = 5;

export function sqliteDiscipline(synchronous: 'NORMAL' | 'FULL'): Workload {
  return async ({ folder, promise, session }) => {
    const engine = new DatabaseSync(join(folder, 'db'));
    engine.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`);
    engine.exec('CREATE TABLE IF NOT EXISTS row (id TEXT PRIMARY KEY)');
    const insert = engine.prepare('INSERT INTO row VALUES (?)');
    const add = async (n: number) => {
      const id = `${session}.${n}`;
      await promise({ [id]: 'there' }, () => insert.run(id));
    };
    return {
      read: async () => {
        const rows = engine.prepare('SELECT id FROM row').all() as { id: string }[];
        return Object.fromEntries(rows.map(({ id }) => [id, 'there']));
      },
      write: async () => {
        for (let n = 0; ; n++) await add(n);
      },
      script: async () => {
        for (let n = 0; n < SCRIPT_LENGTH; n++) await add(n);
      },
    };
  };
}
