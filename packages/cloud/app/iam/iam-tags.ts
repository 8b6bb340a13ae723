// Owns the rules of tags on IAM's entities.

import { deleteIamTag, listIamTags, putIamTag } from '../../store/iam-tags.ts';
import type { Queries } from '../../store/store.ts';
import { invalidValue, refuse } from '../refusals.ts';
import { tooMany } from './entities.ts';

const MAX_TAGS = 50;
const TEXT = /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u;

interface WireTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

export interface TaggedEntity {
  id: string;
  accountId: string;
}

export async function setIamTags(
  tx: Queries,
  { id, accountId }: TaggedEntity,
  tags: readonly WireTag[] = [],
): Promise<void> {
  checkIamTags(tags);
  for (const { Key = '', Value = '' } of tags) {
    await putIamTag(tx, { resourceId: id, accountId, key: Key, value: Value });
  }
  if ((await listIamTags(tx, id)).length > MAX_TAGS) throw tooMany('TagsPerResource', MAX_TAGS);
}

export async function removeIamTags(
  tx: Queries,
  { id }: TaggedEntity,
  keys: readonly string[],
): Promise<void> {
  for (const key of keys) await deleteIamTag(tx, id, key);
}

/** Of a session, too. */
export function checkIamTags(tags: readonly WireTag[]): void {
  for (const { Key = '', Value = '' } of tags) {
    const isKey = Key !== '' && Key.length <= 128 && TEXT.test(Key);
    if (!isKey) throw invalidValue('Tags.Key', Key.slice(0, 64), 'It has 1 to 128 characters.');
    if (Value.length > 256 || !TEXT.test(Value)) {
      throw invalidValue('Tags.Value', Value.slice(0, 64), 'It has up to 256 characters.');
    }
    if (/^aws:/i.test(Key)) throw invalidValue('Tags.Key', Key, 'aws: is reserved.');
  }
  const keys = tags.map(({ Key = '' }) => Key.toLowerCase());
  if (new Set(keys).size === keys.length) return;
  throw refuse(
    'invalid-combination',
    'tag',
    'Duplicate tag keys found. Please note that Tag keys are case insensitive.',
  );
}
