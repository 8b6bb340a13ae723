// Owns how queries get to PostgreSQL: over a bounded pool of connections, each statement prepared once on each.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  type CompiledQuery,
  type DatabaseConnection,
  type DataTypeNode,
  type Driver,
  PostgresQueryCompiler,
  type QueryResult,
} from 'kysely';
import { Pool, type PoolClient, type QueryResult as PostgresResult, types } from 'pg';
import { breaksConnection, explain } from './postgres-errors.ts';
import { CONNECT_TIMEOUT_MS, type PostgresTarget } from './postgres-target.ts';

/** Of the server; its default is 100 for all of its clients. */
export const MAX_CONNECTIONS = 16;
/** Longer than any of ours takes; then the server ends it, with what it has locked. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** The server's own time-out comes first, unless nothing is heard of it at all. */
const ANSWER_TIMEOUT_MS = 40_000;
const IDLE_MS = 60_000;

/** Numbers that our rows have are exact in JavaScript; PostgreSQL gives them as text. */
const BIGINT = 20;
const TYPES = {
  getTypeParser: (oid: number, format?: 'text' | 'binary') =>
    oid === BIGINT ? Number : types.getTypeParser(oid, format),
} as typeof types;

export class PostgresDriver implements Driver {
  readonly #pool: Pool;
  readonly #names = new StatementNames();

  /** `onLost` gets errors of connections that nobody uses; the next query takes another. */
  constructor(target: PostgresTarget, onLost: (error: unknown) => void) {
    this.#pool = new Pool({
      ...target,
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      idleTimeoutMillis: IDLE_MS,
      keepAlive: true,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
      query_timeout: ANSWER_TIMEOUT_MS,
      types: TYPES,
    });
    this.#pool.on('error', onLost);
    // Of one that is lent the pool does not hear: its borrower does, with the next statement.
    this.#pool.on('connect', (client) => client.on('error', () => {}));
  }

  async init(): Promise<void> {}

  async acquireConnection(): Promise<Turn> {
    try {
      return new Turn(await this.#pool.connect(), this.#names);
    } catch (error) {
      throw explain(error);
    }
  }

  /** Serial in effect, as the code that runs in them takes for granted. */
  async beginTransaction(turn: Turn): Promise<void> {
    await turn.send({ text: 'BEGIN ISOLATION LEVEL SERIALIZABLE' });
  }

  /** A transaction in which a statement failed is rolled back, whoever swallowed the error. */
  async commitTransaction(turn: Turn): Promise<void> {
    const { command } = await turn.send({ text: 'COMMIT' });
    if (command !== 'COMMIT') throw turn.failure ?? new Error('the transaction was rolled back');
  }

  async rollbackTransaction(turn: Turn): Promise<void> {
    if (!turn.isBroken) await turn.send({ text: 'ROLLBACK' }).catch(() => {});
  }

  async releaseConnection(turn: Turn): Promise<void> {
    turn.release();
  }

  async destroy(): Promise<void> {
    await this.#pool.end();
  }
}

interface Statement {
  text: string;
  values?: unknown[];
  name?: string;
}

/** What one caller asks, on a connection that is its own for so long. */
class Turn implements DatabaseConnection {
  /** The last error of a statement. */
  failure: unknown;
  isBroken = false;
  readonly #client: PoolClient;
  readonly #names: StatementNames;

  constructor(client: PoolClient, names: StatementNames) {
    this.#client = client;
    this.#names = names;
  }

  async send(statement: Statement): Promise<PostgresResult> {
    try {
      return await this.#client.query(statement);
    } catch (error) {
      this.isBroken ||= breaksConnection(error);
      this.failure = explain(error);
      throw this.failure;
    }
  }

  async executeQuery<Row>({ sql, parameters }: CompiledQuery): Promise<QueryResult<Row>> {
    const values = parameters.map(toPostgresValue);
    const name = values.length > MAX_NAMED_VALUES ? undefined : this.#names.find(sql);
    const found = await this.send({ text: sql, values, ...(name === undefined ? {} : { name }) });
    const isChange = found.command !== 'SELECT' && found.rowCount !== null;
    return {
      rows: found.rows as Row[],
      ...(isChange ? { numAffectedRows: BigInt(found.rowCount!) } : {}),
    };
  }

  async *streamQuery<Row>(query: CompiledQuery): AsyncIterableIterator<QueryResult<Row>> {
    for (const row of (await this.executeQuery<Row>(query)).rows) yield { rows: [row] };
  }

  release(): void {
    this.#client.release(this.isBroken);
  }
}

/** Prepared statements take memory of every connection; queries come from a fixed set of call sites. */
const MAX_STATEMENTS = 256;
/** One with a list of values is another one each time; the widest row has 23. */
const MAX_NAMED_VALUES = 32;

class StatementNames {
  readonly #names = new Map<string, string>();

  find(text: string): string | undefined {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    if (this.#names.size >= MAX_STATEMENTS) return undefined;
    if (!/^\s*(?:select|insert|update|delete)\b/i.test(text)) return undefined;
    const name = `s${this.#names.size}`;
    this.#names.set(text, name);
    return name;
  }
}

function toPostgresValue(value: unknown): unknown {
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' && value.includes('\0')) throw hasNul();
  return value ?? null;
}

/** Nothing that is stored has one, so that nothing can be looked for with it either. */
function hasNul(): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'object',
    message: 'The character NUL cannot be part of it.',
  });
}

/** Text is compared by bytes, as SQLite does, whatever the language of the database is. */
export class ByteOrderCompiler extends PostgresQueryCompiler {
  protected override visitDataType(node: DataTypeNode): void {
    super.visitDataType(node);
    const isColumn = this.parentNode?.kind === 'ColumnDefinitionNode';
    if (isColumn && node.dataType === 'text') this.append(' collate "C"');
  }
}
