// Owns the way from an operation's output to XML.

import type { ListShape, MapShape, Shape, StructureShape } from '../models/service-model.ts';

export const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/** The members of an output as elements, in the model's order; an empty list is an empty element. */
export function renderMembers(shape: StructureShape, value: object): string {
  for (const name of Object.keys(value)) {
    if (!shape.byName.has(name)) throw new TypeError(`${shape.name} has no member ${name}`);
  }
  // Parts in a list, to be joined in the end, take twice as long.
  let text = '';
  for (const member of shape.members) {
    const part = (value as Readonly<Record<string, unknown>>)[member.name];
    if (part === undefined || part === null) continue;
    text += renderShape(member.shape, part, member.element);
  }
  return text;
}

export function renderElement(name: string, text: string): string {
  return `<${name}>${escapeText(text)}</${name}>`;
}

function renderShape(shape: Shape, value: unknown, element: string): string {
  switch (shape.kind) {
    case 'structure':
      return `<${element}>${renderMembers(shape, value as object)}</${element}>`;
    case 'list':
      return `<${element}>${renderItems(shape, value as unknown[])}</${element}>`;
    case 'map':
      return `<${element}>${renderEntries(shape, value as object)}</${element}>`;
    default:
      return renderElement(element, scalarText(shape.kind, value, element));
  }
}

function renderItems({ item, element }: ListShape, values: readonly unknown[]): string {
  let text = '';
  for (const value of values) text += renderShape(item, value, element);
  return text;
}

function renderEntries(shape: MapShape, value: object): string {
  let text = '';
  for (const [key, one] of Object.entries(value)) {
    text += `<entry>${renderElement('key', key)}${renderShape(shape.value, one, 'value')}</entry>`;
  }
  return text;
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

/** Most texts have nothing that is written otherwise, which one look tells. */
const SPECIAL = /[&<>\r\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff\ud800-\udfff]/;

export function escapeText(text: string): string {
  if (!SPECIAL.test(text)) return text;
  return text.replace(/[&<>\r]/g, (character) => ESCAPES[character]!).replace(FORBIDDEN, '\ufffd');
}
