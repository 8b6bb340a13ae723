// Owns what is known of one version of an object, apart from its bytes.

import type { AccountId } from '@ironbark/core/ids.ts';
import type { AclGrant } from '@ironbark/protocol/s3/acl.ts';
import {
  type Checksum,
  type ChecksumType,
  findAlgorithm,
} from '@ironbark/protocol/s3/checksums.ts';
import type { Tag } from '@ironbark/protocol/s3/tagging.ts';
import type { ObjectVersionTable } from '../store/schema.ts';
import type { ObjectEncryption } from './encryption.ts';

/** Lower-case names of the headers that are kept and given back: content headers and x-amz-meta-*. */
export type ObjectHeaders = Readonly<Record<string, string>>;

export type RetentionMode = 'GOVERNANCE' | 'COMPLIANCE';

export interface Retention {
  mode: RetentionMode;
  untilMs: number;
}

/** What keeps a version from being deleted. */
export interface ObjectLock {
  retention?: Retention | undefined;
  hasLegalHold: boolean;
}

/** What a writer asks for besides the bytes. */
export interface ObjectIntent {
  headers: ObjectHeaders;
  /** Undefined: the bucket's owner. */
  ownerId?: AccountId | undefined;
  /** Undefined: the owner alone. */
  acl?: readonly AclGrant[] | undefined;
  tags: readonly Tag[];
  lock: ObjectLock;
}

/** Of those who ask for nothing. */
export const PLAIN_INTENT: ObjectIntent = { headers: {}, tags: [], lock: { hasLegalHold: false } };

export interface ObjectVersion extends ObjectIntent {
  id: string;
  key: string;
  /** What clients call it: its id, or `null` when it was written without versioning. */
  versionId: string;
  isDeleteMarker: boolean;
  sizeBytes: number;
  /** Without quotes. */
  etag: string;
  checksum: Checksum | undefined;
  encryption: ObjectEncryption | undefined;
  uploadId: string | undefined;
  lastModifiedMs: number;
}

/** Its place among the versions of its key is found in the transaction that writes it. */
export type NewVersion = Omit<ObjectVersion, 'versionId'>;

export function fromVersionRow(row: ObjectVersionTable): ObjectVersion {
  return {
    id: row.id,
    key: row.object_key,
    versionId: row.is_null === 1 ? 'null' : row.id,
    isDeleteMarker: row.is_delete_marker === 1,
    sizeBytes: row.size_bytes,
    etag: row.etag,
    headers: JSON.parse(row.headers) as ObjectHeaders,
    checksum: fromChecksumColumns(row),
    uploadId: row.upload_id ?? undefined,
    lastModifiedMs: row.last_modified_at,
    ownerId: row.owner_id ?? undefined,
    acl: row.acl === null ? undefined : (JSON.parse(row.acl) as AclGrant[]),
    tags: row.tags === null ? [] : (JSON.parse(row.tags) as Tag[]),
    lock: { retention: fromRetentionColumns(row), hasLegalHold: row.legal_hold === 1 },
    encryption:
      row.encryption === null ? undefined : (JSON.parse(row.encryption) as ObjectEncryption),
  };
}

export function toVersionRow(
  version: NewVersion,
  place: { bucketId: string; sequence: number; isNull: boolean },
): ObjectVersionTable {
  const { checksum, lock, encryption } = version;
  return {
    id: version.id,
    bucket_id: place.bucketId,
    object_key: version.key,
    size_bytes: version.sizeBytes,
    etag: version.etag,
    headers: JSON.stringify(version.headers),
    checksum_algorithm: checksum?.algorithm ?? null,
    checksum_type: checksum?.type ?? null,
    checksum_value: checksum?.value ?? null,
    upload_id: version.uploadId ?? null,
    last_modified_at: version.lastModifiedMs,
    sequence: place.sequence,
    is_null: place.isNull ? 1 : 0,
    is_delete_marker: version.isDeleteMarker ? 1 : 0,
    owner_id: version.ownerId ?? null,
    acl: version.acl === undefined ? null : JSON.stringify(version.acl),
    tags: toTagColumn(version.tags),
    ...toLockColumns(lock),
    encryption: encryption === undefined ? null : JSON.stringify(encryption),
  };
}

export function toTagColumn(tags: readonly Tag[]): string | null {
  return tags.length === 0 ? null : JSON.stringify(tags);
}

export function toLockColumns({
  retention,
  hasLegalHold,
}: ObjectLock): Pick<ObjectVersionTable, 'retention_mode' | 'retain_until' | 'legal_hold'> {
  return {
    retention_mode: retention?.mode ?? null,
    retain_until: retention?.untilMs ?? null,
    legal_hold: hasLegalHold ? 1 : 0,
  };
}

function fromRetentionColumns(row: ObjectVersionTable): Retention | undefined {
  const { retention_mode: mode, retain_until: untilMs } = row;
  return mode === null || untilMs === null ? undefined : { mode, untilMs };
}

function fromChecksumColumns(row: ObjectVersionTable): Checksum | undefined {
  const algorithm = findAlgorithm(row.checksum_algorithm ?? '');
  if (algorithm === undefined || row.checksum_value === null) return undefined;
  return { algorithm, type: row.checksum_type as ChecksumType, value: row.checksum_value };
}
