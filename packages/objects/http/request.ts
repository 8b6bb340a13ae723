// Owns what a request is about: bucket, key and query, from the target as it came over the wire.

import type { IncomingMessage } from 'node:http';
import { ServiceError } from '@ironbark/core/errors.ts';
import { parseTarget, type RequestTarget } from '@ironbark/protocol/sigv4/canonical.ts';
import { decodeName } from '../actions/decode-name.ts';
import { requireKey } from '../app/keys.ts';

export type Level = 'service' | 'bucket' | 'object';

export interface RequestAddress {
  level: Level;
  /** '' where the level has none. */
  bucket: string;
  key: string;
  query: ReadonlyMap<string, string>;
  /** The bucket stands in the host's name, not in the path. */
  isHostStyle: boolean;
}

/** Path style, or the bucket in front of one of our own host names. */
export function parseAddress(request: IncomingMessage, domains: readonly string[]): RequestAddress {
  const target = parseTarget(request.url ?? '/');
  if (!target.path.startsWith('/')) throw badPath('The request target has to begin with a slash.');
  const path = decodeName(target.path.slice(1));
  const hostBucket = findHostBucket(request.headers.host ?? '', domains);
  const slash = path.indexOf('/');
  const [bucket, key] =
    hostBucket !== undefined
      ? [hostBucket, path]
      : slash < 0
        ? [path, '']
        : [path.slice(0, slash), path.slice(slash + 1)];
  const level = bucket === '' ? 'service' : key === '' ? 'bucket' : 'object';
  if (level === 'service' && key !== '') throw badPath('The request has a key and no bucket.');
  if (level === 'object') requireKey(key);
  return { level, bucket, key, query: toMap(target), isHostStyle: hostBucket !== undefined };
}

/** The first value counts where a parameter is given twice; the signature covers both. */
function toMap(target: RequestTarget): ReadonlyMap<string, string> {
  const map = new Map<string, string>();
  for (const { name, value } of target.query) if (!map.has(name)) map.set(name, value);
  return map;
}

/** The bucket that stands in front of one of our own host names. */
export function findHostBucket(host: string, domains: readonly string[]): string | undefined {
  const name = host.replace(/:\d+$/, '').toLowerCase();
  const domain = domains.find((candidate) => name.endsWith(`.${candidate}`));
  return domain === undefined ? undefined : name.slice(0, -domain.length - 1);
}

function badPath(message: string): ServiceError {
  return new ServiceError({ kind: 'malformed-id', resource: 'object', message });
}
