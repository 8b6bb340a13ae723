// Owns the state store's contract. Services write kysely queries; which SQL engine runs them is known only here.

import type { Kysely, Transaction } from 'kysely';
import type { Journal } from './journal.ts';

export interface Database<Schema> extends AsyncDisposable {
  /** Why nothing can be changed until the next start, for people; undefined while all is well. */
  readonly failure: string | undefined;
  /**
   * Grows with every change that is committed and in no journal: what such changes alone make is as it was read while this
   * is the same. Absent where others change the state, too.
   */
  readonly changes?: number;
  /** Reads outside a transaction see the newest committed state. */
  readonly query: Kysely<Schema>;
  /**
   * Runs `work` alone: transactions are serialised. When this resolves, the work is on stable storage; when
   * `work` throws, nothing of it remains. Keep everything but queries out of `work`.
   */
  transaction<Result>(work: (tx: Transaction<Schema>) => Promise<Result>): Promise<Result>;
  /** As `transaction`, for what is one statement and decides by nothing but the rows that it changes. */
  statement<Result>(work: (db: Kysely<Schema>) => Promise<Result>): Promise<Result>;
  /**
   * As `transaction`, made durable by a journal in place of the store's own sync: for what has bytes to sync there. Absent
   * where a start would not look into one.
   */
  readonly journaledBy?: (journal: Journal) => Database<Schema>['transaction'];
  /** The first thing that is wrong with the file as a whole, undefined when it is sound. Reads all of it. */
  findDamage(): Promise<string | undefined>;
}

/** A step of a service's schema. Names sort in order: `0001-instances`. */
export interface Migration {
  // biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
  up(db: Kysely<any>): Promise<void>;
}

export type Migrations = Readonly<Record<string, Migration>>;

/** How a service comes by its state: the file that it asks for, with its tables made. */
export type OpenDatabase = <Schema>(options: {
  path: string;
  migrations: Migrations;
}) => Promise<Database<Schema>>;
