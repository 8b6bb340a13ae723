// Owns the delivery of access logs: whether the target takes one, and under which key it is kept.
//
//   answered --> line in memory --> (a minute, or many of them) --> one object in the target --> forgotten
//
// As on AWS delivery is at best effort: what waits when the process is killed is lost, and one that fails after its object
// was kept comes twice.

import { Readable } from 'node:stream';
import { ServiceError } from '@ironbark/core/errors.ts';
import { foldKey } from '@ironbark/protocol/policy/conditions.ts';
import { LOG_DELIVERY_SERVICE } from '@ironbark/protocol/policy/document.ts';
import { evaluatePolicy } from '@ironbark/protocol/policy/evaluate.ts';
import { logDay, renderLogKey } from '@ironbark/protocol/s3/access-log.ts';
import { LOG_DELIVERY } from '@ironbark/protocol/s3/acl.ts';
import type { BucketLogging } from '@ironbark/protocol/s3/bucket-logging.ts';
import type { PolicyRecord } from './access.ts';
import type { AccessLogs, LogLine } from './access-log-lines.ts';
import { bucketGrants, hasAcls } from './acl.ts';
import { type Bucket, loadBucket, loadBucketById, readSetting } from './bucket-settings.ts';
import { plainSource } from './byte-source.ts';
import type { ObjectsContext } from './context.ts';
import { defaultWish } from './default-encryption.ts';
import { makeSeal } from './encryption.ts';
import { PLAIN_INTENT } from './object-version.ts';
import { putObject } from './objects.ts';

const UNIQUE_BYTES = 8;
const LOG_HEADERS = { 'content-type': 'text/plain' };

/** Throws unless what PutBucketLogging names is a bucket that takes this one's log. */
export async function requireLogTarget(
  context: ObjectsContext,
  bucket: Bucket,
  { targetBucket, targetPrefix }: BucketLogging,
): Promise<void> {
  const target = await loadBucket(context, targetBucket);
  if (target === undefined) throw badTarget('The target bucket for logging does not exist');
  if (target.account_id !== bucket.account_id) {
    throw badTarget(
      'The owner for the bucket to be logged and the target bucket must be the same.',
    );
  }
  if (mayDeliver(context, bucket, { target, key: `${targetPrefix}*` })) return;
  throw badTarget(
    `The target bucket has to let logs in: by a policy that allows ${LOG_DELIVERY_SERVICE} s3:PutObject, or by an ACL ` +
      'that gives the log-delivery group WRITE.',
  );
}

/** A policy that denies it wins. */
function mayDeliver(
  context: ObjectsContext,
  source: Bucket,
  { target, key }: { target: Bucket; key: string },
): boolean {
  const policy = readSetting<PolicyRecord>(target, 'policy')?.document;
  const verdict =
    policy === undefined
      ? 'silent'
      : evaluatePolicy(policy, {
          principal: undefined,
          service: LOG_DELIVERY_SERVICE,
          action: 's3:PutObject',
          resource: `arn:aws:s3:::${target.name}/${key}`,
          context: new Map([
            [foldKey('aws:SourceArn'), [`arn:aws:s3:::${source.name}`]],
            [foldKey('aws:SourceAccount'), [source.account_id]],
            [foldKey('aws:SecureTransport'), ['true']],
          ]),
        });
  if (verdict !== 'silent') return verdict === 'allow';
  return hasAcls(context, target) && bucketGrants(target).some(isLogGrant);
}

function isLogGrant({ grantee, permission }: ReturnType<typeof bucketGrants>[number]): boolean {
  const isGroup = grantee.kind === 'group' && grantee.uri === LOG_DELIVERY;
  return isGroup && (permission === 'WRITE' || permission === 'FULL_CONTROL');
}

/** All that waits of a bucket. What its target does not take is dropped; when this throws, it waits on. */
export async function deliverAccessLog(
  context: ObjectsContext,
  logs: AccessLogs,
  bucketId: string,
): Promise<void> {
  const bucket = await loadBucketById(context, bucketId);
  const logging = bucket && readSetting<BucketLogging>(bucket, 'logging');
  const waiting = logs.take(bucketId);
  if (bucket === undefined || logging === undefined) return;
  const days = byDay(waiting, logging);
  for (const [at, lines] of days.entries()) {
    try {
      await deliver(context, bucket, { logging, lines });
    } catch (error) {
      logs.putBack(bucketId, days.slice(at).flat());
      throw error;
    }
  }
}

/** One group, unless keys tell the day of what is in them. */
function byDay(lines: readonly LogLine[], { keyFormat }: BucketLogging): LogLine[][] {
  const dayOf = ({ timeMs }: LogLine) =>
    keyFormat === 'partitioned-by-event' ? logDay(timeMs) : '';
  return [...Map.groupBy(lines, dayOf).values()];
}

async function deliver(
  context: ObjectsContext,
  source: Bucket,
  { logging, lines }: { logging: BucketLogging; lines: readonly LogLine[] },
): Promise<void> {
  const key = renderLogKey({
    ...{ prefix: logging.targetPrefix, format: logging.keyFormat, region: context.region },
    ...{ accountId: source.account_id, bucket: source.name },
    ...{ deliveredMs: context.clock.nowMs(), eventMs: lines[0]!.timeMs },
    unique: context.random.bytes(UNIQUE_BYTES).toString('hex').toUpperCase(),
  });
  const bucket = await loadBucket(context, logging.targetBucket);
  if (
    bucket?.account_id !== source.account_id ||
    !mayDeliver(context, source, { target: bucket, key })
  ) {
    const facts = { bucket: source.name, target: logging.targetBucket, lines: lines.length };
    context.logger.warn('an access log was dropped: its target does not take it', facts);
    return;
  }
  const bytes = Buffer.from(lines.map(({ text }) => `${text}\n`).join(''));
  await putObject(context, {
    ...{ bucket, key, conditions: {} },
    intent: { ...PLAIN_INTENT, headers: LOG_HEADERS },
    source: plainSource(Readable.from([bytes]), { lengthBytes: bytes.length }),
    seal: await makeSeal(context, bucket, defaultWish(context, bucket)),
  });
}

function badTarget(message: string): ServiceError {
  return new ServiceError({ kind: 'operation-not-permitted', resource: 'log-target', message });
}
