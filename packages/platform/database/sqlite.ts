// Owns the SQLite engine: one connection, WAL with synchronous=FULL, so that a commit is on stable storage.

import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { ServiceError } from '@ironbark/core/errors.ts';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
  type Transaction,
} from 'kysely';
import { syncFile } from '../files.ts';
import { WriteGuard } from '../write-guard.ts';
import { CommitGroups, type Member } from './commit-groups.ts';
import type { Database, Migrations } from './database.ts';
import { migrate } from './migrate.ts';
import { type AskedQuery, answerPrepared } from './prepared-query.ts';

export interface SqliteOptions {
  /** The file, or `:memory:`. */
  path: string;
  migrations: Migrations;
  /**
   * Transactions that may share a commit. Each gains what the syncs of the others would have taken, and is told of its end
   * no earlier than they are. Default: 1.
   */
  maxTransactionsPerCommit?: number;
}

/** WAL with FULL lost no acknowledged commit in seeded power cuts; NORMAL lost up to 330 a cut. */
const PRAGMAS = [
  'PRAGMA journal_mode = WAL',
  'PRAGMA synchronous = FULL',
  'PRAGMA foreign_keys = ON',
  'PRAGMA busy_timeout = 5000',
  // Services are locked in a folder that has no place for temporary files.
  'PRAGMA temp_store = MEMORY',
];

/**
 * A process that ended between writing a commit and syncing it leaves the commit in the host's memory alone, where
 * the next process reads it. Copying the log into the database puts all that can be read on stable storage.
 */
const SETTLE = 'PRAGMA wal_checkpoint(TRUNCATE)';

