// Owns queries that are composed once and run often: composing one takes longer than most of them take to run.

import type { Compilable, CompiledQuery, Kysely } from 'kysely';

/** Stands for a value while the query is composed. */
class Placeholder {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

export type AskedQuery = Pick<CompiledQuery, 'sql' | 'parameters'>;

/** At once where nobody else is at work. */
export type Answer = (query: AskedQuery) => readonly unknown[] | Promise<readonly unknown[]>;

/** By the adapter of a database, or by the transaction. */
const shortWays = new WeakMap<object, Answer>();

/**
 * Prepared queries of a transaction, or those of a database that are no part of any, go this way, past Kysely: its way there
 * takes as long as most of them, and leaves tens of kilobytes for the collector.
 */
export function answerPrepared(asker: object, answer: Answer): void {
  shortWays.set(asker, answer);
}

/**
 * `compose` sees a placeholder in place of each member of the input: it may hand them on as values, and must not look
 * at them. Every input has the same members.
 */
export function prepareQuery<Schema, Input extends object, Row>(
  compose: (db: Kysely<Schema>, input: Input) => Compilable<Row>,
): (db: Kysely<Schema>, input: Input) => Promise<Row[]> {
  const composed = new WeakMap<object, CompiledQuery<Row>>();
  return async (db, input) => {
    const { adapter } = db.getExecutor();
    const query = composed.get(adapter) ?? compose(db, placeholdersFor(input)).compile();
    composed.set(adapter, query);
    const values = input as Record<string, unknown>;
    const parameters = query.parameters.map((each) =>
      each instanceof Placeholder ? values[each.name] : each,
    );
    const answer = shortWays.get(db.isTransaction ? db : adapter);
    if (answer !== undefined) {
      const rows = answer({ sql: query.sql, parameters });
      return (rows instanceof Promise ? await rows : rows) as Row[];
    }
    return (await db.executeQuery<Row>({ ...query, parameters })).rows;
  };
}

function placeholdersFor<Input extends object>(input: Input): Input {
  const names = Object.keys(input);
  return Object.fromEntries(names.map((name) => [name, new Placeholder(name)])) as Input;
}
