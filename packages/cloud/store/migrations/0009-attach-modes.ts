// Owns who drives the disk of a volume that is attached.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const attachModes: Migration = {
  up: async (db) => {
    await db.schema.alterTable('attachment').addColumn('attach_mode', 'text').execute();
  },
};
