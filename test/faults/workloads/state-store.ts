// Owns the workload of the state store: transactions over several rows through platform/database, from several
// callers at a time. A row's neighbours show whether a transaction was torn.

import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { Database } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { type Kysely, sql, type Transaction } from 'kysely';
import type { Value } from './promises.ts';
import type { OpenWorkload, WorkloadInput } from './workload.ts';

interface Schema {
  entry: { account: string; part: number; value: string; padding: string };
}

const migrations = {
  '0001-entry': {
    up: async (db: Kysely<Schema>) => {
      await db.schema
        .createTable('entry')
        .addColumn('account', 'text', (column) => column.notNull())
        .addColumn('part', 'integer', (column) => column.notNull())
        .addColumn('value', 'text', (column) => column.notNull())
        .addColumn('padding', 'text', (column) => column.notNull())
        .addPrimaryKeyConstraint('entry_key', ['account', 'part'])
        .execute();
    },
  },
};

const CALLERS = 3;
const SCRIPT_LENGTH = 12;
const ACCOUNTS_A_CALLER = 6;
/** Rows of one account, which change together. */
const PARTS = 4;
/** Large enough for a write-ahead log that is copied back every second or so. */
const MAX_PADDING = 20_000;
/** SQLite never waits; the other stores of the process want to get on. */
const PAUSE_MS = 25;
const DELETE_SHARE = 0.15;

export async function openStateStore(input: WorkloadInput): Promise<OpenWorkload> {
  const db = await openSqlite<Schema>({ path: join(input.folder, 'state.db'), migrations });
  return {
    read: () => readAccounts(db),
    findFaults: () => checkIntegrity(db),
    write: async () => {
      const callers = Array.from({ length: CALLERS }, (_, caller) => call(db, input, caller));
      return await Promise.race(callers);
    },
    script: async () => {
      for (let n = 0; n < SCRIPT_LENGTH; n++) await change(db, input, 0, n);
    },
  };
}

async function call(db: Database<Schema>, input: WorkloadInput, caller: number): Promise<never> {
  for (let n = 0; ; n++) {
    await change(db, input, caller, n);
    await setTimeout(PAUSE_MS);
  }
}

async function change(
  db: Database<Schema>,
  { random, session, promise }: WorkloadInput,
  caller: number,
  n: number,
): Promise<void> {
  const account = `${caller}/${Math.floor(random.fraction() * ACCOUNTS_A_CALLER)}`;
  const value = random.fraction() < DELETE_SHARE ? null : `${session}.${n}`;
  const work = (tx: Transaction<Schema>) => replaceAccount(tx, { account, value, random });
  await promise({ [account]: value }, () => db.transaction(work));
}

async function replaceAccount(
  tx: Transaction<Schema>,
  { account, value, random }: { account: string; value: Value; random: RandomSource },
): Promise<void> {
  await tx.deleteFrom('entry').where('account', '=', account).execute();
  if (value === null) return;
  for (let part = 0; part < PARTS; part++) {
    const padding = 'x'.repeat(random.fraction() ** 4 * MAX_PADDING);
    await tx.insertInto('entry').values({ account, part, value, padding }).execute();
  }
}

async function readAccounts(db: Database<Schema>): Promise<Record<string, Value>> {
  const rows = await db.query.selectFrom('entry').select(['account', 'value']).execute();
  const byAccount = Map.groupBy(rows, (row) => row.account);
  const values = [...byAccount].map(([account, parts]) => {
    const isWhole = parts.length === PARTS && new Set(parts.map(({ value }) => value)).size === 1;
    return [account, isWhole ? parts[0]!.value : 'torn'] as const;
  });
  return Object.fromEntries(values);
}

async function checkIntegrity(db: Database<Schema>): Promise<string[]> {
  const { rows } = await sql<{ integrity_check: string }>`PRAGMA integrity_check`.execute(db.query);
  return rows.map((row) => row.integrity_check).filter((line) => line !== 'ok');
}
