// Owns the change of schema that takes from each write of an object the index entries that nobody looks for.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const fewerIndexEntries: Migration = {
  up: async (db) => {
    // `version_key` begins with the bucket, too.
    await db.schema.dropIndex('version_bucket').execute();
    // Only blobs that are not stored are looked for by their state, and they are few.
    await db.schema.dropIndex('blob_state').execute();
    await db.schema
      .createIndex('blob_unfinished')
      .on('blob')
      .column('state')
      .where('state', '!=', 'stored')
      .execute();
  },
};
