// Owns the S3 error codes: which code and status each kind of ServiceError has on the wire.

import type { ErrorKind, ErrorResource, ServiceError } from '@ironbark/core/errors.ts';
import type { S3Error } from './s3-error.ts';
import { findConfiguration } from './sub-resources.ts';
import { element, renderXml } from './xml-writer.ts';

interface KindEntry {
  otherwise: S3Error;
  resources?: Partial<Record<ErrorResource, S3Error>>;
}

const s3 = (code: string, status: number): S3Error => ({ code, status });

const ACCESS_DENIED = s3('AccessDenied', 403);
const INVALID_ARGUMENT = s3('InvalidArgument', 400);
const INVALID_REQUEST = s3('InvalidRequest', 400);

/** Source: AWS, "Amazon S3 error responses", list of error codes. Every kind has an entry; the compiler checks it. */
const TABLE: Readonly<Record<ErrorKind, KindEntry>> = {
  'not-found': {
    otherwise: s3('NoSuchKey', 404),
    resources: {
      bucket: s3('NoSuchBucket', 404),
      'object-version': s3('NoSuchVersion', 404),
      upload: s3('NoSuchUpload', 404),
      part: s3('InvalidPart', 400),
      acl: s3('UnresolvableGrantByEmailAddress', 400),
      encryption: s3('KMS.NotFoundException', 400),
    },
  },
  'malformed-id': {
    otherwise: INVALID_ARGUMENT,
    resources: {
      bucket: s3('InvalidBucketName', 400),
      object: s3('InvalidURI', 400),
      checksum: s3('InvalidDigest', 400),
    },
  },
  duplicate: {
    otherwise: s3('OperationAborted', 409),
    resources: { bucket: s3('BucketAlreadyOwnedByYou', 409) },
  },
  'incorrect-state': {
    otherwise: s3('OperationAborted', 409),
    resources: { 'object-lock': s3('InvalidBucketState', 409) },
  },
  'in-use': {
    otherwise: s3('OperationAborted', 409),
    resources: { bucket: s3('BucketAlreadyExists', 409) },
  },
  'dependency-violation': { otherwise: s3('BucketNotEmpty', 409) },
  'already-attached': { otherwise: s3('OperationAborted', 409) },
  'not-attached': { otherwise: s3('OperationAborted', 409) },
  'zone-mismatch': { otherwise: INVALID_REQUEST },
  'missing-parameter': {
    otherwise: INVALID_ARGUMENT,
    resources: {
      signature: INVALID_REQUEST,
      checksum: INVALID_REQUEST,
      'object-lock': INVALID_REQUEST,
      'content-length': s3('MissingContentLength', 411),
    },
  },
  'invalid-parameter': {
    otherwise: INVALID_ARGUMENT,
    resources: {
      checksum: INVALID_REQUEST,
      'content-length': INVALID_ARGUMENT,
      location: s3('InvalidLocationConstraint', 400),
      tag: s3('InvalidTag', 400),
      'object-lock': s3('InvalidRetentionPeriod', 400),
      form: s3('InvalidPolicyDocument', 400),
      'part-order': s3('InvalidPartOrder', 400),
      'storage-class': s3('InvalidStorageClass', 400),
    },
  },
  'invalid-combination': {
    otherwise: INVALID_REQUEST,
    resources: {
      signature: INVALID_ARGUMENT,
      acl: s3('InvalidBucketAclWithObjectOwnership', 400),
    },
  },
  'unknown-parameter': { otherwise: INVALID_ARGUMENT },
  'malformed-input': {
    otherwise: INVALID_REQUEST,
    resources: {
      signature: s3('AuthorizationHeaderMalformed', 400),
      xml: s3('MalformedXML', 400),
      acl: s3('MalformedACLError', 400),
      policy: s3('MalformedPolicy', 400),
      form: s3('MalformedPOSTRequest', 400),
      encryption: s3('InvalidEncryptionAlgorithmError', 400),
      checksum: s3('MalformedTrailerError', 400),
      'content-length': s3('IncompleteBody', 400),
    },
  },
  'operation-not-permitted': {
    otherwise: INVALID_REQUEST,
    resources: { 'log-target': s3('InvalidTargetBucketForLogging', 400) },
  },
  'idempotency-mismatch': { otherwise: INVALID_REQUEST },
  'limit-exceeded': {
    otherwise: s3('InvalidRequest', 400),
    resources: {
      bucket: s3('TooManyBuckets', 400),
      object: s3('KeyTooLongError', 400),
      'user-data': s3('MetadataTooLarge', 400),
      tag: s3('InvalidTag', 400),
    },
  },
  'insufficient-capacity': { otherwise: s3('ServiceUnavailable', 503) },
  'not-authenticated': {
    otherwise: ACCESS_DENIED,
    resources: {
      'access-key': s3('InvalidAccessKeyId', 403),
      signature: s3('SignatureDoesNotMatch', 403),
      'request-time': s3('RequestTimeTooSkewed', 403),
      'security-token': s3('InvalidToken', 400),
    },
  },
  'not-authorized': {
    otherwise: ACCESS_DENIED,
    resources: {
      'security-token': s3('ExpiredToken', 400),
      'cross-origin': s3('AccessForbidden', 403),
    },
  },
  'dry-run': { otherwise: INVALID_REQUEST },
  'unknown-action': { otherwise: s3('MethodNotAllowed', 405) },
  unsupported: {
    otherwise: s3('NotImplemented', 501),
    resources: { signature: INVALID_REQUEST },
  },
  throttled: { otherwise: s3('SlowDown', 503) },
  unavailable: { otherwise: s3('ServiceUnavailable', 503) },
  // RFC 4918; a client that retries a 503 would send the whole body again to the same full disk.
  'out-of-space': { otherwise: s3('InsufficientStorage', 507) },
  'precondition-failed': { otherwise: s3('PreconditionFailed', 412) },
  'not-modified': { otherwise: s3('NotModified', 304) },
  'digest-mismatch': {
    otherwise: s3('BadDigest', 400),
    resources: { signature: s3('XAmzContentSHA256Mismatch', 400) },
  },
  'too-large': { otherwise: s3('EntityTooLarge', 400) },
  'too-small': { otherwise: s3('EntityTooSmall', 400) },
  'invalid-range': {
    otherwise: s3('InvalidRange', 416),
    resources: { part: s3('InvalidPartNumber', 416) },
  },
  timeout: { otherwise: s3('RequestTimeout', 400) },
  internal: { otherwise: s3('InternalError', 500) },
};

export const INTERNAL_ERROR: S3Error = TABLE.internal.otherwise;

export function toS3Error(error: ServiceError): S3Error {
  if (error.resource === 'bucket-configuration') {
    const configuration = findConfiguration(error.details['Configuration'] ?? '');
    const code = error.kind === 'not-found' ? configuration?.notSet : configuration?.refused;
    if (code !== undefined) return code;
  }
  const entry = TABLE[error.kind];
  return entry.resources?.[error.resource] ?? entry.otherwise;
}

export interface ErrorDocument {
  code: string;
  message: string;
  details: Readonly<Record<string, string>>;
  resource: string;
  requestId: string;
  hostId: string;
}

/** The body of an error; S3 gives it no namespace. */
export function renderErrorDocument(document: ErrorDocument): string {
  return renderXml(
    element('Error', [
      element('Code', document.code),
      element('Message', document.message),
      ...Object.entries(document.details).map(([name, value]) => element(name, value)),
      element('Resource', document.resource),
      element('RequestId', document.requestId),
      element('HostId', document.hostId),
    ]),
  );
}
