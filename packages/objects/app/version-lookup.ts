// Owns which version a request is about: the current one, or the one that it names; and what is said of delete markers.

import { ServiceError } from '@ironbark/core/errors.ts';
import { findCurrent } from '../store/objects.ts';
import type { BucketTable, ObjectsDatabase, ObjectVersionTable, Tx } from '../store/schema.ts';
import { findLatest, findVersion } from '../store/versions.ts';
import { noSuchKey } from './not-found.ts';
import { fromVersionRow, type ObjectVersion } from './object-version.ts';

export interface VersionName {
  bucket: BucketTable;
  key: string;
  /** Undefined: the current one. */
  versionId?: string | undefined;
}

type Queries = ObjectsDatabase['query'] | Tx;

/** As rows of the store have them; other texts never named a version. */
const VERSION_ID = /^(?:null|[0-9a-f]{32})$/;

export function requireVersionId(versionId: string | undefined): string | undefined {
  if (versionId === undefined || VERSION_ID.test(versionId)) return versionId;
  throw new ServiceError({
    kind: 'invalid-parameter',
    resource: 'object-version',
    message: 'Invalid version id specified',
    details: { ArgumentName: 'versionId', ArgumentValue: versionId },
  });
}

/** Undefined where there is nothing to read; a version that is named may be a delete marker. */
export async function findSelectedRow(
  db: Queries,
  { bucket, key, versionId }: VersionName,
): Promise<ObjectVersionTable | undefined> {
  if (versionId === undefined) return await findCurrent(db, bucket.id, key);
  return await findVersion(db, { bucketId: bucket.id, key, versionId });
}

/** Throws where there is no object to read. */
export async function getSelectedRow(db: Queries, name: VersionName): Promise<ObjectVersionTable> {
  const row = await findSelectedRow(db, name);
  if (row === undefined) throw await describeAbsence(db, name);
  if (row.is_delete_marker === 1) throw isDeleteMarker(row.id);
  return row;
}

export async function getSelected(db: Queries, name: VersionName): Promise<ObjectVersion> {
  return fromVersionRow(await getSelectedRow(db, name));
}

async function describeAbsence(db: Queries, name: VersionName): Promise<ServiceError> {
  const { bucket, key, versionId } = name;
  if (versionId !== undefined) return noSuchVersion(key, versionId);
  const latest = await findLatest(db, bucket.id, key);
  if (latest === undefined) return noSuchKey(key);
  return noSuchKey(key, { DeleteMarker: 'true', VersionId: fromVersionRow(latest).versionId });
}

function noSuchVersion(key: string, versionId: string): ServiceError {
  return new ServiceError({
    kind: 'not-found',
    resource: 'object-version',
    message: 'The specified version does not exist.',
    details: { Key: key, VersionId: versionId },
  });
}

/** RFC 9110 wants the methods that are left. */
function isDeleteMarker(versionId: string): ServiceError {
  return new ServiceError({
    kind: 'unknown-action',
    resource: 'object-version',
    message: 'The specified method is not allowed against this resource: it is a delete marker.',
    details: { DeleteMarker: 'true', VersionId: versionId, Allow: 'DELETE' },
  });
}
