// Owns how XML bodies from clients are read: small, shallow, and without document types or own entities.

import { ServiceError } from '@ironbark/core/errors.ts';
import { SaxesParser } from 'saxes';

export interface XmlNode {
  /** Local name: clients differ in whether they give S3's namespace. */
  name: string;
  text: string;
  children: readonly XmlNode[];
}

/** CompleteMultipartUpload with 10,000 parts and a checksum each is below 3 MB. */
export const MAX_XML_BYTES = 4 * 1024 * 1024;
const MAX_DEPTH = 16;
/** Ten thousand parts with a quoted ETag each, and room; a megabyte of them takes long to read. */
const MAX_REFERENCES = 32_768;
/** Ten thousand parts with four members each, and room. */
const MAX_ELEMENTS = 100_000;

interface OpenNode {
  name: string;
  text: string;
  children: OpenNode[];
}

/** Throws malformed-input / xml for anything but one well-formed document with this root. */
export function parseXml(body: Uint8Array, rootName: string): XmlNode {
  if (body.length > MAX_XML_BYTES) throw malformedXml('it is too large');
  if (hasMoreReferences(body, MAX_REFERENCES)) throw malformedXml('it has too many references');
  const root = readTree(decodeUtf8(body));
  if (root.name !== rootName) throw malformedXml(`its root is not ${rootName}`);
  return root;
}

const AMPERSAND = 0x26;

function hasMoreReferences(body: Uint8Array, limit: number): boolean {
  let count = 0;
  for (let at = body.indexOf(AMPERSAND); at >= 0; at = body.indexOf(AMPERSAND, at + 1)) {
    count += 1;
    if (count > limit) return true;
  }
  return false;
}

function decodeUtf8(body: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch {
    throw malformedXml('it is not UTF-8');
  }
}

function readTree(text: string): XmlNode {
  const parser = new SaxesParser();
  const top: OpenNode = { name: '', text: '', children: [] };
  const stack = [top];
  let count = 0;
  parser.on('error', (error) => {
    throw malformedXml('it is not well-formed', error);
  });
  parser.on('doctype', () => {
    throw malformedXml('it has a document type');
  });
  parser.on('opentag', (tag) => {
    count += 1;
    if (count > MAX_ELEMENTS || stack.length > MAX_DEPTH)
      throw malformedXml('it is too deep or long');
    const node: OpenNode = { name: tag.name.replace(/^.*:/, ''), text: '', children: [] };
    stack.at(-1)!.children.push(node);
    stack.push(node);
  });
  parser.on('closetag', () => {
    stack.pop();
  });
  const addText = (part: string) => {
    stack.at(-1)!.text += part;
  };
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.write(text).close();
  const root = top.children[0];
  if (root === undefined) throw malformedXml('it is empty');
  return root;
}

export function childrenOf(node: XmlNode, name: string): readonly XmlNode[] {
  return node.children.filter((child) => child.name === name);
}

/** Undefined when absent; throws when given twice. */
export function findText(node: XmlNode, name: string): string | undefined {
  const found = childrenOf(node, name);
  if (found.length > 1) throw malformedXml(`${name} is given more than once`);
  return found[0]?.text;
}

export function malformedXml(why: string, cause?: unknown): ServiceError {
  return new ServiceError({
    kind: 'malformed-input',
    resource: 'xml',
    message: `The XML you provided was not well-formed or did not validate against our published schema: ${why}.`,
    cause,
  });
}
