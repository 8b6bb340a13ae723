// Owns MaxResults and NextToken of every Describe action: pages over a stable sort key.

import { createHash } from 'node:crypto';
import { ServiceError } from '@ironbark/core/errors.ts';

/** As the model decodes it. */
export interface PageRequest {
  MaxResults?: number | undefined;
  NextToken?: string | undefined;
}

export interface PageOptions<Item> {
  /** The AWS name of the operation; a token is good for the operation that gave it only. */
  action: string;
  /** Unique and unchanging for each item; pages go upwards in it. */
  sortKey: (item: Item) => string;
  /** AWS's range for this operation; most have 5 to 1000. */
  minResults?: number;
  maxResults?: number;
  /** What the operation does above `maxResults`: most answer with the longest page. */
  aboveMax?: 'clamp' | 'refuse';
  /** The ids the caller named; EC2 refuses them together with MaxResults. */
  ids?: readonly string[] | undefined;
  /** The parameter that holds those ids, for the message: `InstanceIds`. */
  idsParameter?: string;
}

export interface Page<Item> {
  items: Item[];
  /** Undefined on the last page. */
  nextToken: string | undefined;
}

const DEFAULT_MIN_RESULTS = 5;
const DEFAULT_MAX_RESULTS = 1000;
/** A token holds one sort key; a resource id or name of AWS is at most 255 characters. */
const MAX_TOKEN_CHARACTERS = 2048;

/** Sorts the items and gives the page that the request asks for. */
export function takePage<Item>(
  items: readonly Item[],
  request: PageRequest,
  options: PageOptions<Item>,
): Page<Item> {
  const { size, after } = readPageRequest(request, options);
  const keyed = items.map((item) => ({ item, key: options.sortKey(item) }));
  keyed.sort((left, right) => compareKeys(left.key, right.key));
  const rest = after === undefined ? keyed : keyed.filter(({ key }) => key > after);
  const page = rest.slice(0, size);
  const last = page.at(-1);
  const more = rest.length > page.length && last !== undefined;
  return {
    items: page.map(({ item }) => item),
    nextToken: more ? tokenAfter(options.action, last.key) : undefined,
  };
}

/** How many are asked for, and after which sort key; for those who look for a page themselves. */
export function readPageRequest<Item>(
  request: PageRequest,
  options: PageOptions<Item>,
): { size: number; after: string | undefined } {
  return { size: pageSize(request, options), after: readToken(request.NextToken, options.action) };
}

/** By code unit: the same order on every host and in every locale. */
function compareKeys(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

function pageSize<Item>(request: PageRequest, options: PageOptions<Item>): number {
  const asked = request.MaxResults;
  const min = options.minResults ?? DEFAULT_MIN_RESULTS;
  const max = options.maxResults ?? DEFAULT_MAX_RESULTS;
  if (asked === undefined) return max;
  if (options.ids !== undefined && options.ids.length > 0) throw idsWithMaxResults(options);
  if (asked < min) throw outOfRange(asked, `greater than or equal to ${min}`);
  if (asked > max && options.aboveMax === 'refuse') {
    throw outOfRange(asked, `less than or equal to ${max}`);
  }
  return Math.min(asked, max);
}

function idsWithMaxResults<Item>(options: PageOptions<Item>): ServiceError {
  return new ServiceError({
    kind: 'invalid-combination',
    resource: 'request',
    message: `The parameter ${options.idsParameter ?? 'that names resources'} cannot be used with the parameter maxResults`,
  });
}

function outOfRange(asked: number, expected: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'request',
    message: `Value ( ${asked} ) for parameter MaxResults is invalid. Expecting a value ${expected}.`,
  });
}

/** The digest catches damaged tokens and those of another operation; a token grants nothing. */
function tokenDigest(action: string, key: string): string {
  return createHash('sha256').update(`page-token-1\0${action}\0${key}`).digest('hex').slice(0, 16);
}

/** Goes on after this sort key. */
export function tokenAfter(action: string, key: string): string {
  return Buffer.from(`${tokenDigest(action, key)}${key}`, 'utf8').toString('base64url');
}

function readToken(token: string | undefined, action: string): string | undefined {
  if (token === undefined) return undefined;
  const text =
    token.length > MAX_TOKEN_CHARACTERS ? '' : Buffer.from(token, 'base64url').toString('utf8');
  const key = text.slice(16);
  if (text.slice(0, 16) === tokenDigest(action, key)) return key;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'page-token',
    message: `The NextToken is not one that ${action} gave. Start again without it.`,
  });
}
