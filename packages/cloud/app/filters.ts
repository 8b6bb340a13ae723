// Owns the meaning of `Filter.N` in every Describe action: AND between filters, OR within one, wildcards, tags.

import { ServiceError } from '@ironbark/core/errors.ts';

/** As the model decodes it. */
export interface Filter {
  Name?: string | undefined;
  Values?: readonly string[] | undefined;
}

export interface FilterTag {
  readonly key: string;
  readonly value: string;
}

type Scalar = string | number | boolean | undefined;
/** What an item has under a filter name; a list matches if any of its members does. */
export type FilterValue = Scalar | readonly Scalar[];

/** What a resource can be filtered by: AWS's filter names, and its tags where it has any. */
export interface FilterTable<Item> {
  readonly names: Readonly<Record<string, (item: Item) => FilterValue>>;
  readonly tags?: (item: Item) => readonly FilterTag[];
}

/** EC2's limit for one request ("Filter your resources" in the EC2 User Guide). */
const MAX_VALUES = 200;
const MAX_FILTERS = 50;
/** AWS's longest tag value is 256 characters; a pattern of four times that is no honest filter. */
const MAX_PATTERN_CHARACTERS = 1024;
const TAG_PREFIX = 'tag:';

type Predicate<Item> = (item: Item) => boolean;

/** Keeps the items that satisfy every filter, in their order. Throws on names the table does not have. */
export function applyFilters<Item>(
  items: readonly Item[],
  filters: readonly Filter[] | undefined,
  table: FilterTable<Item>,
): Item[] {
  const predicates = compileFilters(filters ?? [], table);
  return items.filter((item) => predicates.every((predicate) => predicate(item)));
}

/** Checks filters without items, for an action that has to refuse a bad one before it reads anything. */
export function compileFilters<Item>(
  filters: readonly Filter[],
  table: FilterTable<Item>,
): Predicate<Item>[] {
  checkLimits(filters);
  return filters.map((filter) => compileFilter(filter, table));
}

function checkLimits(filters: readonly Filter[]): void {
  const values = filters.flatMap((filter) => filter.Values ?? []);
  if (filters.length <= MAX_FILTERS && values.length <= MAX_VALUES) return;
  throw new ServiceError({
    kind: 'limit-exceeded',
    resource: 'filter',
    message: `A request may have ${MAX_FILTERS} filters with ${MAX_VALUES} values in all; this one has ${filters.length} with ${values.length}.`,
  });
}

function compileFilter<Item>(filter: Filter, table: FilterTable<Item>): Predicate<Item> {
  const read = findAccessor(filter.Name ?? '', table);
  const patterns = requireValues(filter).map(compilePattern);
  return (item) => {
    const candidates = toTexts(read(item));
    return patterns.some((matches) => candidates.some(matches));
  };
}

function requireValues(filter: Filter): readonly string[] {
  const values = filter.Values ?? [];
  if (values.length > 0) return values;
  throw new ServiceError({
    kind: 'missing-parameter',
    resource: 'filter',
    message: `The filter '${filter.Name}' has no values; give at least one as Filter.N.Value.1.`,
  });
}

function findAccessor<Item>(name: string, table: FilterTable<Item>): (item: Item) => FilterValue {
  const { names, tags } = table;
  if (tags !== undefined && name.startsWith(TAG_PREFIX) && name.length > TAG_PREFIX.length) {
    const key = name.slice(TAG_PREFIX.length);
    return (item) => tags(item).flatMap((tag) => (tag.key === key ? [tag.value] : []));
  }
  if (tags !== undefined && name === 'tag-key') return (item) => tags(item).map((tag) => tag.key);
  // No longer documented, and still taken by EC2.
  if (tags !== undefined && name === 'tag-value') {
    return (item) => tags(item).map((tag) => tag.value);
  }
  const accessor = Object.hasOwn(names, name) ? names[name] : undefined;
  if (accessor === undefined) throw unknownFilter(name, table);
  return accessor;
}

function unknownFilter<Item>(name: string, table: FilterTable<Item>): ServiceError {
  const valid = Object.keys(table.names);
  if (table.tags !== undefined) valid.push('tag:<key>', 'tag-key');
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'filter',
    message: `The filter '${name}' is invalid: valid here are ${valid.sort().join(', ')}.`,
  });
}

function toTexts(value: FilterValue): string[] {
  const values: readonly Scalar[] = Array.isArray(value) ? value : [value as Scalar];
  return values.flatMap((one) => (one === undefined ? [] : [String(one)]));
}

/** A literal character, or one of the two wildcards. */
type Token = { literal: string } | 'any' | 'one';

/** `*` is any run of characters, `?` is one character, `\` takes the next character as it is. */
export function compilePattern(pattern: string): (text: string) => boolean {
  if (pattern.length > MAX_PATTERN_CHARACTERS) {
    throw new ServiceError({
      kind: 'invalid-parameter',
      resource: 'filter',
      message: `A filter value has ${pattern.length} characters; at most ${MAX_PATTERN_CHARACTERS} are taken.`,
    });
  }
  if (!/[*?\\]/.test(pattern)) return (text) => text === pattern;
  const tokens = tokenize(pattern);
  return (text) => matchTokens(tokens, [...text]);
}

function tokenize(pattern: string): Token[] {
  const tokens: Token[] = [];
  const characters = [...pattern];
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at]!;
    if (character === '*') tokens.push('any');
    else if (character === '?') tokens.push('one');
    else if (character === '\\') tokens.push({ literal: characters[++at] ?? '\\' });
    else tokens.push({ literal: character });
  }
  return tokens;
}

/** Greedy with one step back to the last `*`: never worse than pattern length times text length. */
function matchTokens(tokens: readonly Token[], text: readonly string[]): boolean {
  let token = 0;
  let at = 0;
  let star = -1;
  let resume = 0;
  while (at < text.length) {
    const current = tokens[token];
    if (current === 'any') {
      star = token++;
      resume = at;
    } else if (current !== undefined && matchesOne(current, text[at]!)) {
      token++;
      at++;
    } else if (star >= 0) {
      token = star + 1;
      at = ++resume;
    } else return false;
  }
  return tokens.slice(token).every((rest) => rest === 'any');
}

function matchesOne(token: Exclude<Token, 'any'>, character: string): boolean {
  return token === 'one' || token.literal === character;
}
