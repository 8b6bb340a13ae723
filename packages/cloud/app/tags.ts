// Owns the rules of tags: what may be one, how many, and which resources carry them.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { TagRow } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listOwnTagsOf, putTag } from '../store/tags.ts';
import { checkAttachMode } from './attach-modes.ts';
import { checkIoProfile, checkRootProfile } from './io-profiles.ts';
import { refuse } from './refusals.ts';

export interface Tag {
  key: string;
  value: string;
}

/** EC2 User Guide, "Tag restrictions". */
const MAX_TAGS = 50;
const MAX_KEY_CHARACTERS = 128;
const MAX_VALUE_CHARACTERS = 256;

/** EC2's resource types that can be tagged and named in policies here, by the prefix of their ids. */
export const RESOURCE_TYPES: Readonly<Record<string, string>> = {
  i: 'instance',
  vol: 'volume',
  snap: 'snapshot',
  ami: 'image',
  lt: 'launch-template',
  pg: 'placement-group',
  key: 'key-pair',
  eni: 'network-interface',
  vpc: 'vpc',
  subnet: 'subnet',
  sg: 'security-group',
  sgr: 'security-group-rule',
  igw: 'internet-gateway',
  eigw: 'egress-only-internet-gateway',
  rtb: 'route-table',
  eipalloc: 'elastic-ip',
  nat: 'natgateway',
  pcx: 'vpc-peering-connection',
  fl: 'vpc-flow-log',
  acl: 'network-acl',
  dopt: 'dhcp-options',
};
const TAGGABLE: Readonly<Record<string, string>> = { ...RESOURCE_TYPES, r: 'reservation' };

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
  refuseReserved(key);
}

/** EC2's own sentence. */
export function refuseReserved(key: string): void {
  if (!isReserved(key)) return;
  throw refuse(
    'invalid-parameter',
    'tag',
    "Tag keys starting with 'aws:' are reserved for internal use",
  );
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
      throw refuse(
        'invalid-parameter',
        'tag',
        `'${(ResourceType ?? '').slice(0, 64)}' is not a valid taggable resource type for this operation.`,
      );
    }
    if ((Tags ?? []).length === 0) {
      throw refuse('invalid-parameter', 'tag', 'Tag specification must have at least one tag');
    }
    // A type may come several times.
    const before = tags[type].map(({ key: Key, value: Value }) => ({ Key, Value }));
    tags[type] = parseTags([...before, ...(Tags ?? [])]);
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
  if (tags.length === 0) return;
  const all = await listOwnTagsOf(tx, { resourceId, accountId });
  if (countOwn(all) > MAX_TAGS) throw tooMany(resourceId);
}

/** "Amazon EC2 Auto Scaling and launch templates": what the service itself puts on an instance. */
export async function setTemplateTags(
  tx: Queries,
  accountId: AccountId,
  resourceId: string,
  template: { id: string; version: number } | undefined,
): Promise<void> {
  if (template === undefined) return;
  const tags = { id: template.id, version: String(template.version) };
  for (const [name, value] of Object.entries(tags)) {
    const key = `${RESERVED}ec2launchtemplate:${name}`;
    await putTag(tx, { accountId, resourceId, resourceType: 'instance', key, value });
  }
}

/** Only the service itself sets and removes these, and they do not count. */
const RESERVED = 'aws:';

function isReserved(key: string): boolean {
  return key.toLowerCase().startsWith(RESERVED);
}

function countOwn(tags: readonly { key: string }[]): number {
  return tags.filter(({ key }) => !isReserved(key)).length;
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
    const rows = (this.#byResource.get(resourceId) ?? []).map(({ key, value }) => ({ key, value }));
    const isOwn = ({ key }: Tag) => !isReserved(key);
    return [...rows.filter(isOwn), ...rows.filter((tag) => !isOwn(tag))];
  }
}
