// Owns logs that the cloud's other services keep in buckets of users: whether a bucket takes them, and how it is made to.
// Source: Amazon VPC User Guide, "Amazon S3 bucket permissions for flow logs".

import { Readable } from 'node:stream';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { LogSource } from '@ironbark/protocol/internal/objects-client.ts';
import { foldKey } from '@ironbark/protocol/policy/conditions.ts';
import {
  MAX_POLICY_BYTES,
  parseBucketPolicy,
  SERVICE_LOG_DELIVERY,
} from '@ironbark/protocol/policy/document.ts';
import { evaluatePolicy } from '@ironbark/protocol/policy/evaluate.ts';
import { getBucket, type PolicyRecord, requireAccess } from './access.ts';
import { insider } from './asker.ts';
import { type Bucket, readSetting, saveSetting } from './bucket-settings.ts';
import { plainSource } from './byte-source.ts';
import type { ObjectsContext } from './context.ts';
import { defaultWish } from './default-encryption.ts';
import { makeSeal } from './encryption.ts';
import { requireKey } from './keys.ts';
import { PLAIN_INTENT } from './object-version.ts';
import { putObject } from './objects.ts';

const ACL = 'bucket-owner-full-control';
const VERSION = '2012-10-17';

/**
 * Throws unless the bucket takes logs of this source. One whose policy says nothing of them is made to, as AWS does,
 * if its owner's principal may read and change its policy.
 */
export async function admitLogs(
  context: ObjectsContext,
  source: LogSource,
  principal: Principal,
): Promise<void> {
  const bucket = await getBucket(context, { name: source.bucket });
  const verdict = verdictOf(bucket, source, `${source.prefix}x`);
  if (verdict === 'allow') return;
  if (verdict === 'deny' || bucket.account_id !== principal.accountId) throw keptOut(bucket);
  for (const operation of ['GetBucketPolicy', 'PutBucketPolicy']) {
    await requireAccess(context, insider(principal), { bucket, operation });
  }
  await saveSetting(context, bucket, 'policy', withStatements(bucket, source));
}

export async function deliverLog(
  context: ObjectsContext,
  { key, body, ...source }: LogSource & { key: string; body: Uint8Array },
): Promise<void> {
  const bucket = await getBucket(context, { name: source.bucket });
  if (verdictOf(bucket, source, key) !== 'allow') throw keptOut(bucket);
  await putObject(context, {
    ...{ bucket, key: requireKey(key), conditions: {} },
    intent: { ...PLAIN_INTENT, headers: { 'content-type': 'application/octet-stream' } },
    source: plainSource(Readable.from([body]), { lengthBytes: body.length }),
    seal: await makeSeal(context, bucket, defaultWish(context, bucket)),
  });
}

function verdictOf(bucket: Bucket, { accountId, sourceArn }: LogSource, key: string) {
  const policy = readSetting<PolicyRecord>(bucket, 'policy')?.document;
  if (policy === undefined) return 'silent';
  return evaluatePolicy(policy, {
    principal: undefined,
    service: SERVICE_LOG_DELIVERY,
    action: 's3:PutObject',
    resource: `arn:aws:s3:::${bucket.name}/${key}`,
    context: new Map([
      [foldKey('aws:SourceArn'), [sourceArn]],
      [foldKey('aws:SourceAccount'), [accountId]],
      [foldKey('aws:SecureTransport'), ['true']],
      [foldKey('s3:x-amz-acl'), [ACL]],
    ]),
  });
}

function withStatements(bucket: Bucket, source: LogSource): PolicyRecord {
  const { name } = bucket;
  const known = readSetting<PolicyRecord>(bucket, 'policy')?.text;
  const policy = JSON.parse(known ?? `{"Version":"${VERSION}"}`) as { Statement?: unknown };
  const before = [policy.Statement ?? []].flat();
  const { accountId, sourceArn } = source;
  const from = { StringEquals: { 'aws:SourceAccount': accountId } };
  const service = { Effect: 'Allow', Principal: { Service: SERVICE_LOG_DELIVERY } };
  const arn = { ArnLike: { 'aws:SourceArn': sourceArn } };
  const more = [
    {
      ...{ Sid: `AWSLogDeliveryWrite${before.length}`, ...service, Action: 's3:PutObject' },
      Resource: `arn:aws:s3:::${name}/${source.prefix}*`,
      Condition: { StringEquals: { ...from.StringEquals, 's3:x-amz-acl': ACL }, ...arn },
    },
    {
      ...{ Sid: `AWSLogDeliveryAclCheck${before.length}`, ...service, Action: 's3:GetBucketAcl' },
      Resource: `arn:aws:s3:::${name}`,
      Condition: { ...from, ...arn },
    },
  ];
  const text = JSON.stringify({ ...policy, Statement: [...before, ...more] });
  if (Buffer.byteLength(text) > MAX_POLICY_BYTES) throw keptOut(bucket);
  return { text, document: parseBucketPolicy(text, name) };
}

function keptOut({ name }: Bucket): ServiceError {
  return new ServiceError({
    kind: 'not-authorized',
    resource: 'bucket',
    message: `The policy of ${name} does not let ${SERVICE_LOG_DELIVERY} put objects there.`,
  });
}
