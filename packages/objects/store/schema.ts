// Owns the tables of Walrus as kysely sees them.

import type { Database } from '@ironbark/platform/database/database.ts';
import type { Transaction } from 'kysely';

export interface BucketTable {
  /** Random: a bucket that was deleted and made again is another one. */
  id: string;
  name: string;
  account_id: string;
  created_at: number;
}

/** `uploading`: being written. `stored`: on stable storage. `doomed`: nothing refers to it; its file is to go. */
export type BlobState = 'uploading' | 'stored' | 'doomed';

export interface BlobTable {
  id: string;
  state: BlobState;
  size_bytes: number;
  /** CRC-32 of each block of the file, base64. */
  block_crcs: string;
  created_at: number;
}

/** The current pointer: which version a key shows. */
export interface ObjectTable {
  bucket_id: string;
  object_key: string;
  version_id: string;
}

export interface ObjectVersionTable {
  id: string;
  bucket_id: string;
  object_key: string;
  size_bytes: number;
  /** Without quotes. */
  etag: string;
  /** JSON: content headers and user metadata. */
  headers: string;
  checksum_algorithm: string | null;
  checksum_type: string | null;
  checksum_value: string | null;
  /** The upload that it was completed from, so that a repeated Complete is answered alike. */
  upload_id: string | null;
  last_modified_at: number;
}

/** The bytes of a version: its blobs in order. One blob may serve several versions, after a copy. */
export interface SegmentTable {
  version_id: string;
  position: number;
  blob_id: string;
  size_bytes: number;
}

export interface UploadTable {
  id: string;
  bucket_id: string;
  object_key: string;
  headers: string;
  checksum_algorithm: string | null;
  checksum_type: string | null;
  initiated_at: number;
}

export interface PartTable {
  upload_id: string;
  part_number: number;
  blob_id: string;
  size_bytes: number;
  etag: string;
  checksum_value: string | null;
  last_modified_at: number;
}

export interface ObjectsSchema {
  bucket: BucketTable;
  blob: BlobTable;
  object: ObjectTable;
  object_version: ObjectVersionTable;
  segment: SegmentTable;
  upload: UploadTable;
  part: PartTable;
}

export type ObjectsDatabase = Database<ObjectsSchema>;
export type Tx = Transaction<ObjectsSchema>;
