// Owns GetBucketEncryption, PutBucketEncryption and DeleteBucketEncryption.

import {
  type BucketEncryption,
  parseBucketEncryption,
  renderBucketEncryption,
} from '@ironbark/protocol/s3/bucket-encryption.ts';
import { getSetting, removeSetting, saveSetting } from '../app/bucket-settings.ts';
import { requireKey } from '../app/default-encryption.ts';
import { type BucketAction, NO_CONTENT, readDocument, xmlResponse } from './action.ts';

export const getBucketEncryption: BucketAction = async (_context, { bucket }) =>
  xmlResponse(renderBucketEncryption(getSetting<BucketEncryption>(bucket, 'encryption')));

export const putBucketEncryption: BucketAction = async (context, request) => {
  const { bucket } = request;
  const encryption = parseBucketEncryption(await readDocument(request));
  if (encryption.algorithm === 'aws:kms')
    requireKey(context, bucket.account_id, encryption.kmsKeyId);
  // A store without a keyring says so now, and not with the first object.
  await context.accountKeys.get(bucket.account_id);
  await saveSetting(context, bucket, 'encryption', encryption);
  return { status: 200 };
};

export const deleteBucketEncryption: BucketAction = async (context, { bucket }) => {
  await removeSetting(context, bucket, 'encryption');
  return NO_CONTENT;
};
