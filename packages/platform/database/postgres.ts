// Owns the PostgreSQL engine: what SQLite gives one process it gives several, transactions that are as if one after
// another. Those that met are tried again, so `work` may run more than once.

import { Kysely, PostgresAdapter, PostgresIntrospector, type Transaction } from 'kysely';
import { Client } from 'pg';
import type { Clock } from '../clock.ts';
import type { Logger } from '../logger.ts';
import type { RandomSource } from '../random.ts';
import { Turns } from '../turns.ts';
import type { Database, Migrations } from './database.ts';
import { migrate } from './migrate.ts';
import { ByteOrderCompiler, PostgresDriver } from './postgres-driver.ts';
import { explain, isConflict, tooManyConflicts } from './postgres-errors.ts';
import { CONNECT_TIMEOUT_MS, type PostgresTarget } from './postgres-target.ts';

export interface PostgresOptions {
  target: PostgresTarget;
  migrations: Migrations;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
}

/**
 * Where tables are small, whole pages of their indexes are what transactions meet on, so that also those on other keys try
 * again; all that use all of these are told to come back.
 */
const MAX_ATTEMPTS = 20;
const BACKOFF_START_MS = 2;
const BACKOFF_LIMIT_MS = 1_000;

/** Of one process: the more there are at once, the more of them meet and were for nothing. */
export const MAX_TRANSACTIONS = 4;
/** Longer than any of ours takes to be done. */
const PATIENCE_MS = 30_000;

export async function openPostgres<Schema>(options: PostgresOptions): Promise<Database<Schema>> {
  const { target, logger } = options;
  const lost = (error: unknown) => logger.warn('a connection to the database was lost', { error });
  const driver = new PostgresDriver(target, lost);
  const query = new Kysely<Schema>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => driver,
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new ByteOrderCompiler(),
    },
  });
  try {
    await migrateAlone(target, query, options.migrations);
  } catch (error) {
    await query.destroy();
    throw error;
  }
  const { clock } = options;
  const turns = new Turns({ most: MAX_TRANSACTIONS, patienceMs: PATIENCE_MS, clock });
  return {
    query,
    transaction: (work) => transact(query, work, { ...options, turns }),
    // By the default, READ COMMITTED, it meets nobody but who changes the same rows, and then looks at them again.
    statement: (work) => work(query),
    // One that cannot be reached may be there again the next moment.
    failure: undefined,
    // Its own checks are its administrator's business.
    findDamage: async () => undefined,
    [Symbol.asyncDispose]: () => query.destroy(),
  };
}

async function transact<Schema, Result>(
  query: Kysely<Schema>,
  work: (tx: Transaction<Schema>) => Promise<Result>,
  { clock, random, turns }: Pick<PostgresOptions, 'clock' | 'random'> & { turns: Turns },
): Promise<Result> {
  for (let attempt = 1; ; attempt++) {
    const giveBack = await turns.take();
    if (giveBack === undefined) throw tooManyConflicts(undefined);
    try {
      return await query.transaction().execute(work);
    } catch (error) {
      if (!isConflict(error)) throw error;
      if (attempt >= MAX_ATTEMPTS) throw tooManyConflicts(error);
    } finally {
      giveBack();
    }
    const limitMs = Math.min(BACKOFF_START_MS * 2 ** attempt, BACKOFF_LIMIT_MS);
    await clock.sleep(limitMs * random.fraction());
  }
}

/** Of migrations; any number that nobody else uses. */
const MIGRATION_LOCK = 4_910_273_561;

/** Of several that start at once, one does it, and the others find it done. */
async function migrateAlone<Schema>(
  target: PostgresTarget,
  query: Kysely<Schema>,
  migrations: Migrations,
): Promise<void> {
  const client = new Client({ ...target, connectionTimeoutMillis: CONNECT_TIMEOUT_MS });
  client.on('error', () => {});
  try {
    await client.connect();
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await migrate(query, migrations);
  } catch (error) {
    throw explain(error);
  } finally {
    await client.end();
  }
}
