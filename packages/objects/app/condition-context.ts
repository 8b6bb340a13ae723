// Owns what conditions of policies are compared with: the keys that a request has, and their values.

import type { ConditionContext } from '@ironbark/protocol/policy/conditions.ts';
import { foldKey } from '@ironbark/protocol/policy/conditions.ts';
import { principalConditions } from '@ironbark/protocol/policy/principal-conditions.ts';
import { parseTagHeader, type Tag } from '@ironbark/protocol/s3/tagging.ts';
import type { Asker } from './asker.ts';

/** Headers whose value is a key of their own name. */
const HEADER_KEYS = [
  'if-match',
  'if-none-match',
  'x-amz-acl',
  'x-amz-content-sha256',
  'x-amz-copy-source',
  'x-amz-grant-full-control',
  'x-amz-grant-read',
  'x-amz-grant-read-acp',
  'x-amz-grant-write',
  'x-amz-grant-write-acp',
  'x-amz-metadata-directive',
  'x-amz-object-ownership',
  'x-amz-server-side-encryption',
  'x-amz-server-side-encryption-aws-kms-key-id',
  'x-amz-server-side-encryption-customer-algorithm',
  'x-amz-storage-class',
];

const LOCK_KEYS: readonly [string, string][] = [
  ['s3:object-lock-mode', 'x-amz-object-lock-mode'],
  ['s3:object-lock-retain-until-date', 'x-amz-object-lock-retain-until-date'],
  ['s3:object-lock-legal-hold', 'x-amz-object-lock-legal-hold'],
];

export interface ContextInput {
  asker: Asker;
  nowMs: number;
  bucketOwner: string;
  versionId: string | undefined;
  /** Of the object that is there already. */
  tags: readonly Tag[];
}

export function describeConditions(input: ContextInput): ConditionContext {
  const { asker, nowMs, bucketOwner, versionId, tags } = input;
  const context = principalConditions(asker.principal);
  const set = (key: string, value: string | undefined) => {
    if (value !== undefined) context.set(foldKey(key), [value]);
  };
  for (const name of HEADER_KEYS) set(`s3:${name}`, asker.header(name));
  for (const [key, header] of LOCK_KEYS) set(key, asker.header(header));
  for (const name of ['prefix', 'delimiter', 'max-keys']) set(`s3:${name}`, asker.query.get(name));
  set('s3:VersionId', versionId);
  set('s3:ResourceAccount', bucketOwner);
  set('aws:SourceIp', asker.sourceAddress);
  set('aws:SecureTransport', String(asker.isSecure));
  set('aws:CurrentTime', new Date(nowMs).toISOString());
  set('aws:EpochTime', String(Math.floor(nowMs / 1_000)));
  set('aws:UserAgent', asker.header('user-agent'));
  set('aws:Referer', asker.header('referer'));
  for (const { key, value } of tags) set(`s3:ExistingObjectTag/${key}`, value);
  describeRequestTags(asker, context);
  return context;
}

function describeRequestTags(asker: Asker, context: Map<string, readonly string[]>): void {
  const header = asker.header('x-amz-tagging');
  if (header === undefined || header === '') return;
  const tags = parseTagHeader(header);
  for (const { key, value } of tags) {
    context.set(foldKey(`s3:RequestObjectTag/${key}`), [value]);
  }
  const keys = tags.map((tag) => tag.key);
  context.set(foldKey('s3:RequestObjectTagKeys'), keys);
}
