// Owns the databases of simulated processes: SQLite in memory, which outlives the process that had it open.

import { DatabaseSync } from 'node:sqlite';
import { threadId } from 'node:worker_threads';
import type { Database, OpenDatabase } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import type { SimulatedProcess } from './simulated-process.ts';
import { never } from './simulation.ts';

export type Row = Readonly<Record<string, string | number | null>>;

let runs = 0;

export class MemoryDatabases implements Disposable {
  /** Names are of the whole Node process, threads and all; this keeps runs apart. */
  readonly #run = `${threadId}-${runs++}`;
  /** The one connection to each that never closes, so that the data stays. */
  readonly #kept = new Map<string, DatabaseSync>();
  readonly #open = new Map<SimulatedProcess, AsyncDisposable[]>();

  /** Opens databases for one life of a process; `committed` is told of every commit. */
  openerFor(process: SimulatedProcess, committed: () => void): OpenDatabase {
    return async <Schema>(options: Parameters<OpenDatabase>[0]) => {
      const uri = `file:run-${this.#run}${options.path}?mode=memory&cache=shared`;
      if (!this.#kept.has(options.path)) this.#kept.set(options.path, new DatabaseSync(uri));
      const database = await openSqlite<Schema>({ ...options, path: uri });
      this.#open.set(process, [...(this.#open.get(process) ?? []), database]);
      return mortal(database, process, committed);
    };
  }

  /** What the end of a process does to its connections: what was not committed never was. */
  async closeOf(process: SimulatedProcess): Promise<void> {
    for (const database of this.#open.get(process) ?? []) await database[Symbol.asyncDispose]();
    this.#open.delete(process);
  }

  /** For checks; between two events no transaction is open. */
  rows(path: string, sql: string): Row[] {
    return (this.#kept.get(path)?.prepare(sql).all() ?? []) as Row[];
  }

  [Symbol.dispose](): void {
    for (const database of this.#kept.values()) database.close();
    this.#kept.clear();
  }
}

/** After the process has died its transactions do not begin, and those under way tell nobody of their end. */
function mortal<Schema>(
  database: Database<Schema>,
  process: SimulatedProcess,
  committed: () => void,
): Database<Schema> {
  const commit = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    if (!process.isAlive) return never();
    const result = await work();
    committed();
    return process.isAlive ? result : never();
  };
  return {
    query: database.query,
    transaction: (work) => commit(() => database.transaction(work)),
    statement: (work) => commit(() => database.statement(work)),
    get failure() {
      return database.failure;
    },
    findDamage: () => database.findDamage(),
    [Symbol.asyncDispose]: () => database[Symbol.asyncDispose](),
  };
}
