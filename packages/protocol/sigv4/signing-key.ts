// Owns the scope of a signature, the key derived for it, and the HMAC steps made with that key.

import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { sha256Hex } from './canonical.ts';

export const ALGORITHM = 'AWS4-HMAC-SHA256';

export interface Scope {
  /** `YYYYMMDD`. */
  date: string;
  region: string;
  service: string;
}

/** `YYYYMMDD/region/service/aws4_request` */
export function renderScope(scope: Scope): string {
  return `${scope.date}/${scope.region}/${scope.service}/aws4_request`;
}

/** ISO 8601 in its basic form, `20150830T123600Z`. */
export function renderAmzDate(ms: number): string {
  return new Date(ms).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

/** Undefined unless the text is a real time in the basic form. */
export function parseAmzDate(text: string): number | undefined {
  if (text === lastDate.text) return lastDate.ms;
  const ms = readAmzDate(text);
  if (ms !== undefined) lastDate = { text, ms };
  return ms;
}

/** Requests of one second have the same. */
let lastDate = { text: '', ms: 0 };

function readAmzDate(text: string): number | undefined {
  const match = /^(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})Z$/.exec(text);
  if (match === null) return undefined;
  const [, year, month, day, hour, minute, second] = match;
  const ms = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(ms) || renderAmzDate(ms) !== text ? undefined : ms;
}

/** The canonical request is one character a byte. */
export function stringToSign(amzDate: string, scope: Scope, canonical: string): string {
  const hash = sha256Hex(Buffer.from(canonical, 'latin1'));
  return [ALGORITHM, amzDate, renderScope(scope), hash].join('\n');
}

export function hmacHex(key: Uint8Array | KeyObject, text: string): string {
  return createHmac('sha256', key).update(text).digest('hex');
}

/** A key serves one day, region and service: a thousand covers some hundred users of every service. */
const MAX_CACHED_KEYS = 1_000;
const cache = new Map<string, { secret: string; key: KeyObject }>();

/**
 * Derives the signing key (four HMACs), or gives the one derived before. As an object of OpenSSL's: taking a key from bytes
 * costs seven times what the HMAC of a request does.
 */
export function signingKey(accessKeyId: string, secret: string, scope: Scope): KeyObject {
  const name = `${accessKeyId}/${renderScope(scope)}`;
  const known = cache.get(name);
  if (known !== undefined && known.secret === secret) return known.key;
  if (cache.size >= MAX_CACHED_KEYS) cache.delete(cache.keys().next().value!);
  const key = createSecretKey(deriveKey(secret, scope));
  cache.set(name, { secret, key });
  return key;
}

function deriveKey(secret: string, scope: Scope): Buffer {
  const steps = [scope.date, scope.region, scope.service, 'aws4_request'];
  return steps.reduce(
    (key, step) => createHmac('sha256', key).update(step).digest(),
    Buffer.from(`AWS4${secret}`, 'utf8'),
  );
}
