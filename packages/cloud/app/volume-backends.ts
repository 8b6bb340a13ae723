// Owns how a user says where a volume's bytes shall lie: the tag `ironbark:backend` that a volume is made with. It
// stays as it is, since the bytes stay where they are.

import type { VolumeId } from '@ironbark/core/ids.ts';
import { GIB, renderBytes } from '@ironbark/core/units.ts';
import type { BackendName } from '@ironbark/protocol/internal/staged-backend.ts';
import type { StorageReport } from '@ironbark/protocol/internal/storage-client.ts';
import type { Queries } from '../store/store.ts';
import { listTaggedOtherwise, listTagsOf } from '../store/tags.ts';
import { invalidValue, refuse } from './refusals.ts';
import { resourceTypeOf, setTags, type Tag } from './tags.ts';

export const BACKEND_TAG = 'ironbark:backend';
const DEFAULT_BACKEND = 'file';

/** Of a new volume with these tags. Throws for one that this cloud has not. */
export function chooseBackend(
  tags: readonly Tag[],
  storage: StorageReport | undefined,
): BackendName {
  const wanted = tags.find((tag) => tag.key === BACKEND_TAG)?.value ?? DEFAULT_BACKEND;
  const offered = [DEFAULT_BACKEND, ...(storage?.backends ?? []).map(({ name }) => name)] as const;
  const found = offered.find((name) => name === wanted);
  if (found !== undefined) return found;
  throw invalidValue(BACKEND_TAG, wanted, `This cloud offers ${offered.join(', ')}.`);
}

/** Of a volume that is there, as the storage is told. */
export async function findBackend(db: Queries, id: VolumeId): Promise<BackendName | undefined> {
  const tag = (await listTagsOf(db, id)).find(({ key }) => key === BACKEND_TAG);
  return tag?.value as BackendName | undefined;
}

/** Those that are not files of the host's own disk. */
export async function listVolumesElsewhere(db: Queries): Promise<string[]> {
  return await listTaggedOtherwise(db, BACKEND_TAG, DEFAULT_BACKEND);
}

export function checkBackendRoom(
  name: BackendName,
  sizeGib: number,
  storage: StorageReport | undefined,
): void {
  const largest = storage?.backends?.find((each) => each.name === name)?.largestBytes ?? 0;
  if (sizeGib * GIB <= largest) return;
  throw refuse(
    'insufficient-capacity',
    'volume',
    `The largest volume that the backend ${name} can make now has ${renderBytes(largest)}; this one needs ${sizeGib} GiB.`,
  );
}

/** CreateTags and DeleteTags may name every tag of a volume but this one. */
export function refuseBackendTag(
  ids: readonly string[],
  keys: readonly (string | undefined)[],
): void {
  const isVolume = ids.some((id) => resourceTypeOf(id) === 'volume');
  if (!isVolume || !keys.includes(BACKEND_TAG)) return;
  throw refuse(
    'invalid-parameter',
    'tag',
    `The tag '${BACKEND_TAG}' says where a volume was made and cannot be changed. Make a volume from a snapshot of this one with another.`,
  );
}

/** Runs what removes all tags of a resource, and leaves this one. */
export async function keepingBackendTag(
  tx: Queries,
  accountId: string,
  id: string,
  work: () => Promise<void>,
): Promise<void> {
  const kept = (await listTagsOf(tx, id)).filter(({ key }) => key === BACKEND_TAG);
  await work();
  await setTags(tx, accountId, id, kept);
}
