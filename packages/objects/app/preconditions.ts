// Owns conditional requests: RFC 9110, section 13, as far as S3 follows it.

import { ServiceError } from '@ironbark/core/errors.ts';
import { noSuchKey } from './not-found.ts';
import type { ObjectVersion } from './object-version.ts';

export interface ReadConditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
  ifModifiedSince?: string | undefined;
  ifUnmodifiedSince?: string | undefined;
}

type Tagged = Pick<ObjectVersion, 'etag' | 'lastModifiedMs'>;

/** Throws precondition-failed or not-modified. A date is looked at only where no entity tag was given. */
export function requireReadConditions(conditions: ReadConditions, version: Tagged): void {
  const { ifMatch, ifNoneMatch } = conditions;
  const since = parseDate(conditions.ifModifiedSince);
  const until = parseDate(conditions.ifUnmodifiedSince);
  if (ifMatch !== undefined) {
    if (!matchesEtag(ifMatch, version.etag)) throw preconditionFailed('If-Match');
  } else if (until !== undefined && seconds(version.lastModifiedMs) > seconds(until)) {
    throw preconditionFailed('If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) {
    if (matchesEtag(ifNoneMatch, version.etag)) throw notModified(version);
  } else if (since !== undefined && seconds(version.lastModifiedMs) <= seconds(since)) {
    throw notModified(version);
  }
}

/** The same conditions on the source of a copy: whatever fails is 412 there. */
export function requireCopyConditions(conditions: ReadConditions, version: Tagged): void {
  try {
    requireReadConditions(conditions, version);
  } catch (error) {
    const isNotModified = error instanceof ServiceError && error.kind === 'not-modified';
    throw isNotModified ? preconditionFailed('x-amz-copy-source-if-none-match') : error;
  }
}

export interface WriteConditions {
  ifMatch?: string | undefined;
  ifNoneMatch?: string | undefined;
}

/** Whether there is anything to look at. */
export function hasWriteConditions({ ifMatch, ifNoneMatch }: WriteConditions): boolean {
  return ifMatch !== undefined || ifNoneMatch !== undefined;
}

/** To be called in the transaction that writes. */
export function requireWriteConditions(
  conditions: WriteConditions,
  current: Tagged | undefined,
  key: string,
): void {
  const { ifMatch, ifNoneMatch } = conditions;
  const isThere = current !== undefined && ifNoneMatch !== undefined;
  if (isThere && matchesEtag(ifNoneMatch, current.etag)) throw preconditionFailed('If-None-Match');
  if (ifMatch === undefined) return;
  if (current === undefined) throw noSuchKey(key);
  if (!matchesEtag(ifMatch, current.etag)) throw preconditionFailed('If-Match');
}

/** Clients write entity tags with and without quotes. */
export function matchesEtag(list: string, etag: string): boolean {
  return list.split(',').some((item) => {
    const tag = item
      .trim()
      .replace(/^W\//, '')
      .replace(/^"(.*)"$/, '$1');
    return tag === '*' || tag === etag;
  });
}

function parseDate(text: string | undefined): number | undefined {
  const ms = text === undefined ? Number.NaN : Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}

function seconds(ms: number): number {
  return Math.floor(ms / 1_000);
}

function preconditionFailed(condition: string): ServiceError {
  return new ServiceError({
    kind: 'precondition-failed',
    resource: 'object',
    message: 'At least one of the pre-conditions you specified did not hold.',
    details: { Condition: condition },
  });
}

function notModified(version: Tagged): ServiceError {
  return new ServiceError({
    kind: 'not-modified',
    resource: 'object',
    message: 'Not Modified',
    details: { ETag: version.etag },
  });
}
