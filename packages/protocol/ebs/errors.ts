// Owns the error codes of the EBS direct APIs, and how an error is written there (AWS's REST-JSON protocol).
// Source: "EBS direct APIs API Reference", the exceptions of each operation.

import { isServiceError, type ServiceError } from '@ironbark/core/errors.ts';
import { chooseWireError, type ErrorTable, type WireCode } from '../query/wire-errors.ts';

const INVALID = bad('ValidationException');
const DENIED: WireCode = ['AccessDeniedException', 403];
const ABSENT: WireCode = ['ResourceNotFoundException', 404];
const INTERNAL: WireCode = ['InternalServerException', 500];

export const EBS_ERRORS: ErrorTable = {
  'not-found': { any: ABSENT },
  'malformed-id': { any: INVALID },
  duplicate: { any: INVALID },
  'incorrect-state': { any: INVALID },
  'in-use': { any: INVALID },
  'dependency-violation': { any: INVALID },
  'already-attached': { any: INVALID },
  'not-attached': { any: INVALID },
  'zone-mismatch': { any: INVALID },
  'missing-parameter': { any: INVALID, signature: DENIED },
  'invalid-parameter': { any: INVALID },
  'invalid-combination': { any: INVALID, signature: DENIED },
  'unknown-parameter': { any: INVALID },
  'malformed-input': { any: INVALID, signature: DENIED },
  'operation-not-permitted': { any: DENIED },
  'idempotency-mismatch': { any: ['ConflictException', 409] },
  'limit-exceeded': { any: ['ServiceQuotaExceededException', 402], request: INVALID },
  'insufficient-capacity': { any: INTERNAL },
  'not-authenticated': {
    any: DENIED,
    'access-key': ['UnrecognizedClientException', 403],
    signature: ['InvalidSignatureException', 403],
    request: ['MissingAuthenticationTokenException', 403],
  },
  'not-authorized': { any: DENIED },
  'dry-run': { any: INVALID },
  'unknown-action': { any: ['UnknownOperationException', 404] },
  unsupported: { any: bad('UnsupportedOperation') },
  throttled: { any: bad('RequestThrottledException') },
  unavailable: { any: ['ServiceUnavailableException', 503] },
  'out-of-space': { any: INTERNAL },
  'precondition-failed': { any: INVALID },
  'not-modified': { any: INVALID },
  // What was stored is not what is there: never the caller's fault.
  'digest-mismatch': { any: INTERNAL, signature: DENIED },
  'too-large': { any: INVALID, request: ['RequestEntityTooLarge', 413] },
  'too-small': { any: INVALID },
  'invalid-range': { any: INVALID },
  timeout: { any: ['ServiceUnavailableException', 503], request: ['RequestTimeout', 408] },
  internal: { any: INTERNAL },
};

function bad(code: string): WireCode {
  return [code, 400];
}

export interface EbsErrorAnswer {
  status: number;
  code: string;
  body: string;
}

/** AWS's clients take the code from the header; the reason is in the body. */
export function renderEbsError(error: unknown): EbsErrorAnswer {
  const { code, status, message } = chooseWireError(EBS_ERRORS, error);
  const reason = isServiceError(error) ? findReason(error) : undefined;
  const body = { Message: message, ...(reason === undefined ? {} : { Reason: reason }) };
  return { status, code, body: JSON.stringify(body) };
}

function findReason({ kind, resource, details }: ServiceError): string | undefined {
  if (details['Reason'] !== undefined) return details['Reason'];
  if (kind === 'not-found' && resource === 'snapshot') return 'SNAPSHOT_NOT_FOUND';
  if (kind === 'malformed-id' && resource === 'snapshot') return 'INVALID_SNAPSHOT_ID';
  if (kind === 'not-authorized') return 'UNAUTHORIZED_ACCOUNT';
  return EBS_ERRORS[kind].any === INVALID ? 'INVALID_PARAMETER_VALUE' : undefined;
}
