// Owns the first tables: the zone, its nodes, what is placed on them and what was seen there.

import type { Kysely } from 'kysely';

// biome-ignore lint/suspicious/noExplicitAny: a migration sees the schema as it was, not as it is typed now
type AnyKysely = Kysely<any>;

export async function createClusterTables(db: AnyKysely): Promise<void> {
  await createZone(db);
  await createNodes(db);
  await createPlacedInstances(db);
  await createObservations(db);
}

async function createZone(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('zone')
    .addColumn('id', 'integer', (c) => c.primaryKey())
    .addColumn('subnets', 'text', (c) => c.notNull())
    .addColumn('change_sequence', 'bigint', (c) => c.notNull())
    .execute();
  await db.insertInto('zone').values({ id: 1, subnets: '[]', change_sequence: 0 }).execute();
}

async function createNodes(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('node')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('intent_generation', 'bigint', (c) => c.notNull())
    .addColumn('reported_generation', 'bigint', (c) => c.notNull())
    .addColumn('summary', 'text')
    .execute();
}

async function createPlacedInstances(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('placed_instance')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('node_id', 'text', (c) => c.notNull())
    .addColumn('generation', 'integer', (c) => c.notNull())
    .addColumn('intent', 'text', (c) => c.notNull())
    .addColumn('forgotten_at', 'bigint')
    .execute();
  await db.schema
    .createIndex('placed_instance_by_node')
    .on('placed_instance')
    .columns(['node_id', 'forgotten_at'])
    .execute();
}

async function createObservations(db: AnyKysely): Promise<void> {
  await db.schema
    .createTable('observation')
    .addColumn('id', 'text', (c) => c.primaryKey())
    .addColumn('node_id', 'text', (c) => c.notNull())
    .addColumn('observation', 'text', (c) => c.notNull())
    .addColumn('change_sequence', 'bigint', (c) => c.notNull())
    .execute();
  await db.schema
    .createIndex('observation_by_change')
    .on('observation')
    .column('change_sequence')
    .execute();
}
