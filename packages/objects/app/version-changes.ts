// Owns changes of a version that is there: its access control list, its tags, its lock. Its bytes never change.

import { updateVersion, type VersionChange } from '../store/versions.ts';
import type { ObjectsContext } from './context.ts';
import type { ObjectVersion } from './object-version.ts';
import { getSelected, type VersionName } from './version-lookup.ts';

/** `decide` sees the version in the transaction that changes it. Gives it as it was. */
export async function changeVersion(
  context: ObjectsContext,
  name: VersionName,
  decide: (version: ObjectVersion) => VersionChange,
): Promise<ObjectVersion> {
  return await context.db.transaction(async (tx) => {
    const version = await getSelected(tx, name);
    await updateVersion(tx, version.id, decide(version));
    return version;
  });
}
