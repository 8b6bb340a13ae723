// Owns the shape of an S3 action: an authenticated, authorised request in, status, headers and body out.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { AccessKeyRecord } from '@ironbark/protocol/internal/identity-client.ts';
import { encodePercentText } from '@ironbark/protocol/sigv4/percent.ts';
import type { Asker } from '../app/asker.ts';
import type { Bucket } from '../app/bucket-settings.ts';
import { type ByteSource, readAll } from '../app/byte-source.ts';
import type { ObjectsContext } from '../app/context.ts';
import { requireVersionId } from '../app/version-lookup.ts';

export interface S3Request extends Asker {
  /** What the request is called in S3, for messages. */
  operation: string;
  /** '' where the request has none. */
  bucketName: string;
  key: string;
  /** The bucket stands in the host's name, not in the path. */
  isHostStyle: boolean;
  headerNames(): readonly string[];
  /** Notes a key for the record of the call, besides the one in the request's address. */
  touch(key: string): void;
  /** Notes who has signed, for the record of the call, where that stands in the body. */
  signedBy(signer: Pick<AccessKeyRecord, 'accessKeyId' | 'principal'>): void;
  /** Reads nothing before its chunks are asked for; throws when the headers contradict each other. */
  openBody(options?: BodyOptions): ByteSource;
  /** The file of a form: its bytes, and the fields in the place of headers. */
  openForm(fields: Pick<S3Request, 'header'>, chunks: AsyncIterable<Uint8Array>): ByteSource;
}

export interface BodyOptions {
  /** x-amz-checksum-* speaks of the object that results, not of the body. */
  checksumIsOfObject?: boolean;
  /** A chunk is looked at only until the next one is asked for, as the store does. Default: it may be kept. */
  keepsNoChunk?: boolean;
}

/** A request whose bucket exists and whose caller may use it. */
export interface BucketRequest extends S3Request {
  bucket: Bucket;
}

export interface S3Response {
  status: number;
  headers?: Readonly<Record<string, string>>;
  /** Bytes are of what is small. */
  body?: string | Uint8Array | ByteStream;
  /** Of an answer that is an error and a page. */
  errorCode?: string;
}

/** Bytes of known number; disposed when sent, or when nobody wants them any more. */
export interface ByteStream extends Disposable {
  sizeBytes: number;
  chunks: AsyncGenerator<Uint8Array>;
}

export type S3Action = (context: ObjectsContext, request: S3Request) => Promise<S3Response>;
export type BucketAction = (context: ObjectsContext, request: BucketRequest) => Promise<S3Response>;

export const NO_CONTENT: S3Response = { status: 204 };

/** Where a key of the request's bucket is, as the request names the bucket. */
export function locationOf(
  request: Pick<S3Request, 'header' | 'bucketName' | 'isHostStyle'>,
  key: string,
): string {
  const host = request.header('host') ?? '';
  const root = request.isHostStyle ? `http://${host}` : `http://${host}/${request.bucketName}`;
  return `${root}/${encodePercentText(key, '/')}`;
}

export function xmlResponse(
  body: string,
  headers: Readonly<Record<string, string>> = {},
): S3Response {
  return { status: 200, headers: { 'content-type': 'application/xml', ...headers }, body };
}

/** A number in the query, cut to the limit as S3 does. */
export function readLimit(request: S3Request, name: string, limit: number): number {
  const text = request.query.get(name);
  if (text === undefined || text === '') return limit;
  if (/^\d{1,10}$/.test(text) && Number(text) <= 2 ** 31 - 1) return Math.min(Number(text), limit);
  throw invalidArgument(name, text, `Provided ${name} not an integer or within integer range.`);
}

export function invalidArgument(name: string, value: string, message: string): ServiceError {
  return new ServiceError({
    kind: 'invalid-parameter',
    resource: 'request',
    message,
    details: { ArgumentName: name, ArgumentValue: value },
  });
}

/** S3's own flag against control characters in XML. */
export function readEncodingType(request: S3Request): 'url' | undefined {
  const type = request.query.get('encoding-type');
  if (type === undefined || type === 'url') return type;
  throw invalidArgument('encoding-type', type, 'Invalid Encoding Method specified in Request.');
}

/** The version that the request names, if any. */
export function readVersionId(request: S3Request): string | undefined {
  const text = request.query.get('versionId');
  if (text === '')
    throw invalidArgument('versionId', text, 'Version id cannot be the empty string');
  return requireVersionId(text);
}

/** Documents that configure something have a handful of members. */
const MAX_DOCUMENT_BYTES = 256 * 1_024;

export async function readDocument(request: S3Request, max = MAX_DOCUMENT_BYTES): Promise<Buffer> {
  return await readAll(request.openBody(), max);
}

/** Buckets that have never had versions tell none. */
export function versionHeader(
  bucket: Bucket,
  versionId: string | undefined,
): Record<string, string> {
  if (bucket.versioning === null || versionId === undefined) return {};
  return { 'x-amz-version-id': versionId };
}

/** As on AWS, a writer is told of versions only while there are new ones. */
export function newVersionHeader(bucket: Bucket, versionId: string): Record<string, string> {
  return bucket.versioning === 'Enabled' ? { 'x-amz-version-id': versionId } : {};
}
