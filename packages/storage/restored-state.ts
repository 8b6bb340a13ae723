// Owns what a Storage Controller's state means after its machine was lost: points in time that snapshots were being
// read from are gone, and what was not lost with it may still be another cloud's: volumes that had a disk or an image in
// Ceph are files from now on, and one whose file did not come back is found to be lost.

import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { findAnyAccountKey } from './store/account-keys.ts';
import { STORAGE_MIGRATIONS, type StorageSchema } from './store/schema.ts';

/** `path` is the state of a controller that does not run. Doing it again changes nothing. */
export async function settleRestoredStorage(path: string): Promise<{ hasEncryption: boolean }> {
  await using database = await openSqlite<StorageSchema>({ path, migrations: STORAGE_MIGRATIONS });
  await database.transaction(async (tx) => {
    // As if it had been written to since: the volume's bytes of now are not those of then.
    await tx
      .updateTable('snapshot')
      .set({ frozen_exported: 1 })
      .where('observed_state', '=', 'pending')
      .where('frozen_epoch', 'is not', null)
      .execute();
    // Some of what had been written to it may not have come back.
    await tx
      .updateTable('snapshot')
      .set({ written: 'abandoned' })
      .where('observed_state', '=', 'pending')
      .where('written', 'is not', null)
      .execute();
    // A backup holds volumes as they read, so what came back is all there.
    const whole = {
      backend: 'file',
      is_filled: 1,
      source_name: null,
      written_bytes: null,
    } as const;
    await tx
      .updateTable('volume')
      .set({ ...whole, is_clone: 0 })
      .execute();
    await tx.updateTable('snapshot').set({ point: null }).execute();
    // The objects came back by another way than this state: what each snapshot needs is read from its manifest.
    await tx
      .updateTable('snapshot')
      .set({ unknown_blocks: 1 })
      .where('observed_state', '=', 'completed')
      .execute();
  });
  return { hasEncryption: (await findAnyAccountKey(database.query)) !== undefined };
}
