// Owns buckets: making, listing and removing them.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccountId } from '@ironbark/core/ids.ts';
import { doomUnreferenced } from '../store/blobs.ts';
import {
  countBuckets,
  deleteBucket as deleteRow,
  findBucketByName,
  hasObjects,
  insertBucket,
  setVersioning,
} from '../store/buckets.ts';
import type { BucketTable } from '../store/schema.ts';
import { deleteUpload, listUploadIds } from '../store/uploads.ts';
import { type SettingName, saveSettingIn } from './bucket-settings.ts';
import { newRandomId, type ObjectsContext } from './context.ts';
import { requireBucketName } from './keys.ts';

/** AWS's quota of an account, where nobody says another. */
const MAX_BUCKETS = 10_000;

export interface NewBucket {
  name: string;
  accountId: AccountId;
  location: string | undefined;
  /** What is set from the start, under the names of settings. */
  settings?: Readonly<Partial<Record<SettingName, unknown>>>;
}

export async function createBucket(
  context: ObjectsContext,
  input: NewBucket,
): Promise<BucketTable> {
  const name = requireBucketName(input.name);
  requireLocation(input.location, context.region);
  const most = (await context.identity.findBucketLimit?.(input.accountId)) ?? MAX_BUCKETS;
  const settings = Object.entries(input.settings ?? {}).filter(([, value]) => value !== undefined);
  return await context.db.transaction(async (tx) => {
    const before = await findBucketByName(tx, name);
    if (before !== undefined) return again(before, input.accountId, context.region);
    if ((await countBuckets(tx, input.accountId)) >= most) throw tooManyBuckets(most);
    const bucket: BucketTable = {
      id: newRandomId(context.random),
      name,
      account_id: input.accountId,
      created_at: context.clock.nowMs(),
      // Object lock keeps versions, so there have to be some.
      versioning: input.settings?.['object-lock'] === undefined ? null : 'Enabled',
    };
    await insertBucket(tx, bucket);
    for (const [setting, value] of settings) {
      await saveSettingIn(tx, bucket, setting as SettingName, value);
    }
    return bucket;
  });
}

export async function changeVersioning(
  context: ObjectsContext,
  bucket: BucketTable,
  versioning: 'Enabled' | 'Suspended',
): Promise<void> {
  await context.db.transaction((tx) => setVersioning(tx, bucket.id, versioning));
}

/** In us-east-1, and only there, AWS lets an account make its own bucket once more. */
function again(before: BucketTable, accountId: AccountId, region: string): BucketTable {
  const isOwn = before.account_id === accountId;
  if (isOwn && region === 'us-east-1') return before;
  throw nameTaken(before.name, isOwn);
}

/** Uploads under way go with it, as on AWS; objects have to be deleted first. */
export async function deleteBucket(context: ObjectsContext, bucket: BucketTable): Promise<void> {
  await context.db.transaction(async (tx) => {
    if (await hasObjects(tx, bucket.id)) throw notEmpty(bucket.name);
    const blobs: string[] = [];
    for (const uploadId of await listUploadIds(tx, bucket.id)) {
      blobs.push(...(await deleteUpload(tx, uploadId)));
    }
    context.wake.unwanted(await doomUnreferenced(tx, blobs, context.gateway.id));
    await deleteRow(tx, bucket.id);
  });
}

function requireLocation(location: string | undefined, region: string): void {
  if (location === undefined || location === region) return;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'location',
    message: `The specified location-constraint is not valid; this cloud's region is ${region}.`,
    details: { LocationConstraint: location },
  });
}

export function nameTaken(name: string, isOwn: boolean): ServiceError {
  return new ServiceError({
    kind: isOwn ? 'duplicate' : 'in-use',
    resource: 'bucket',
    message: isOwn
      ? 'Your previous request to create the named bucket succeeded and you already own it.'
      : 'The requested bucket name is not available. Please select a different name and try again.',
    details: { BucketName: name },
  });
}

function tooManyBuckets(most: number): ServiceError {
  return new ServiceError({
    kind: 'limit-exceeded',
    resource: 'bucket',
    message: `You have attempted to create more buckets than allowed: ${most}.`,
  });
}

function notEmpty(name: string): ServiceError {
  return new ServiceError({
    kind: 'dependency-violation',
    resource: 'bucket',
    message: 'The bucket you tried to delete is not empty.',
    details: { BucketName: name },
  });
}
