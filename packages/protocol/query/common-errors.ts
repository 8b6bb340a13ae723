// Owns what AWS's older services have in common: the error codes that "Common error types" lists in the API references of
// CloudWatch, STS and IAM alike. What a service has a code of its own for it puts in their place.

import type { ErrorTable, WireCode } from './wire-errors.ts';

export const VALIDATION: WireCode = ['ValidationError', 400];
export const INCOMPLETE: WireCode = ['IncompleteSignature', 403];
const DENIED: WireCode = ['AccessDenied', 403];
const EXPIRED: WireCode = ['RequestExpired', 400];
const MISMATCH: WireCode = ['SignatureDoesNotMatch', 403];
const UNAVAILABLE: WireCode = ['ServiceUnavailable', 503];

export const COMMON_ERRORS: ErrorTable = {
  'not-found': { any: VALIDATION },
  'malformed-id': { any: VALIDATION },
  duplicate: { any: VALIDATION },
  'incorrect-state': { any: VALIDATION },
  'in-use': { any: VALIDATION },
  'dependency-violation': { any: VALIDATION },
  'already-attached': { any: VALIDATION },
  'not-attached': { any: VALIDATION },
  'zone-mismatch': { any: VALIDATION },
  'missing-parameter': {
    any: VALIDATION,
    action: ['MissingAction', 400],
    signature: INCOMPLETE,
  },
  'invalid-parameter': { any: VALIDATION },
  'invalid-combination': { any: VALIDATION, signature: INCOMPLETE },
  'unknown-parameter': { any: VALIDATION },
  'malformed-input': { any: ['MalformedQueryString', 400], signature: MISMATCH },
  'operation-not-permitted': { any: DENIED },
  'idempotency-mismatch': { any: VALIDATION },
  'limit-exceeded': { any: VALIDATION },
  'insufficient-capacity': { any: UNAVAILABLE },
  'not-authenticated': {
    any: ['InvalidClientTokenId', 403],
    request: ['MissingAuthenticationToken', 403],
    signature: MISMATCH,
    'request-time': EXPIRED,
  },
  'not-authorized': {
    any: DENIED,
    signature: MISMATCH,
    'request-time': EXPIRED,
    'security-token': ['ExpiredToken', 403],
  },
  'dry-run': { any: VALIDATION },
  'unknown-action': { any: ['InvalidAction', 400] },
  unsupported: { any: ['UnsupportedOperation', 400], signature: INCOMPLETE },
  throttled: { any: ['Throttling', 400] },
  unavailable: { any: UNAVAILABLE },
  'out-of-space': { any: UNAVAILABLE },
  'precondition-failed': { any: VALIDATION },
  'not-modified': { any: VALIDATION },
  'digest-mismatch': { any: VALIDATION, signature: MISMATCH },
  'too-large': { any: VALIDATION, request: ['RequestEntityTooLarge', 413] },
  'too-small': { any: VALIDATION },
  'invalid-range': { any: VALIDATION },
  timeout: { any: UNAVAILABLE, request: ['RequestTimeout', 408] },
  internal: { any: ['InternalFailure', 500] },
};
