// Owns the canonical form of a request: what a Signature Version 4 is computed over.
// Source: AWS, "Create a signed AWS API request"; the S3 pages for its own path rule.

import { hash } from 'node:crypto';
import { decodePercent, encodePercent } from './percent.ts';

/** Lower-case header name to its values in order of arrival, each one character a byte. */
export type HeaderValues = ReadonlyMap<string, readonly string[]>;

export interface RequestTarget {
  /** As on the wire, without the query. */
  path: string;
  query: readonly QueryParameter[];
}

export interface QueryParameter {
  name: string;
  value: string;
  /** Canonically encoded. */
  encoded: string;
}

export interface CanonicalInput {
  method: string;
  target: RequestTarget;
  headers: HeaderValues;
  signedHeaders: readonly string[];
  payloadHash: string;
  service: string;
}

export const SIGNATURE_PARAMETER = 'X-Amz-Signature';

export function sha256Hex(data: string | Uint8Array): string {
  return hash('sha256', data);
}

/** From node:http's flat list of names and values. */
export function collectHeaders(rawHeaders: readonly string[]): HeaderValues {
  const headers = new Map<string, string[]>();
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]!.toLowerCase();
    const values = headers.get(name) ?? [];
    values.push(rawHeaders[i + 1]!);
    headers.set(name, values);
  }
  return headers;
}

export function parseTarget(rawTarget: string): RequestTarget {
  const at = rawTarget.indexOf('?');
  if (at < 0) return { path: rawTarget, query: [] };
  const parts = rawTarget.slice(at + 1).split('&');
  return {
    path: rawTarget.slice(0, at),
    query: parts.filter((part) => part !== '').map(parseParameter),
  };
}

function parseParameter(part: string): QueryParameter {
  const at = part.indexOf('=');
  const name = decodePercent(at < 0 ? part : part.slice(0, at));
  const value = decodePercent(at < 0 ? '' : part.slice(at + 1));
  const encoded = `${encodePercent(name)}=${encodePercent(value)}`;
  return { name: name.toString('utf8'), value: value.toString('utf8'), encoded };
}

/** One character a byte, like everything that enters it. */
export function canonicalRequest(input: CanonicalInput): string {
  return [
    input.method,
    canonicalPath(input.target.path, input.service),
    canonicalQuery(input.target.query),
    ...input.signedHeaders.map((name) => `${name}:${canonicalValue(input.headers.get(name))}`),
    '',
    input.signedHeaders.join(';'),
    input.payloadHash,
  ].join('\n');
}

/** Encoded as it stands. */
const PLAIN_PATH = /^\/[A-Za-z0-9\-._~/]*$/;

/** S3 signs the decoded path encoded once; every other service the tidied wire path encoded once more. */
export function canonicalPath(path: string, service: string): string {
  if (service === 's3' && PLAIN_PATH.test(path)) return path;
  if (service === 's3') return encodePercent(decodePercent(path), '/') || '/';
  return encodePercent(Buffer.from(removeDots(path), 'latin1'), '/');
}

function removeDots(path: string): string {
  const kept: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') kept.pop();
    else if (segment !== '.' && segment !== '') kept.push(segment);
  }
  const isFolder = path.endsWith('/') && kept.length > 0;
  return `/${kept.join('/')}${isFolder ? '/' : ''}`;
}

/** Sorted by encoded name, then value; `=` sorts after some plain characters, hence the pair. */
export function canonicalQuery(query: readonly QueryParameter[]): string {
  return query
    .filter((parameter) => parameter.name !== SIGNATURE_PARAMETER)
    .map((parameter) => parameter.encoded)
    .sort(compareParameters)
    .join('&');
}

function compareParameters(left: string, right: string): number {
  const [leftName, leftValue] = left.split('=') as [string, string];
  const [rightName, rightValue] = right.split('=') as [string, string];
  return compareText(leftName, rightName) || compareText(leftValue, rightValue);
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}

function canonicalValue(values: readonly string[] | undefined): string {
  return (values ?? []).map((value) => value.trim().replace(/ +/g, ' ')).join(',');
}
