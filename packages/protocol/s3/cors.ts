// Owns cross-origin rules of buckets: their XML, and which of them a request of a browser meets.
// Source: AWS, "Using cross-origin resource sharing (CORS)", and the Fetch standard.

import { ServiceError } from '@ironbark/core/errors.ts';
import { childrenOf, findText, malformedXml, parseXml, type XmlNode } from './xml-reader.ts';
import { element, optional, renderXml, s3Root } from './xml-writer.ts';

export interface CorsRule {
  id?: string | undefined;
  origins: readonly string[];
  methods: readonly string[];
  headers: readonly string[];
  exposed: readonly string[];
  maxAgeSeconds?: number | undefined;
}

/** AWS's limits. */
const MAX_RULES = 100;
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'HEAD'];

export function parseCors(body: Uint8Array): readonly CorsRule[] {
  const nodes = childrenOf(parseXml(body, 'CORSConfiguration'), 'CORSRule');
  if (nodes.length === 0 || nodes.length > MAX_RULES) {
    throw malformedXml(`it has to have 1 to ${MAX_RULES} rules`);
  }
  return nodes.map(parseRule);
}

function parseRule(node: XmlNode): CorsRule {
  const texts = (name: string) => childrenOf(node, name).map((child) => child.text);
  const rule = {
    id: findText(node, 'ID'),
    origins: texts('AllowedOrigin'),
    methods: texts('AllowedMethod'),
    headers: texts('AllowedHeader'),
    exposed: texts('ExposeHeader'),
    maxAgeSeconds: parseAge(findText(node, 'MaxAgeSeconds')),
  };
  if (rule.origins.length === 0 || rule.methods.length === 0) {
    throw malformedXml('a rule needs AllowedOrigin and AllowedMethod');
  }
  const unknown = rule.methods.find((method) => !METHODS.includes(method));
  if (unknown !== undefined) {
    throw badRule(`Found unsupported HTTP method in CORS config. Unsupported method is ${unknown}`);
  }
  for (const text of [...rule.origins, ...rule.headers]) {
    if (text.split('*').length > 2) throw badRule(`"${text}" can not have more than one wildcard.`);
  }
  return rule;
}

function parseAge(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw malformedXml('MaxAgeSeconds is no number');
  return Number(text);
}

export function renderCors(rules: readonly CorsRule[]): string {
  const nodes = rules.map((rule) =>
    element('CORSRule', [
      ...optional('ID', rule.id),
      ...rule.headers.map((text) => element('AllowedHeader', text)),
      ...rule.methods.map((text) => element('AllowedMethod', text)),
      ...rule.origins.map((text) => element('AllowedOrigin', text)),
      ...rule.exposed.map((text) => element('ExposeHeader', text)),
      ...optional('MaxAgeSeconds', rule.maxAgeSeconds),
    ]),
  );
  return renderXml(s3Root('CORSConfiguration', nodes));
}

export interface CorsQuestion {
  origin: string;
  method: string;
  /** Of a preflight; lower case. */
  headers: readonly string[];
}

export function findCorsRule(
  rules: readonly CorsRule[],
  { origin, method, headers }: CorsQuestion,
): CorsRule | undefined {
  return rules.find(
    (rule) =>
      rule.origins.some((pattern) => matches(pattern, origin)) &&
      rule.methods.includes(method) &&
      headers.every((name) => rule.headers.some((pattern) => matches(pattern.toLowerCase(), name))),
  );
}

/** At most one asterisk stands for anything. */
function matches(pattern: string, text: string): boolean {
  const [head, tail] = pattern.split('*');
  if (tail === undefined) return pattern === text;
  return text.length >= head!.length + tail.length && text.startsWith(head!) && text.endsWith(tail);
}

/** What the browser is told. */
export function corsHeaders(
  rule: CorsRule,
  { origin, headers }: CorsQuestion,
): Record<string, string> {
  const isAny = rule.origins.includes('*');
  return {
    'access-control-allow-origin': isAny ? '*' : origin,
    'access-control-allow-methods': rule.methods.join(', '),
    ...(headers.length === 0 ? {} : { 'access-control-allow-headers': headers.join(', ') }),
    ...(rule.exposed.length === 0
      ? {}
      : { 'access-control-expose-headers': rule.exposed.join(', ') }),
    ...(rule.maxAgeSeconds === undefined
      ? {}
      : { 'access-control-max-age': String(rule.maxAgeSeconds) }),
    ...(isAny ? {} : { 'access-control-allow-credentials': 'true' }),
    vary: 'Origin, Access-Control-Request-Headers, Access-Control-Request-Method',
  };
}

function badRule(message: string): ServiceError {
  return new ServiceError({ kind: 'operation-not-permitted', resource: 'request', message });
}
