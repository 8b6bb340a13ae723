// Owns temporary credentials, and which instance has which profile.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const sessions: Migration = {
  up: async (db) => {
    await db.schema
      .createTable('session')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('secret', 'text', (c) => c.notNull())
      .addColumn('token', 'text', (c) => c.notNull())
      .addColumn('holder_kind', 'text', (c) => c.notNull())
      .addColumn('holder_id', 'text', (c) => c.notNull())
      .addColumn('session_name', 'text', (c) => c.notNull())
      .addColumn('policies', 'text')
      .addColumn('tags', 'text', (c) => c.notNull())
      .addColumn('issued_at', 'bigint', (c) => c.notNull())
      .addColumn('expires_at', 'bigint', (c) => c.notNull())
      .addColumn('instance_id', 'text')
      .execute();
    await db.schema.createIndex('session_expires_at').on('session').column('expires_at').execute();
    await db.schema
      .createIndex('session_instance_id')
      .on('session')
      .column('instance_id')
      .execute();
    await db.schema
      .createTable('profile_association')
      .addColumn('id', 'text', (c) => c.primaryKey())
      .addColumn('account_id', 'text', (c) => c.notNull())
      .addColumn('instance_id', 'text', (c) => c.notNull())
      .addColumn('profile_id', 'text', (c) => c.notNull())
      .addColumn('created_at', 'bigint', (c) => c.notNull())
      .addUniqueConstraint('profile_association_instance_id', ['instance_id'])
      .execute();
  },
};
