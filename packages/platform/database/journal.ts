// Owns what a journal keeps of a store's transactions: the statements that changed rows. It is written together with bytes
// that have to be synced anyway, so that the store's own commit needs no sync.
//
//   statements --> entry to the journal, one sync --> COMMIT without one --> told
//   at the start: entries that the file does not have are run again, in their order, and synced
//
// Each commit, with an entry or without one, has a number that the file keeps. An entry fits one state alone: the one whose
// number is the one before, of the same opening of the file.

import type { DatabaseSync, SQLInputValue } from 'node:sqlite';

/** A statement that was run, and how many rows it changed or answered. */
export interface Change {
  sql: string;
  parameters: readonly SQLInputValue[];
  rows: number;
}

export interface Journal {
  /** From where on a start has to read, for what is written next and later. */
  place(): string;
  /** Resolves when the entry, and what was staged to go with it, is on stable storage. */
  write(entry: Uint8Array): Promise<void>;
  /** What was staged is not wanted. */
  drop(): void;
}

/** What was written before the file is opened. */
export interface JournalSource {
  /** Behind all that is there. */
  end(): Promise<string>;
  /** Whole entries in the order in which they were written, all of them on stable storage. */
  read(place: string): AsyncIterable<Uint8Array>;
}

export interface JournalOptions {
  source: JournalSource;
  /** Never given before. Entries of another opening of the file, or of a copy of it, are told apart by it. */
  epoch: string;
}

interface Entry {
  epoch: string;
  number: number;
  changes: Change[];
}

interface Position {
  epoch: string;
  number: number;
  place: string;
}

const CREATE = `CREATE TABLE IF NOT EXISTS journal_position (
  only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
  epoch TEXT NOT NULL,
  number INTEGER NOT NULL,
  place TEXT NOT NULL
)`;
const MOVE = `INSERT INTO journal_position VALUES (1, ?, ?, ?) ON CONFLICT (only_row)
  DO UPDATE SET epoch = excluded.epoch, number = excluded.number, place = excluded.place`;
const FIND = 'SELECT epoch, number, place FROM journal_position';

/** Runs what the file lacks, and begins a new count. The connection has to sync its commits. */
export async function openJournal(
  engine: DatabaseSync,
  { source, epoch }: JournalOptions,
): Promise<JournalCount> {
  engine.exec(CREATE);
  const found = engine.prepare(FIND).get() as unknown as Position | undefined;
  if (found !== undefined) await replay(engine, source, found);
  const position = { epoch, number: 0, place: await source.end() };
  engine.prepare(MOVE).run(epoch, position.number, position.place);
  return new JournalCount(engine, position);
}

async function replay(engine: DatabaseSync, source: JournalSource, from: Position): Promise<void> {
  const entries: Entry[] = [];
  for await (const bytes of source.read(from.place)) {
    const entry = decodeEntry(bytes);
    if (entry.epoch !== from.epoch) continue;
    // One whose commit failed is followed by another of its number.
    while ((entries.at(-1)?.number ?? 0) >= entry.number) entries.pop();
    entries.push(entry);
  }
  let { number } = from;
  for (const entry of entries) {
    // What is behind a gap is of another state than this one: of the one that this is an older copy of.
    if (entry.number !== number + 1) continue;
    applyEntry(engine, entry, from.place);
    number = entry.number;
  }
}

function applyEntry(engine: DatabaseSync, { epoch, number, changes }: Entry, place: string): void {
  engine.exec('BEGIN IMMEDIATE');
  try {
    for (const change of changes) applyChange(engine, change);
    engine.prepare(MOVE).run(epoch, number, place);
    engine.exec('COMMIT');
  } catch (error) {
    if (engine.isTransaction) engine.exec('ROLLBACK');
    throw error;
  }
}

function applyChange(engine: DatabaseSync, { sql, parameters, rows }: Change): void {
  const statement = engine.prepare(sql);
  const hasRows = statement.columns().length > 0;
  const found = hasRows
    ? statement.all(...parameters).length
    : Number(statement.run(...parameters).changes);
  if (found !== rows) {
    throw new Error(`the journal does not fit the state: ${found} rows instead of ${rows}: ${sql}`);
  }
}

/** Counts the commits of a file that is open. */
export class JournalCount {
  readonly #move: ReturnType<DatabaseSync['prepare']>;
  #position: Position;

  constructor(engine: DatabaseSync, position: Position) {
    this.#move = engine.prepare(MOVE);
    this.#position = position;
  }

  /** Of the next commit. */
  encode(changes: readonly Change[]): Uint8Array {
    return encodeEntry({ ...this.#next(), changes: [...changes] });
  }

  /** Part of the next commit. `place`: where its entry stands; undefined: it has none. */
  move(place: string | undefined): void {
    const { epoch, number } = this.#next();
    this.#move.run(epoch, number, place ?? this.#position.place);
  }

  /** It is done. */
  moved(place: string | undefined): void {
    this.#position = { ...this.#next(), place: place ?? this.#position.place };
  }

  #next(): Position {
    return { ...this.#position, number: this.#position.number + 1 };
  }
}

/** Each text of a statement stands there once. */
function encodeEntry({ epoch, number, changes }: Entry): Uint8Array {
  const texts = [...new Set(changes.map(({ sql }) => sql))];
  const at = new Map(texts.map((text, index) => [text, index]));
  const runs = changes.map(({ sql, parameters, rows }) => {
    for (const value of parameters) requirePlain(value);
    return [at.get(sql), rows, ...parameters];
  });
  return Buffer.from(JSON.stringify({ epoch, number, texts, runs }));
}

function requirePlain(value: SQLInputValue): void {
  if (value === null || typeof value === 'string' || Number.isFinite(value)) return;
  throw new Error(`a journal takes no ${typeof value}: ${String(value)}`);
}

type Run = [text: number, rows: number, ...parameters: SQLInputValue[]];

function decodeEntry(bytes: Uint8Array): Entry {
  const { epoch, number, texts, runs } = JSON.parse(Buffer.from(bytes).toString()) as {
    epoch: string;
    number: number;
    texts: string[];
    runs: Run[];
  };
  const changes = runs.map(([text, rows, ...parameters]) => ({
    ...{ sql: texts[text]!, parameters, rows },
  }));
  return { epoch, number, changes };
}
