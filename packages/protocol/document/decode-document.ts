// Owns the way from a parsed document (JSON, CBOR) to an operation's input: names, types, enums and required members.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { ListShape, Shape, StructureShape } from '../models/service-model.ts';
import { quote } from '../query/form.ts';

const MS = 1_000;
/** The years that a date can hold. */
const MAX_SECONDS = 8.64e12;

/** Members that are null are absent. */
export function decodeDocument(
  shape: StructureShape | undefined,
  document: unknown,
): Record<string, unknown> {
  if (shape !== undefined) return decodeStructure(shape, document, '');
  const [unknown] = Object.keys(Object(document));
  if (unknown !== undefined) throw notRecognized(unknown);
  return {};
}

function decodeShape(shape: Shape, value: unknown, path: string): unknown {
  if (shape.kind === 'structure') return decodeStructure(shape, value, path);
  if (shape.kind === 'list') return decodeList(shape, value, path);
  return decodeScalar(shape, value, path);
}

function decodeStructure(
  shape: StructureShape,
  value: unknown,
  path: string,
): Record<string, unknown> {
  if (value === null || typeof value !== 'object' || isLeaf(value)) throw invalid(path, 'a map');
  const members = new Map(shape.members.map((member) => [member.name, member]));
  const decoded: Record<string, unknown> = {};
  for (const [name, part] of Object.entries(value)) {
    const inner = path === '' ? name : `${path}.${name}`;
    const member = members.get(name);
    if (member === undefined) throw notRecognized(inner);
    if (part !== null) decoded[name] = decodeShape(member.shape, part, inner);
  }
  const missing = shape.members.find(({ name, required }) => required && !(name in decoded));
  if (missing === undefined) return decoded;
  throw new ServiceError({
    kind: 'missing-parameter',
    resource: 'request',
    message: `The parameter ${path === '' ? '' : `${path}.`}${missing.name} is required.`,
  });
}

function isLeaf(value: object): boolean {
  return Array.isArray(value) || value instanceof Date || value instanceof Uint8Array;
}

function decodeList(shape: ListShape, value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw invalid(path, 'a list');
  return value.map((item, at) => decodeShape(shape.item, item, `${path}[${at}]`));
}

type Leaf = Exclude<Shape, ListShape | StructureShape>;

function decodeScalar(shape: Leaf, value: unknown, path: string): unknown {
  switch (shape.kind) {
    case 'string':
      if (typeof value === 'string') return value;
      throw invalid(path, 'text');
    case 'enum':
      if (typeof value === 'string' && shape.values.has(value)) return value;
      throw invalid(path, `one of: ${[...shape.values].slice(0, 40).join(', ')}`);
    case 'boolean':
      if (typeof value === 'boolean') return value;
      throw invalid(path, 'true or false');
    case 'integer':
      if (Number.isSafeInteger(value)) return value;
      throw invalid(path, 'a whole number');
    case 'number':
      if (Number.isFinite(value)) return value;
      throw invalid(path, 'a number');
    case 'timestamp':
      return decodeTime(value, path);
    case 'blob':
      if (value instanceof Uint8Array) return value;
      if (typeof value === 'string') return new Uint8Array(Buffer.from(value, 'base64'));
      throw invalid(path, 'bytes');
  }
}

/** JSON has seconds since the epoch, CBOR has times. */
function decodeTime(value: unknown, path: string): Date {
  if (value instanceof Date) return value;
  if (typeof value === 'number' && Math.abs(value) <= MAX_SECONDS) {
    return new Date(Math.round(value * MS));
  }
  throw invalid(path, 'a time in seconds since 1970');
}

function notRecognized(path: string): ServiceError {
  return new ServiceError({
    kind: 'unknown-parameter',
    resource: 'request',
    message: `The parameter ${quote(path)} is not recognized.`,
  });
}

function invalid(path: string, expecting: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'request',
    message: `The value of ${path === '' ? 'the request' : `the parameter ${path}`} is invalid. Expecting ${expecting}.`,
  });
}
