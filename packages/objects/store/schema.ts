// Owns the tables of Walrus as kysely sees them.

import type { Database } from '@ironbark/platform/database/database.ts';
import type { Transaction } from 'kysely';

export interface BucketTable {
  /** Random: a bucket that was deleted and made again is another one. */
  id: string;
  name: string;
  account_id: string;
  created_at: number;
  /** Null until somebody turns it on; it is never null again. */
  versioning: 'Enabled' | 'Suspended' | null;
}

/** What is set on a bucket, each as JSON under the name of its query parameter. */
export interface BucketConfigurationTable {
  bucket_id: string;
  name: string;
  document: string;
}

/** An account's key, in an envelope that the cloud's keyring opens. */
export interface AccountKeyTable {
  account_id: string;
  envelope: string;
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
  /** Of a small blob, which has its place in the log and no file of its own. */
  log_file: number | null;
  /** Of its first byte. */
  log_offset: number | null;
  /** Whose it is to write or to remove; null: one process has all of them. */
  gateway_id: string | null;
}

/** A process that serves this state beside others. */
export interface GatewayTable {
  id: string;
  /** Grows while it is alive. */
  beat: number;
  /** The beat during which its oldest read began; its own beat while it has none that is older. */
  oldest_read: number;
}

/** One row: the name of this state among those that use the same engine. */
export interface StoreNameTable {
  name: string;
}

/** A file of the log, with what of it is still referred to. It only says which files are worth rewriting. */
export interface LogFileTable {
  number: number;
  live_blobs: number;
  live_bytes: number;
}

/** The current pointer: which version a key shows. A key whose newest version is a delete marker has none. */
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
  /** Grows with each version of a key: the highest is the latest. */
  sequence: number;
  /** 1 for the version that is called `null`; a key has at most one. */
  is_null: 0 | 1;
  is_delete_marker: 0 | 1;
  /** Null: the bucket's owner. */
  owner_id: string | null;
  /** JSON: grants; null: the owner alone. */
  acl: string | null;
  /** JSON; null: none. */
  tags: string | null;
  retention_mode: 'GOVERNANCE' | 'COMPLIANCE' | null;
  retain_until: number | null;
  legal_hold: 0 | 1;
  /** JSON: how the bytes are encrypted, with their key in an envelope; null: they are not. */
  encryption: string | null;
}

/** The bytes of a version: its blobs in order. One blob may serve several versions, after a copy. */
export interface SegmentTable {
  version_id: string;
  position: number;
  blob_id: string;
  size_bytes: number;
  /** What the blob's encryption began with, base64; null: it is not encrypted. */
  nonce: string | null;
  /** Of a part of a multipart object, in its upload's algorithm. */
  checksum_value: string | null;
}

export interface UploadTable {
  id: string;
  bucket_id: string;
  object_key: string;
  headers: string;
  checksum_algorithm: string | null;
  checksum_type: string | null;
  initiated_at: number;
  /** JSON: what the object is to be given besides its headers. */
  intent: string | null;
}

export interface PartTable {
  upload_id: string;
  part_number: number;
  blob_id: string;
  size_bytes: number;
  etag: string;
  checksum_value: string | null;
  last_modified_at: number;
  nonce: string | null;
}

export interface ObjectsSchema {
  bucket_configuration: BucketConfigurationTable;
  account_key: AccountKeyTable;
  bucket: BucketTable;
  blob: BlobTable;
  gateway: GatewayTable;
  store_name: StoreNameTable;
  log_file: LogFileTable;
  object: ObjectTable;
  object_version: ObjectVersionTable;
  segment: SegmentTable;
  upload: UploadTable;
  part: PartTable;
}

export type ObjectsDatabase = Database<ObjectsSchema>;
export type Tx = Transaction<ObjectsSchema>;
