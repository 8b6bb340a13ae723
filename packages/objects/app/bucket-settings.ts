// Owns what is set on a bucket, as the rules read it: one document under each name, absent where nobody has set it.

import { ServiceError } from '@ironbark/core/errors.ts';
import {
  deleteConfiguration,
  listConfigurations,
  putConfiguration,
} from '../store/bucket-configurations.ts';
import { type BucketWithSettings, findBucketById } from '../store/buckets.ts';
import type { BucketTable, Tx } from '../store/schema.ts';
import type { ObjectsContext } from './context.ts';
import { noSuchBucket } from './not-found.ts';

export type Bucket = BucketWithSettings;

/** Named as the query parameters of S3. */
export type SettingName =
  | 'acl'
  | 'cors'
  | 'encryption'
  | 'lifecycle'
  | 'logging'
  | 'object-lock'
  | 'ownershipControls'
  | 'policy'
  | 'publicAccessBlock'
  | 'tagging'
  | 'website';

export async function loadBucket(
  context: ObjectsContext,
  name: string,
): Promise<Bucket | undefined> {
  return await context.buckets.find(name);
}

export async function loadBucketById(
  context: ObjectsContext,
  id: string,
): Promise<Bucket | undefined> {
  const row = await findBucketById(context.db.query, id);
  return row === undefined ? undefined : await withSettings(context.db.query, row);
}

async function withSettings(db: Parameters<typeof listConfigurations>[0], row: BucketTable) {
  const found = await listConfigurations(db, row.id);
  return { ...row, settings: new Map(found.map(({ name, document }) => [name, document])) };
}

export function readSetting<Document>(bucket: Bucket, name: SettingName): Document | undefined {
  const text = bucket.settings.get(name);
  return text === undefined ? undefined : (JSON.parse(text) as Document);
}

/** Throws AWS's own error for each that is not set. */
export function getSetting<Document>(bucket: Bucket, name: SettingName): Document {
  const found = readSetting<Document>(bucket, name);
  if (found === undefined) throw notSet(bucket.name, name);
  return found;
}

export function notSet(bucketName: string, configuration: string): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'bucket-configuration',
    message: `The ${configuration} configuration is not set.`,
    details: { Configuration: configuration, BucketName: bucketName },
  });
}

export async function saveSetting(
  context: ObjectsContext,
  bucket: BucketTable,
  name: SettingName,
  document: unknown,
): Promise<void> {
  await context.db.transaction((tx) => saveSettingIn(tx, bucket, name, document));
}

/** In the caller's transaction. */
export async function saveSettingIn(
  tx: Tx,
  bucket: BucketTable,
  name: SettingName,
  document: unknown,
): Promise<void> {
  if ((await findBucketById(tx, bucket.id)) === undefined) throw noSuchBucket(bucket.name);
  await putConfiguration(tx, { bucketId: bucket.id, name, document: JSON.stringify(document) });
}

export async function removeSetting(
  context: ObjectsContext,
  bucket: BucketTable,
  name: SettingName,
): Promise<void> {
  await context.db.transaction((tx) => deleteConfiguration(tx, bucket.id, name));
}
