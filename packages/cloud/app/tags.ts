// Owns the rules of tags: what may be one, how many, and which resources carry them.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { TagRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listTagsOf, putTag } from '../store/tags.ts';
import { checkAttachMode } from './attach-modes.ts';
import { checkIoProfile, checkRootProfile } from './io-profiles.ts';
import { invalidValue, notOffered, refuse } from './refusals.ts';

export interface Tag {
  key: string;
  value: string;
}

/** EC2 User Guide, "Tag restrictions". */
const MAX_TAGS = 50;
const MAX_KEY_CHARACTERS = 128;
const MAX_VALUE_CHARACTERS = 256;

/** EC2's resource types that can be tagged here, by the prefix of their ids. */
const TAGGABLE: Readonly<Record<string, string>> = {
  i: 'instance',
  vol: 'volume',
  snap: 'snapshot',
  ami: 'image',
  key: 'key-pair',
  eni: 'network-interface',
  vpc: 'vpc',
  subnet: 'subnet',
  sg: 'security-group',
  sgr: 'security-group-rule',
  r: 'reservation',
};

export function resourceTypeOf(id: string): string | undefined {
  return TAGGABLE[id.slice(0, id.indexOf('-'))];
}

interface WireTag {
  Key?: string | undefined;
  Value?: string | undefined;
}

export function parseTags(tags: readonly WireTag[] | undefined): Tag[] {
  const parsed = (tags ?? []).map(({ Key = '', Value = '' }) => ({ key: Key, value: Value }));
  for (const tag of parsed) checkTag(tag);
  const keys = new Set(parsed.map((tag) => tag.key));
  if (keys.size < parsed.length) {
    throw refuse('invalid-parameter', 'tag', 'Duplicate tag keys found. Use each key once.');
  }
  return parsed;
}

function checkTag({ key, value }: Tag): void {
  if (key === '' || [...key].length > MAX_KEY_CHARACTERS) {
    throw refuse(
      'invalid-parameter',
      'tag',
      `A tag key has 1 to ${MAX_KEY_CHARACTERS} characters.`,
    );
  }
  if ([...value].length > MAX_VALUE_CHARACTERS) {
    throw refuse(
      'invalid-parameter',
      'tag',
      `Tag value exceeds the maximum length of ${MAX_VALUE_CHARACTERS} characters.`,
    );
  }
  if (/^aws:/i.test(key)) {
    throw refuse('invalid-parameter', 'tag', "Tag keys starting with 'aws:' are reserved for AWS.");
  }
}

interface WireSpecification {
  ResourceType?: string | undefined;
  Tags?: readonly WireTag[] | undefined;
}

/** TagSpecifications of a request that makes resources of these types. */
export function parseTagSpecifications<Type extends string>(
  specifications: readonly WireSpecification[] | undefined,
  types: readonly Type[],
): Record<Type, Tag[]> {
  const tags = Object.fromEntries(types.map((type) => [type, [] as Tag[]])) as Record<Type, Tag[]>;
  for (const { ResourceType, Tags } of specifications ?? []) {
    const type = types.find((one) => one === ResourceType);
    if (type === undefined) {
      throw notOffered(
        `A tag specification for '${ResourceType ?? ''}' in this request`,
        `Here it may be for ${types.join(', ')}.`,
      );
    }
    if (tags[type].length > 0) {
      throw invalidValue('TagSpecifications', type, 'Each resource type can be given once.');
    }
    tags[type] = parseTags(Tags);
    if (tags[type].length > MAX_TAGS) throw tooMany(type);
  }
  return tags;
}

export async function setTags(
  tx: Queries,
  accountId: AccountId,
  resourceId: string,
  tags: readonly Tag[],
): Promise<void> {
  const resourceType = resourceTypeOf(resourceId)!;
  checkIoProfile(resourceType, tags);
  checkAttachMode(resourceType, tags);
  await checkRootProfile(tx, resourceId, tags);
  for (const tag of tags) await putTag(tx, { accountId, resourceId, resourceType, ...tag });
  if (tags.length > 0 && (await listTagsOf(tx, resourceId)).length > MAX_TAGS) {
    throw tooMany(resourceId);
  }
}

function tooMany(what: string): Error {
  return refuse('limit-exceeded', 'tag', `More than ${MAX_TAGS} tags on ${what}.`);
}

/** Tags by resource, as the Describe actions need them. */
export class TagIndex {
  readonly #byResource: Map<string, TagRow[]>;

  constructor(rows: readonly TagRow[]) {
    this.#byResource = Map.groupBy(rows, (row) => row.resourceId);
  }

  of(resourceId: string): Tag[] {
    return (this.#byResource.get(resourceId) ?? []).map(({ key, value }) => ({ key, value }));
  }
}
