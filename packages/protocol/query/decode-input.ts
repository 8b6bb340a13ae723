// Owns the way from a form to an operation's input: names, types, enums and required members.

import { ServiceError } from '@ironbark/core/errors.ts';
import type {
  ListShape,
  MapShape,
  Member,
  Shape,
  StructureShape,
} from '../models/service-model.ts';
import { type FormNode, quote } from './form.ts';

/** Lists are `Key.N` in EC2's protocol and `Key.member.N` in the query protocol. */
export type ListStyle = 'flat' | 'member';

/** Parameters of the request itself, and of a signature in the query string. */
const NOT_INPUT = /^(Action|Version|X-Amz-[A-Za-z0-9-]+)$/;
const MAX_INDEX_DIGITS = 6;
const INDEX = new RegExp(`^(0|[1-9][0-9]{0,${MAX_INDEX_DIGITS - 1}})$`);

export function decodeInput(
  shape: StructureShape | undefined,
  form: FormNode,
  style: ListStyle,
): Record<string, unknown> {
  const children = new Map([...form.children].filter(([key]) => !NOT_INPUT.test(key)));
  if (shape !== undefined) return decodeStructure(shape, { value: undefined, children }, '', style);
  const [unknown] = children.keys();
  if (unknown !== undefined) throw notRecognized(unknown);
  return {};
}

function decodeShape(shape: Shape, node: FormNode, path: string, style: ListStyle): unknown {
  if (shape.kind === 'structure') return decodeStructure(shape, node, path, style);
  if (shape.kind === 'list') return decodeList(shape, node, path, style);
  if (shape.kind === 'map') return decodeMap(shape, node, path, style);
  const [extra] = node.children.keys();
  if (extra !== undefined) throw notRecognized(`${path}.${extra}`);
  return decodeScalar(shape, node.value ?? '', path);
}

function decodeStructure(
  shape: StructureShape,
  node: FormNode,
  path: string,
  style: ListStyle,
): Record<string, unknown> {
  if (node.value !== undefined) throw notRecognized(path);
  const value: Record<string, unknown> = {};
  for (const [key, child] of node.children) {
    const member = shape.byKey.get(key);
    const childPath = path === '' ? key : `${path}.${key}`;
    if (member === undefined) throw notRecognized(childPath);
    value[member.name] = decodeShape(member.shape, child, childPath, style);
  }
  for (const member of shape.members) {
    if (member.required && !Object.hasOwn(value, member.name)) throw missing(member, path);
  }
  return value;
}

function decodeList(shape: ListShape, node: FormNode, path: string, style: ListStyle): unknown[] {
  if (node.value !== undefined && node.value !== '') throw notRecognized(path);
  if (style === 'flat') return decodeItems(shape, node, path, style);
  const items = node.children.get('member');
  const extra = [...node.children.keys()].find((key) => key !== 'member');
  if (extra !== undefined) throw notRecognized(`${path}.${extra}`);
  return items === undefined ? [] : decodeItems(shape, items, `${path}.member`, style);
}

/** By number; a gap is closed, since what counts is the order. */
function decodeItems(shape: ListShape, node: FormNode, path: string, style: ListStyle): unknown[] {
  const numbered = [...node.children].map(([key, child]) => {
    if (!INDEX.test(key)) throw notRecognized(`${path}.${key}`);
    return { index: Number(key), child };
  });
  numbered.sort((left, right) => left.index - right.index);
  return numbered.map(({ index, child }) =>
    decodeShape(shape.item, child, `${path}.${index}`, style),
  );
}

/** `Key.entry.N.key` and `Key.entry.N.value`. */
function decodeMap(shape: MapShape, node: FormNode, path: string, style: ListStyle) {
  const entries = node.children.get('entry');
  const extra = [...node.children.keys()].find((key) => key !== 'entry');
  if (extra !== undefined || entries === undefined) throw notRecognized(`${path}.${extra ?? ''}`);
  const pairs = [...entries.children].map(([index, entry]) => {
    const own = `${path}.entry.${index}`;
    const value = entry.children.get('value');
    if (!INDEX.test(index) || value === undefined) throw notRecognized(own);
    const key = entry.children.get('key')?.value ?? '';
    return [key, decodeShape(shape.value, value, `${own}.value`, style)] as const;
  });
  return Object.fromEntries(pairs);
}

type Leaf = Exclude<Shape, ListShape | MapShape | StructureShape>;

function decodeScalar(shape: Leaf, text: string, path: string): unknown {
  switch (shape.kind) {
    case 'string':
      return text;
    case 'enum':
      if (shape.values.has(text)) return text;
      throw invalid(text, path, `Expecting one of: ${[...shape.values].slice(0, 40).join(', ')}.`);
    case 'boolean':
      if (text === 'true' || text === 'false') return text === 'true';
      throw invalid(text, path, 'Expecting true or false.');
    case 'integer':
      return decodeNumber(text, path, /^[+-]?\d{1,16}$/, 'a whole number');
    case 'number':
      return decodeNumber(text, path, /^[+-]?\d{1,17}(\.\d{1,17})?(e[+-]?\d{1,3})?$/i, 'a number');
    case 'timestamp':
      return decodeTime(text, path);
    case 'blob':
      return decodeBlob(text, path);
  }
}

function decodeNumber(text: string, path: string, syntax: RegExp, what: string): number {
  const number = Number(text);
  if (!syntax.test(text)) throw invalid(text, path, `Expecting ${what}.`);
  if (Math.abs(number) <= Number.MAX_SAFE_INTEGER) return number;
  throw invalid(text, path, 'The number is too large.');
}

/** ISO 8601; a time without a zone is UTC, as everywhere in AWS. */
const TIME =
  /^(\d{4}-\d{2}-\d{2})(?:T(\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)(Z|[+-]\d{2}:\d{2})?)?$/;

function decodeTime(text: string, path: string): Date {
  const match = TIME.exec(text);
  const [, day, time = '00:00', zone = 'Z'] = match ?? [];
  const date = new Date(`${day}T${time}${zone}`);
  if (match !== null && !Number.isNaN(date.getTime())) return date;
  throw invalid(text, path, 'Expecting a time such as 2026-01-31T12:00:00Z.');
}

function decodeBlob(text: string, path: string): Uint8Array {
  const isBase64 = /^[A-Za-z0-9+/]*={0,2}$/.test(text) && text.replace(/=+$/, '').length % 4 !== 1;
  if (!isBase64) throw invalid(text, path, 'Expecting base64.');
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function notRecognized(path: string): ServiceError {
  return new ServiceError({
    kind: 'unknown-parameter',
    resource: 'request',
    message: `The parameter ${quote(path)} is not recognized.`,
  });
}

function missing(member: Member, path: string): ServiceError {
  const name = path === '' ? member.key : `${path}.${member.key}`;
  return new ServiceError({
    kind: 'missing-parameter',
    resource: 'request',
    message: `The request must contain the parameter ${name}.`,
  });
}

function invalid(text: string, path: string, expecting: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'request',
    message: `Value (${quote(text)}) for parameter ${path} is invalid. ${expecting}`,
  });
}
