// Owns the contract by which other services keep and fetch objects in Walrus.

import type { Readable } from 'node:stream';
import type { AccountId } from '@ironbark/core/ids.ts';
import type { Principal } from './identity-client.ts';

export interface StoredObject {
  key: string;
  sizeBytes: number;
  /** With its quotes, as S3 shows it. */
  etag: string;
  lastModified: string;
}

/** Whose logs of what are kept where. */
export interface LogSource {
  /** Of any account that lets them in. */
  bucket: string;
  /** What their keys begin with, such as `AWSLogs/123456789012/`. */
  prefix: string;
  accountId: AccountId;
  /** As the bucket's policy may name it: an ARN, or a pattern of such. */
  sourceArn: string;
}

/**
 * S3's verbs as other services use them. They write as the system account and may read every object; a reader that
 * names an `accountId` reads with that account's rights instead, which it must whenever a user chose the name.
 * Errors are ServiceErrors.
 */
export interface ObjectsClient {
  /** Makes the bucket of the system account unless it exists. */
  ensureBucket(bucket: string): Promise<void>;
  /** Resolves once the bytes are on stable storage. `sha256` (hexadecimal), when given, is enforced. */
  putObject(input: {
    bucket: string;
    key: string;
    body: Readable | Uint8Array;
    sha256?: string;
  }): Promise<StoredObject>;
  /** `range` is inclusive. Throws not-found / object. */
  getObject(input: {
    bucket: string;
    key: string;
    range?: { start: number; end: number };
    accountId?: AccountId;
  }): Promise<{ object: StoredObject; body: Readable }>;
  headObject(input: { bucket: string; key: string; accountId?: AccountId }): Promise<StoredObject>;
  /** Deleting what does not exist succeeds. */
  deleteObject(input: { bucket: string; key: string }): Promise<void>;
  /** At most 1,000 a page, in byte order of keys. */
  listObjects(input: {
    bucket: string;
    prefix?: string;
    startAfter?: string;
  }): Promise<{ objects: StoredObject[]; isTruncated: boolean }>;
  /**
   * Has a bucket take logs that the log delivery service puts there, by its policy; the principal's rights decide where
   * that has to be changed. Throws not-found / bucket, or not-authorized.
   */
  admitLogs(source: LogSource, principal: Principal): Promise<void>;
  /** As the log delivery service. Resolves once it is on stable storage; throws as `admitLogs`. */
  deliverLog(log: LogSource & { key: string; body: Uint8Array }): Promise<void>;
}
