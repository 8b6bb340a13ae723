// Owns the shape of an S3 action: an authenticated, authorised request in, status, headers and body out.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import type { ByteSource } from '../app/byte-source.ts';
import type { ObjectsContext } from '../app/context.ts';
import type { BucketTable } from '../store/schema.ts';

export interface S3Request {
  /** What the request is called in S3, for messages. */
  operation: string;
  principal: Principal;
  /** '' where the request has none. */
  bucketName: string;
  key: string;
  query: ReadonlyMap<string, string>;
  /** Of a lower-case name; one character a byte. */
  header(name: string): string | undefined;
  headerNames(): readonly string[];
  /** Notes a key for the record of the call, besides the one in the request's address. */
  touch(key: string): void;
  /** Reads nothing before its chunks are asked for; throws when the headers contradict each other. */
  openBody(options?: BodyOptions): ByteSource;
}

export interface BodyOptions {
  /** x-amz-checksum-* speaks of the object that results, not of the body. */
  checksumIsOfObject?: boolean;
}

/** A request whose bucket exists and whose caller may use it. */
export interface BucketRequest extends S3Request {
  bucket: BucketTable;
}

export interface S3Response {
  status: number;
  headers?: Readonly<Record<string, string>>;
  body?: string | ByteStream;
}

/** Bytes of known number; disposed when sent, or when nobody wants them any more. */
export interface ByteStream extends Disposable {
  sizeBytes: number;
  chunks: AsyncGenerator<Uint8Array>;
}

export type S3Action = (context: ObjectsContext, request: S3Request) => Promise<S3Response>;
export type BucketAction = (context: ObjectsContext, request: BucketRequest) => Promise<S3Response>;

export const NO_CONTENT: S3Response = { status: 204 };

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

/** Without versioning there is one version, called `null`. */
export function requireNullVersion(versionId: string | undefined): void {
  if (versionId === undefined || versionId === '' || versionId === 'null') return;
  throw new ServiceError({
    kind: 'not-found',
    resource: 'object-version',
    message: 'The specified version does not exist. Buckets of this cloud keep no versions yet.',
    details: { VersionId: versionId },
  });
}