export async function openSqlite<Schema>(options: SqliteOptions): Promise<Database<Schema>> {
  // A name in SQLite's own form is one in memory.
  if (!/^(?::memory:$|file:)/.test(options.path)) closeToOthers(options.path);
  const engine = new DatabaseSync(options.path);
  for (const pragma of PRAGMAS) engine.exec(pragma);
  await settle(engine, options.path);
  const guard = new WriteGuard(options.path);
  const maxMembers = options.maxTransactionsPerCommit ?? 1;
  const adapter = new ManyTurnsAdapter();
  const driver = new SingleConnectionDriver(engine, guard, maxMembers);
  answerPrepared(adapter, (asked) => driver.answer(asked));
  const query = new Kysely<Schema>({
    dialect: {
      createAdapter: () => adapter,
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
  try {
    await migrate(query, options.migrations);
  } catch (error) {
    await query.destroy();
    throw error;
  }
  const transaction = <Result>(work: (tx: Transaction<Schema>) => Promise<Result>) =>
    query.transaction().execute(async (tx) => {
      const turn = await tx.getExecutor().provideConnection(async (connection) => connection);
      answerPrepared(tx, (asked) => (turn as Turn).answer(asked));
      return await work(tx);
    });
  return {
    query,
    transaction,
    // It shares its commit with others.
    statement: transaction,
    get failure() {
      return guard.failure;
    },
    findDamage: async () => findDamage(engine),
    [Symbol.asyncDispose]: () => query.destroy(),
  };
}

/** On a full disk the log stays where it is, and is synced as it is: whoever only reads needs no room. */
async function settle(engine: DatabaseSync, path: string): Promise<void> {
  try {
    engine.exec(SETTLE);
  } catch (error) {
    if (errorCode(error) !== SQLITE_FULL) throw error;
    await syncFile(`${path}-wal`);
  }
}

/** Indexes are compared with their tables: one that has lost an entry makes a row look as if it were not there. */
function findDamage(engine: DatabaseSync): string | undefined {
  const answer = engine.prepare('PRAGMA integrity_check(1)').get();
  const finding = String(answer?.['integrity_check']);
  return finding === 'ok' ? undefined : finding;
}

/** Its folder may let others pass. SQLite gives its other files the mode of the first. */
function closeToOthers(path: string): void {
  closeSync(openSync(path, 'a', OWNER_ONLY));
  for (const file of [path, `${path}-wal`, `${path}-shm`]) {
    if (existsSync(file)) chmodSync(file, OWNER_ONLY);
  }
}

const OWNER_ONLY = 0o600;

/** Who gets the one connection when is our driver's business: only it knows which users can share a commit. */
class ManyTurnsAdapter extends SqliteAdapter {
  override get supportsMultipleConnections(): boolean {
    return true;
  }
}

/** Gives everybody a turn of their own, all of them on the one connection. */
class SingleConnectionDriver implements Driver {
  readonly #engine: DatabaseSync;
  readonly #statements: Statements;
  readonly #groups: CommitGroups;

  constructor(engine: DatabaseSync, guard: WriteGuard, maxMembers: number) {
    this.#engine = engine;
    this.#statements = new Statements(engine, guard);
    const change = (work: () => unknown) => void changeWith(guard, work);
    this.#groups = new CommitGroups({ engine, change, maxMembers });
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return new Turn(this.#engine, this.#statements, this.#groups);
  }

  async releaseConnection(): Promise<void> {}

  /** A query by itself. */
  answer(query: AskedQuery): readonly unknown[] | Promise<readonly unknown[]> {
    return this.#groups.runOutside(() => this.#statements.run(query).rows);
  }

  async beginTransaction(turn: DatabaseConnection): Promise<void> {
    await this.#groups.begin((turn as Turn).member);
  }

  async commitTransaction(turn: DatabaseConnection): Promise<void> {
    await this.#groups.finish((turn as Turn).member);
  }

  async rollbackTransaction(turn: DatabaseConnection): Promise<void> {
    const { member, failure } = turn as Turn;
    await this.#groups.undo(member, failure);
  }

  async destroy(): Promise<void> {
    if (!this.#engine.isOpen) return;
    this.#groups.close();
    this.#engine.close();
  }
}

/** What one caller asks, in a transaction of its own or in none. */
class Turn implements DatabaseConnection {
  readonly member: Member = { state: 'waiting' };
  /** The last error of a statement, for those whose work it took with it. */
  failure: unknown;
  readonly #engine: DatabaseSync;
  readonly #statements: Statements;
  readonly #groups: CommitGroups;

  constructor(engine: DatabaseSync, statements: Statements, groups: CommitGroups) {
    this.#engine = engine;
    this.#statements = statements;
    this.#groups = groups;
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    if (this.member.state === 'working') return this.#runInside(query);
    return await this.#groups.runOutside(() => this.#statements.run<Row>(query));
  }

  /** In its own transaction. */
  answer(query: AskedQuery): readonly unknown[] {
    if (this.member.state !== 'working') throw new Error('the transaction is over');
    return this.#runInside(query).rows;
  }

  #runInside<Row>(query: AskedQuery): QueryResult<Row> {
    // SQLite ends a transaction itself on some errors; what came after one would be committed at once.
    if (!this.#engine.isTransaction) throw this.failure;
    try {
      return this.#statements.run<Row>(query);
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    for (const row of (await this.executeQuery<Row>(query)).rows) yield { rows: [row] };
  }
}

/** Prepared statements kept; queries come from a fixed set of call sites, so a few hundred cover them. */
const MAX_STATEMENTS = 512;

interface Prepared {
  statement: ReturnType<DatabaseSync['prepare']>;
  isRead: boolean;
  /** Asking SQLite for a statement's columns costs more than most queries. */
  hasRows: boolean;
  columns: readonly string[];
}

/**
 * SQLite's own objects cost twice this, and each look at one of their members more than at those of an object made here.
 */
function allRows<Row>({ statement, columns }: Prepared, parameters: SQLInputValue[]): Row[] {
  const rows = statement.all(...parameters) as unknown as unknown[][];
  return rows.map((values) => {
    const row: Record<string, unknown> = {};
    for (let at = 0; at < columns.length; at++) row[columns[at]!] = values[at];
    return row as Row;
  });
}

class Statements {
  readonly #engine: DatabaseSync;
  readonly #guard: WriteGuard;
  readonly #statements = new Map<string, Prepared>();

  constructor(engine: DatabaseSync, guard: WriteGuard) {
    this.#engine = engine;
    this.#guard = guard;
  }

  run<Row>(query: AskedQuery): QueryResult<Row> {
    const prepared = this.#prepare(query.sql);
    const { statement, isRead, hasRows } = prepared;
    const parameters = query.parameters.map(toSqlValue);
    if (isRead) return { rows: withSpace(() => allRows<Row>(prepared, parameters)) };
    if (hasRows) return { rows: changeWith(this.#guard, () => allRows<Row>(prepared, parameters)) };
    const result = changeWith(this.#guard, () => statement.run(...parameters));
    const { changes, lastInsertRowid } = result;
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  #prepare(sql: string): Prepared {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
    const statement = this.#engine.prepare(sql);
    const isRead = /^\s*select\b/i.test(sql);
    const columns = statement.columns().map(({ name }) => name);
    statement.setReturnArrays(true);
    const prepared = { statement, isRead, hasRows: columns.length > 0, columns };
    this.#statements.set(sql, prepared);
    return prepared;
  }
}

/** The disk is full. */
const SQLITE_FULL = 13;
/** Kinds of errors, in the low byte of their codes: a write or a sync failed, or the kernel has made the disk read-only. */
const DISK_FAILURES: readonly number[] = [10, 8];

function changeWith<Result>(guard: WriteGuard, work: () => Result): Result {
  guard.requireHealth();
  try {
    return withSpace(work);
  } catch (error) {
    const code = errorCode(error);
    if (typeof code !== 'number' || !DISK_FAILURES.includes(code & 0xff)) throw error;
    throw guard.fail(error);
  }
}

/** A full disk is an operating error with a sentence for people; anything else passes through. */
function withSpace<Result>(work: () => Result): Result {
  try {
    return work();
  } catch (error) {
    throw errorCode(error) === SQLITE_FULL ? diskFull(error) : error;
  }
}

/** SQLite's extended result code. */
function errorCode(error: unknown): unknown {
  return error instanceof Error && 'errcode' in error ? error.errcode : undefined;
}

function diskFull(cause: unknown): ServiceError {
  return new ServiceError({
    kind: 'out-of-space',
    resource: 'host',
    message: 'The disk that holds the state is full; nothing was changed. Make room and try again.',
    cause,
  });
}

function toSqlValue(value: unknown): SQLInputValue {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (value === undefined) return null;
  return value as SQLInputValue;
}
