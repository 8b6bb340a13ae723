// Owns snapshots that are written block by block.

import type { Migration } from '@ironbark/platform/database/database.ts';

const COLUMNS = {
  write_state: 'text',
  write_parent_id: 'text',
  write_content_id: 'text',
  write_timeout_ms: 'bigint',
  write_expires_at: 'bigint',
} as const;

export const writtenSnapshots: Migration = {
  up: async (db) => {
    for (const [column, type] of Object.entries(COLUMNS)) {
      await db.schema.alterTable('snapshot').addColumn(column, type).execute();
    }
  },
};
