// Owns the SQLite engine: one connection, WAL with synchronous=FULL, so that a commit is on stable storage.

import { chmodSync, closeSync, existsSync, openSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Driver,
  Kysely,
  type QueryResult,
  SqliteAdapter,
  SqliteIntrospector,
  SqliteQueryCompiler,
} from 'kysely';
import { syncFile } from '../files.ts';
import { WriteGuard } from '../write-guard.ts';
import { CommitGroups, type Member } from './commit-groups.ts';
import type { Database, Migrations } from './database.ts';
import {
  type Change,
  type Journal,
  type JournalCount,
  type JournalOptions,
  openJournal,
} from './journal.ts';
import { migrate } from './migrate.ts';
import { type AskedQuery, answerPrepared } from './prepared-query.ts';
import { changeWith, diskFull, isFull, isRead, Statements } from './sqlite-statements.ts';

export interface SqliteOptions {
  /** The file, or `:memory:`. */
  path: string;
  migrations: Migrations;
  /**
   * Transactions that may share a commit. Each gains what the syncs of the others would have taken, and is told of its end
   * no earlier than they are. Default: 1.
   */
  maxTransactionsPerCommit?: number;
  /** Offers `journaledBy`. What a journal has and the file does not is run before anything else. */
  journal?: JournalOptions;
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
  const count = await openCount(engine, options.journal);
  const guard = new WriteGuard(options.path);
  const maxMembers = options.maxTransactionsPerCommit ?? 1;
  const adapter = new ManyTurnsAdapter();
  const driver = new SingleConnectionDriver(engine, { guard, maxMembers, count });
  answerPrepared(adapter, (asked) => driver.answer(asked));
  const query = composeFor<Schema>(adapter, driver);
  try {
    await migrate(query, options.migrations);
  } catch (error) {
    await query.destroy();
    throw error;
  }
  const transaction = transactionsOf(query);
  const byJournal = new Map<Journal, Database<Schema>['transaction']>();
  const journaledBy = (journal: Journal) => {
    const known =
      byJournal.get(journal) ?? transactionsOf(composeFor(adapter, driver.journaledBy(journal)));
    byJournal.set(journal, known);
    return known;
  };
  return {
    query,
    transaction,
    // It shares its commit with others.
    statement: transaction,
    ...(count === undefined ? {} : { journaledBy }),
    get failure() {
      return guard.failure;
    },
    get changes() {
      return driver.changes;
    },
    findDamage: async () => findDamage(engine),
    [Symbol.asyncDispose]: () => query.destroy(),
  };
}

function composeFor<Schema>(adapter: SqliteAdapter, driver: Driver): Kysely<Schema> {
  return new Kysely<Schema>({
    dialect: {
      createAdapter: () => adapter,
      createDriver: () => driver,
      createIntrospector: (db) => new SqliteIntrospector(db),
      createQueryCompiler: () => new SqliteQueryCompiler(),
    },
  });
}

function transactionsOf<Schema>(query: Kysely<Schema>): Database<Schema>['transaction'] {
  return (work) =>
    query.transaction().execute(async (tx) => {
      const turn = await tx.getExecutor().provideConnection(async (connection) => connection);
      answerPrepared(tx, (asked) => (turn as Turn).answer(asked));
      return await work(tx);
    });
}

async function openCount(
  engine: DatabaseSync,
  journal: JournalOptions | undefined,
): Promise<JournalCount | undefined> {
  if (journal === undefined) return undefined;
  try {
    return await openJournal(engine, journal);
  } catch (error) {
    engine.close();
    throw isFull(error) ? diskFull(error) : error;
  }
}

/** On a full disk the log stays where it is, and is synced as it is: whoever only reads needs no room. */
async function settle(engine: DatabaseSync, path: string): Promise<void> {
  try {
    engine.exec(SETTLE);
  } catch (error) {
    if (!isFull(error)) throw error;
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

interface DriverOptions {
  guard: WriteGuard;
  maxMembers: number;
  count: JournalCount | undefined;
}

/** Gives everybody a turn of their own, all of them on the one connection. */
class SingleConnectionDriver implements Driver {
  readonly #engine: DatabaseSync;
  readonly #statements: Statements;
  readonly #groups: CommitGroups;

  constructor(engine: DatabaseSync, { guard, maxMembers, count }: DriverOptions) {
    this.#engine = engine;
    this.#statements = new Statements(engine, guard);
    const change = (work: () => unknown) => void changeWith(guard, work);
    this.#groups = new CommitGroups({ engine, change, maxMembers, count });
  }

  get changes(): number {
    return this.#groups.unjournaled;
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<DatabaseConnection> {
    return this.#newTurn(undefined);
  }

  #newTurn(journal: Journal | undefined): Turn {
    return new Turn(this.#engine, this.#statements, this.#groups, journal);
  }

  /** The same, with transactions that the journal keeps. */
  journaledBy(journal: Journal): Driver {
    return {
      init: async () => {},
      acquireConnection: async () => this.#newTurn(journal),
      releaseConnection: async () => {},
      beginTransaction: (turn) => this.beginTransaction(turn),
      commitTransaction: (turn) => this.commitTransaction(turn),
      rollbackTransaction: (turn) => this.rollbackTransaction(turn),
      destroy: async () => {},
    };
  }

  async releaseConnection(): Promise<void> {}

  /** A query by itself. */
  answer(query: AskedQuery): readonly unknown[] | Promise<readonly unknown[]> {
    const ask = () => this.#statements.run(query).rows;
    return this.#groups.runOutside(ask, !isRead(query));
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
    await this.#groups.close();
    this.#engine.close();
  }
}

/** What one caller asks, in a transaction of its own or in none. */
class Turn implements DatabaseConnection {
  readonly member: Member;
  /** The last error of a statement, for those whose work it took with it. */
  failure: unknown;
  readonly #engine: DatabaseSync;
  readonly #statements: Statements;
  readonly #groups: CommitGroups;

  constructor(
    engine: DatabaseSync,
    statements: Statements,
    groups: CommitGroups,
    journal: Journal | undefined,
  ) {
    this.#engine = engine;
    this.#statements = statements;
    this.#groups = groups;
    this.member = { state: 'waiting', journal, hasChanges: false, changes: [] };
  }

  async executeQuery<Row>(query: CompiledQuery): Promise<QueryResult<Row>> {
    if (this.member.state === 'working') return this.#runInside(query);
    const ask = () => this.#statements.run<Row>(query);
    return await this.#groups.runOutside(ask, !isRead(query));
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
      return this.#statements.run<Row>(query, (change) => this.#note(change));
    } catch (error) {
      this.failure = error;
      throw error;
    }
  }

  #note(change: Change): void {
    this.member.hasChanges = true;
    if (this.member.journal !== undefined) this.member.changes.push(change);
  }

  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    for (const row of (await this.executeQuery<Row>(query)).rows) yield { rows: [row] };
  }
}
