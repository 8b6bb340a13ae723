// Owns what an image's owner declares of its drivers, which is shown and has no effect on types without the device.

import type { Migration } from '@ironbark/platform/database/database.ts';

export const imageDeclarations: Migration = {
  up: async (db) => {
    await db.schema.alterTable('image').addColumn('sriov_net_support', 'text').execute();
  },
};
