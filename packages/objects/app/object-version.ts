// Owns what is known of one version of an object, apart from its bytes.

import {
  type Checksum,
  type ChecksumType,
  findAlgorithm,
} from '@ironbark/protocol/s3/checksums.ts';
import type { ObjectVersionTable } from '../store/schema.ts';

/** Lower-case names of the headers that are kept and given back: content headers and x-amz-meta-*. */
export type ObjectHeaders = Readonly<Record<string, string>>;

export interface ObjectVersion {
  id: string;
  key: string;
  sizeBytes: number;
  /** Without quotes. */
  etag: string;
  headers: ObjectHeaders;
  checksum: Checksum | undefined;
  uploadId: string | undefined;
  lastModifiedMs: number;
}

export function fromVersionRow(row: ObjectVersionTable): ObjectVersion {
  return {
    id: row.id,
    key: row.object_key,
    sizeBytes: row.size_bytes,
    etag: row.etag,
    headers: JSON.parse(row.headers) as ObjectHeaders,
    checksum: fromChecksumColumns(row),
    uploadId: row.upload_id ?? undefined,
    lastModifiedMs: row.last_modified_at,
  };
}

export function toVersionRow(bucketId: string, version: ObjectVersion): ObjectVersionTable {
  return {
    id: version.id,
    bucket_id: bucketId,
    object_key: version.key,
    size_bytes: version.sizeBytes,
    etag: version.etag,
    headers: JSON.stringify(version.headers),
    checksum_algorithm: version.checksum?.algorithm ?? null,
    checksum_type: version.checksum?.type ?? null,
    checksum_value: version.checksum?.value ?? null,
    upload_id: version.uploadId ?? null,
    last_modified_at: version.lastModifiedMs,
  };
}

function fromChecksumColumns(row: ObjectVersionTable): Checksum | undefined {
  const algorithm = findAlgorithm(row.checksum_algorithm ?? '');
  if (algorithm === undefined || row.checksum_value === null) return undefined;
  return { algorithm, type: row.checksum_type as ChecksumType, value: row.checksum_value };
}
