// Owns what a writer asks for besides the bytes: headers, access control list, tags and lock; with the rights for each.

import { ServiceError } from '@ironbark/core/errors.ts';
import { parseLockTime } from '@ironbark/protocol/s3/object-lock.ts';
import { parseTagHeader, type Tag } from '@ironbark/protocol/s3/tagging.ts';
import { requireAccess } from '../app/access.ts';
import { chooseObjectAcl } from '../app/acl.ts';
import type { ObjectsContext } from '../app/context.ts';
import { chooseLock } from '../app/object-lock.ts';
import type { ObjectIntent, ObjectLock } from '../app/object-version.ts';
import type { BucketRequest, S3Request } from './action.ts';
import { readObjectHeaders, refuseNotOffered } from './object-headers.ts';

const TAGGING = 'x-amz-tagging';
const LOCK_MODE = 'x-amz-object-lock-mode';
const RETAIN_UNTIL = 'x-amz-object-lock-retain-until-date';
const LEGAL_HOLD = 'x-amz-object-lock-legal-hold';

/** Throws unless the caller has the right to each thing that it asks for. */
export async function readIntent(
  context: ObjectsContext,
  request: BucketRequest,
): Promise<ObjectIntent> {
  refuseNotOffered(request);
  const { bucket } = request;
  const tags = readTags(request);
  const lock = readLock(request, context.clock.nowMs());
  await requireRights(context, request, { tags, lock });
  return {
    headers: readObjectHeaders(request),
    ...chooseObjectAcl(context, bucket, request),
    tags,
    lock: chooseLock(bucket, lock, context.clock.nowMs()),
  };
}

export function readTags(request: Pick<S3Request, 'header'>): readonly Tag[] {
  return parseTagHeader(request.header(TAGGING) ?? '');
}

async function requireRights(
  context: ObjectsContext,
  request: BucketRequest,
  { tags, lock }: { tags: readonly Tag[]; lock: ObjectLock },
): Promise<void> {
  const { bucket, key, operation } = request;
  const require = (action: string) =>
    requireAccess(context, request, { bucket, key, operation, permission: { action } });
  if (tags.length > 0) await require('s3:PutObjectTagging');
  if (lock.retention !== undefined) await require('s3:PutObjectRetention');
  if (lock.hasLegalHold) await require('s3:PutObjectLegalHold');
}

function readLock(request: BucketRequest, nowMs: number): ObjectLock {
  const mode = request.header(LOCK_MODE);
  const until = request.header(RETAIN_UNTIL);
  const hold = request.header(LEGAL_HOLD) ?? 'OFF';
  if (!['ON', 'OFF'].includes(hold)) throw badLock('Legal Hold must be either of ON or OFF');
  const hasLegalHold = hold === 'ON';
  if (mode === undefined && until === undefined) return { hasLegalHold };
  if (mode === undefined || until === undefined) {
    throw badLock(
      'x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied',
    );
  }
  if (mode !== 'GOVERNANCE' && mode !== 'COMPLIANCE') throw badLock('Unknown wormMode directive.');
  const untilMs = parseLockTime(until);
  if (untilMs <= nowMs) throw badLock('The retain until date must be in the future!');
  return { retention: { mode, untilMs }, hasLegalHold };
}

function badLock(message: string): ServiceError {
  return new ServiceError({ kind: 'invalid-parameter', resource: 'request', message });
}
