// Owns the way from XML to an operation's output: the client's side of the query protocols.

import { SaxesParser } from 'saxes';
import type { MapShape, Shape, StructureShape } from '../models/service-model.ts';

export interface XmlNode {
  readonly name: string;
  text: string;
  readonly children: XmlNode[];
}

/** Deeper than any answer of AWS; a document that goes further is not one. */
const MAX_DEPTH = 64;

/** The root element. Attributes, comments and entities of a DTD are of no use to these protocols. */
export function parseXml(xml: string): XmlNode {
  const parser = new SaxesParser();
  const document: XmlNode = { name: '', text: '', children: [] };
  const open: XmlNode[] = [document];
  parser.on('opentag', ({ name }) => {
    if (open.length > MAX_DEPTH) throw new Error('XML nested too deep');
    const node: XmlNode = { name, text: '', children: [] };
    open.at(-1)!.children.push(node);
    open.push(node);
  });
  parser.on('text', (text) => {
    open.at(-1)!.text += text;
  });
  parser.on('cdata', (text) => {
    open.at(-1)!.text += text;
  });
  parser.on('closetag', () => {
    open.pop();
  });
  parser.on('error', (error) => {
    throw error;
  });
  parser.write(xml).close();
  return document.children[0]!;
}

export function findChild(node: XmlNode | undefined, name: string): XmlNode | undefined {
  return node?.children.find((child) => child.name === name);
}

/** Elements that the model does not know are skipped: a newer server may have more to say. */
export function readMembers(shape: StructureShape, node: XmlNode): Record<string, unknown> {
  const value: Record<string, unknown> = {};
  for (const child of node.children) {
    const member = shape.byElement.get(child.name);
    if (member !== undefined) value[member.name] = readShape(member.shape, child);
  }
  return value;
}

function readShape(shape: Shape, node: XmlNode): unknown {
  switch (shape.kind) {
    case 'structure':
      return readMembers(shape, node);
    case 'list':
      return node.children
        .filter((child) => child.name === shape.element)
        .map((child) => readShape(shape.item, child));
    case 'map':
      return readMap(shape, node);
    case 'boolean':
      return node.text === 'true';
    case 'integer':
    case 'number':
      return Number(node.text);
    case 'timestamp':
      return new Date(node.text);
    case 'blob':
      return new Uint8Array(Buffer.from(node.text, 'base64'));
    default:
      return node.text;
  }
}

function readMap(shape: MapShape, node: XmlNode): Record<string, unknown> {
  const entries = node.children.map((entry) => [
    findChild(entry, 'key')?.text ?? '',
    readShape(shape.value, findChild(entry, 'value') ?? entry),
  ]);
  return Object.fromEntries(entries);
}
