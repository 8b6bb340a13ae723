// Owns the statements of a SQLite connection: prepared once, run often, and what their failures mean.

import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { QueryResult } from 'kysely';
import type { WriteGuard } from '../write-guard.ts';
import type { Change } from './journal.ts';
import type { AskedQuery } from './prepared-query.ts';

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

export class Statements {
  readonly #engine: DatabaseSync;
  readonly #guard: WriteGuard;
  readonly #statements = new Map<string, Prepared>();

  constructor(engine: DatabaseSync, guard: WriteGuard) {
    this.#engine = engine;
    this.#guard = guard;
  }

  /** `note` is told of what may have changed rows. */
  run<Row>(query: AskedQuery, note?: (change: Change) => void): QueryResult<Row> {
    const { sql } = query;
    const prepared = this.#prepare(sql);
    const { statement, hasRows } = prepared;
    const parameters = query.parameters.map(toSqlValue);
    if (prepared.isRead) return { rows: withSpace(() => allRows<Row>(prepared, parameters)) };
    if (hasRows) {
      const rows = changeWith(this.#guard, () => allRows<Row>(prepared, parameters));
      note?.({ sql, parameters, rows: rows.length });
      return { rows };
    }
    const result = changeWith(this.#guard, () => statement.run(...parameters));
    const { changes, lastInsertRowid } = result;
    note?.({ sql, parameters, rows: Number(changes) });
    return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
  }

  #prepare(sql: string): Prepared {
    const known = this.#statements.get(sql);
    if (known !== undefined) return known;
    if (this.#statements.size >= MAX_STATEMENTS) this.#statements.clear();
    const statement = this.#engine.prepare(sql);
    const columns = statement.columns().map(({ name }) => name);
    statement.setReturnArrays(true);
    const hasRows = columns.length > 0;
    const prepared = { statement, isRead: isRead({ sql }), hasRows, columns };
    this.#statements.set(sql, prepared);
    return prepared;
  }
}

export function isRead({ sql }: Pick<AskedQuery, 'sql'>): boolean {
  return /^\s*select\b/i.test(sql);
}

/** The disk is full. */
const SQLITE_FULL = 13;
/** Kinds of errors, in the low byte of their codes: a write or a sync failed, or the kernel has made the disk read-only. */
const DISK_FAILURES: readonly number[] = [10, 8];

export function changeWith<Result>(guard: WriteGuard, work: () => Result): Result {
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
    throw isFull(error) ? diskFull(error) : error;
  }
}

export function isFull(error: unknown): boolean {
  return errorCode(error) === SQLITE_FULL;
}

/** SQLite's extended result code. */
function errorCode(error: unknown): unknown {
  return error instanceof Error && 'errcode' in error ? error.errcode : undefined;
}

export function diskFull(cause: unknown): ServiceError {
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
