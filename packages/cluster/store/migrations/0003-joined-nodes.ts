// Owns the tables of nodes on other hosts: the door that they come to, the tokens that let one in, and who has joined.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const joinedNodes: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('door')
      .addColumn('id', 'integer', (c) => c.primaryKey())
      .addColumn('host', 'text', (c) => c.notNull())
      .addColumn('port', 'integer', (c) => c.notNull())
      .addColumn('authority_certificate', 'text', (c) => c.notNull())
      .addColumn('authority_key', 'text', (c) => c.notNull())
      .addColumn('certificate', 'text', (c) => c.notNull())
      .addColumn('key', 'text', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('join_token')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('secret_hash', 'text', (c) => c.notNull())
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .addColumn('wrong_guesses', 'integer', (c) => c.notNull())
      .execute();
    await db.schema
      .createTable('joined_node')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('name', 'text', (c) => c.notNull().unique())
      .addColumn('fingerprint', 'text', (c) => c.notNull().unique())
      .addColumn('joined_at', 'bigint', (c) => c.notNull())
      .execute();
    await db.schema
      .alterTable('node')
      .addColumn('is_draining', 'integer', (c) => c.notNull().defaultTo(0))
      .execute();
  },
};
