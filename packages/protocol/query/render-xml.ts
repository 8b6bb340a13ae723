// Owns the way from an operation's output to XML.

import type { MapShape, Shape, StructureShape } from '../models/service-model.ts';

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** The members of an output as elements, in the model's order; an empty list is an empty element. */
export function renderMembers(shape: StructureShape, value: object): string {
  const parts: string[] = [];
  writeMembers(shape, value as Record<string, unknown>, parts);
  return parts.join('');
}

export function renderElement(name: string, text: string): string {
  return `<${name}>${escapeText(text)}</${name}>`;
}

function writeMembers(
  shape: StructureShape,
  value: Readonly<Record<string, unknown>>,
  parts: string[],
): void {
  const names = new Set(shape.members.map((member) => member.name));
  const unknown = Object.keys(value).find((name) => !names.has(name));
  if (unknown !== undefined) throw new TypeError(`${shape.name} has no member ${unknown}`);
  for (const member of shape.members) {
    const part = value[member.name];
    if (part !== undefined && part !== null) writeShape(member.shape, part, member.element, parts);
  }
}

function writeShape(shape: Shape, value: unknown, element: string, parts: string[]): void {
  if (shape.kind === 'map') {
    writeMap(shape, value as Record<string, unknown>, element, parts);
    return;
  }
  if (shape.kind !== 'list' && shape.kind !== 'structure') {
    parts.push(renderElement(element, scalarText(shape.kind, value, element)));
    return;
  }
  parts.push(`<${element}>`);
  if (shape.kind === 'structure') writeMembers(shape, value as Record<string, unknown>, parts);
  else for (const item of value as unknown[]) writeShape(shape.item, item, shape.element, parts);
  parts.push(`</${element}>`);
}

function writeMap(
  shape: MapShape,
  value: Readonly<Record<string, unknown>>,
  element: string,
  parts: string[],
): void {
  parts.push(`<${element}>`);
  for (const [key, one] of Object.entries(value)) {
    parts.push('<entry>', renderElement('key', key));
    writeShape(shape.value, one, 'value', parts);
    parts.push('</entry>');
  }
  parts.push(`</${element}>`);
}

/** A value of the wrong type is a bug of the action: better an InternalError than a wrong answer. */
function scalarText(kind: Exclude<Shape['kind'], 'list'>, value: unknown, element: string): string {
  switch (kind) {
    case 'timestamp':
      if (value instanceof Date) return value.toISOString();
      break;
    case 'blob':
      if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
      break;
    case 'boolean':
      if (typeof value === 'boolean') return String(value);
      break;
    case 'integer':
    case 'number':
      if (typeof value === 'number' && Number.isFinite(value)) return String(value);
      break;
    default:
      if (typeof value === 'string') return value;
  }
  throw new TypeError(`${element} is a ${kind}, not ${typeof value}`);
}

const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '\r': '&#xD;',
};
/** What XML 1.0 cannot hold in any form, lone surrogates among it. */
const FORBIDDEN =
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

export function escapeText(text: string): string {
  return text.replace(/[&<>\r]/g, (character) => ESCAPES[character]!).replace(FORBIDDEN, '\ufffd');
}
