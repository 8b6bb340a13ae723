// Owns the way from an operation's input to a form: the client's side of the query protocols.

import type { MapShape, Shape, StructureShape } from '../models/service-model.ts';
import type { ListStyle } from './decode-input.ts';

/** The body of a request; null and undefined are left out, and so are empty lists in EC2's protocol. */
export function encodeInput(
  action: string,
  version: string,
  shape: StructureShape | undefined,
  input: object,
  style: ListStyle,
): string {
  const pairs: string[] = [`Action=${action}`, `Version=${version}`];
  const write = (key: string, value: string) => pairs.push(`${key}=${encodeURIComponent(value)}`);
  if (shape !== undefined) writeStructure(shape, input, '', { style, write });
  return pairs.join('&');
}

interface Output {
  style: ListStyle;
  write: (key: string, value: string) => void;
}

function writeStructure(shape: StructureShape, value: object, prefix: string, out: Output): void {
  const known = new Map(shape.members.map((member) => [member.name, member]));
  for (const [name, part] of Object.entries(value)) {
    if (part === undefined || part === null) continue;
    const member = known.get(name);
    if (member === undefined) throw new TypeError(`${shape.name} has no member ${name}`);
    writeShape(member.shape, part, `${prefix}${member.key}`, out);
  }
}

function writeShape(shape: Shape, value: unknown, key: string, out: Output): void {
  if (shape.kind === 'structure') writeStructure(shape, Object(value), `${key}.`, out);
  else if (shape.kind === 'map') writeMap(shape, Object(value), key, out);
  else if (shape.kind !== 'list') out.write(key, scalarText(value, key));
  else {
    const items = value as readonly unknown[];
    if (items.length === 0 && out.style === 'member') out.write(key, '');
    const prefix = out.style === 'member' ? `${key}.member.` : `${key}.`;
    items.forEach((item, at) => {
      writeShape(shape.item, item, `${prefix}${at + 1}`, out);
    });
  }
}

function writeMap(
  shape: MapShape,
  value: Readonly<Record<string, unknown>>,
  key: string,
  out: Output,
): void {
  Object.entries(value).forEach(([name, part], at) => {
    out.write(`${key}.entry.${at + 1}.key`, name);
    writeShape(shape.value, part, `${key}.entry.${at + 1}.value`, out);
  });
}

function scalarText(value: unknown, key: string): string {
  if (value instanceof Date) return value.toISOString();
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object') return String(value);
  throw new TypeError(`${key} takes a simple value`);
}
