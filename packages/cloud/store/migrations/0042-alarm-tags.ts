// Owns the tags of alarms.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const alarmTags: Migration = {
  up: async (db) => {
    await db.schema
      .alterTable('alarm')
      .addColumn('tags', 'text', (c) => c.notNull().defaultTo('[]'))
      .execute();
  },
};
