// Owns tags of buckets and objects: their XML, the header that stands for them, and what is a good one.
// Source: AWS, "Categorizing your objects using tags".

import { ServiceError } from '@ironbark/core/errors.ts';
import { decodePercent } from '../sigv4/percent.ts';
import { childrenOf, findText, malformedXml, parseXml, type XmlNode } from './xml-reader.ts';
import { element, renderXml, s3Root } from './xml-writer.ts';

export interface Tag {
  key: string;
  value: string;
}

export const MAX_OBJECT_TAGS = 10;
export const MAX_BUCKET_TAGS = 50;
const MAX_KEY_LENGTH = 128;
const MAX_VALUE_LENGTH = 256;

export function parseTagging(body: Uint8Array, limit: number): readonly Tag[] {
  const [set] = childrenOf(parseXml(body, 'Tagging'), 'TagSet');
  if (set === undefined) throw malformedXml('Tagging has no TagSet');
  return readTags(set, limit);
}

export function readTags(set: XmlNode, limit: number): readonly Tag[] {
  const tags = childrenOf(set, 'Tag').map((node) => {
    const key = findText(node, 'Key');
    const value = findText(node, 'Value');
    if (key === undefined || value === undefined) throw malformedXml('a tag lacks Key or Value');
    return { key, value };
  });
  return requireTags(tags, limit);
}

/** The header x-amz-tagging: a query string. */
export function parseTagHeader(text: string): readonly Tag[] {
  if (text === '') return [];
  const tags = text.split('&').map((pair) => {
    const at = pair.indexOf('=');
    const name = at < 0 ? pair : pair.slice(0, at);
    return { key: decode(name), value: at < 0 ? '' : decode(pair.slice(at + 1)) };
  });
  return requireTags(tags, MAX_OBJECT_TAGS);
}

function decode(text: string): string {
  return Buffer.from(decodePercent(text.replaceAll('+', ' '))).toString('utf8');
}

function requireTags(tags: readonly Tag[], limit: number): readonly Tag[] {
  if (tags.length > limit) {
    const message = `Object tags cannot be greater than ${limit}`;
    throw new ServiceError({ kind: 'limit-exceeded', resource: 'tag', message });
  }
  for (const { key, value } of tags) requireTag(key, value);
  if (new Set(tags.map((tag) => tag.key)).size === tags.length) return tags;
  throw badTag('Cannot provide multiple Tags with the same key');
}

function requireTag(key: string, value: string): void {
  const isKnownForm = (text: string) => /^[\p{L}\p{Z}\p{N}_.:/=+\-@]*$/u.test(text);
  if (key === '' || key.length > MAX_KEY_LENGTH || !isKnownForm(key)) {
    throw badTag('The TagKey you have provided is invalid');
  }
  if (value.length > MAX_VALUE_LENGTH || !isKnownForm(value)) {
    throw badTag('The TagValue you have provided is invalid');
  }
  if (key.startsWith('aws:')) throw badTag('System tags cannot be added/updated by requester');
}

export function renderTagging(tags: readonly Tag[]): string {
  const sorted = tags.toSorted((left, right) => (left.key < right.key ? -1 : 1));
  const set = sorted.map(({ key, value }) =>
    element('Tag', [element('Key', key), element('Value', value)]),
  );
  return renderXml(s3Root('Tagging', [element('TagSet', set)]));
}

function badTag(message: string): ServiceError {
  return new ServiceError({ kind: 'invalid-parameter', resource: 'tag', message });
}
