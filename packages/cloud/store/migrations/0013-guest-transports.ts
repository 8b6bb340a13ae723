// Owns over what a guest that drives a volume itself reaches it.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const guestTransports: Migration = {
  up: async (db) => {
    await db.schema.alterTable('attachment').addColumn('guest_transport', 'text').execute();
  },
};
