// Owns CloudWatch's error codes: those of the query protocol, and what the same errors are called in the RPC protocols.
// Sources: "Common error types" and the errors of each operation in the CloudWatch API Reference.

import { chooseWireError, type ErrorTable, type WireCode } from '../query/wire-errors.ts';

const VALIDATION: WireCode = ['ValidationError', 400];
const VALUE: WireCode = ['InvalidParameterValue', 400];
const COMBINATION: WireCode = ['InvalidParameterCombination', 400];
const DENIED: WireCode = ['AccessDenied', 403];
const EXPIRED: WireCode = ['RequestExpired', 400];
const MISMATCH: WireCode = ['SignatureDoesNotMatch', 403];
const INCOMPLETE: WireCode = ['IncompleteSignature', 403];
const UNAVAILABLE: WireCode = ['ServiceUnavailable', 503];

export const CLOUDWATCH_ERRORS: ErrorTable = {
  'not-found': { any: ['ResourceNotFound', 404] },
  'malformed-id': { any: VALUE },
  duplicate: { any: VALIDATION },
  'incorrect-state': { any: VALIDATION },
  'in-use': { any: VALIDATION },
  'dependency-violation': { any: VALIDATION },
  'already-attached': { any: VALIDATION },
  'not-attached': { any: VALIDATION },
  'zone-mismatch': { any: VALIDATION },
  'missing-parameter': {
    any: ['MissingParameter', 400],
    action: ['MissingAction', 400],
    signature: INCOMPLETE,
  },
  'invalid-parameter': {
    any: VALUE,
    'metric-query': VALIDATION,
    'page-token': ['InvalidNextToken', 400],
  },
  'invalid-combination': { any: COMBINATION, 'metric-query': VALIDATION, signature: INCOMPLETE },
  'unknown-parameter': { any: VALIDATION },
  'malformed-input': { any: ['MalformedQueryString', 400], signature: MISMATCH },
  'operation-not-permitted': { any: DENIED },
  'idempotency-mismatch': { any: VALIDATION },
  'limit-exceeded': { any: ['LimitExceeded', 400] },
  'insufficient-capacity': { any: UNAVAILABLE },
  'not-authenticated': {
    any: ['InvalidClientTokenId', 403],
    request: ['MissingAuthenticationToken', 403],
    signature: MISMATCH,
    'request-time': EXPIRED,
  },
  'not-authorized': { any: DENIED, signature: MISMATCH, 'request-time': EXPIRED },
  'dry-run': { any: VALIDATION },
  'unknown-action': { any: ['InvalidAction', 400] },
  unsupported: {
    any: ['UnsupportedOperation', 400],
    'metric-query': VALIDATION,
    signature: INCOMPLETE,
  },
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
  internal: { any: ['InternalServiceError', 500] },
};

/** Names of the model's exceptions, and of AWS's common ones; a code that is not here is its own name. */
const RPC_NAMES: Readonly<Record<string, string>> = {
  AccessDenied: 'AccessDeniedException',
  IncompleteSignature: 'IncompleteSignatureException',
  InternalServiceError: 'InternalServiceFault',
  InvalidAction: 'UnknownOperationException',
  InvalidClientTokenId: 'UnrecognizedClientException',
  InvalidParameterCombination: 'InvalidParameterCombinationException',
  InvalidParameterValue: 'InvalidParameterValueException',
  LimitExceeded: 'LimitExceededFault',
  MalformedQueryString: 'SerializationException',
  MissingAuthenticationToken: 'MissingAuthenticationTokenException',
  MissingParameter: 'MissingRequiredParameterException',
  ResourceNotFound: 'ResourceNotFoundException',
  ServiceUnavailable: 'ServiceUnavailableException',
  SignatureDoesNotMatch: 'InvalidSignatureException',
  Throttling: 'ThrottlingException',
  ValidationError: 'ValidationException',
};

export interface CloudwatchError {
  /** In the query protocol. */
  code: string;
  status: number;
  message: string;
  /** In the RPC protocols, where what the caller did wrong has status 400. */
  rpcName: string;
  rpcStatus: number;
  fault: 'Sender' | 'Receiver';
}

const KEPT_STATUS: ReadonlySet<number> = new Set([408, 413]);

export function chooseCloudwatchError(error: unknown): CloudwatchError {
  const { code, status, message } = chooseWireError(CLOUDWATCH_ERRORS, error);
  const isOurs = status >= 500;
  return {
    ...{ code, status, message },
    rpcName: RPC_NAMES[code] ?? code,
    rpcStatus: isOurs || KEPT_STATUS.has(status) ? status : 400,
    fault: isOurs ? 'Receiver' : 'Sender',
  };
}
