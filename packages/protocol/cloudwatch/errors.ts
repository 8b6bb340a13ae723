// Owns CloudWatch's error codes: those of the query protocol, and what the same errors are called in the RPC protocols.
// Sources: "Common error types" and the errors of each operation in the CloudWatch API Reference.

import { COMMON_ERRORS, INCOMPLETE, VALIDATION } from '../query/common-errors.ts';
import { chooseWireError, type ErrorTable, type WireCode } from '../query/wire-errors.ts';

const VALUE: WireCode = ['InvalidParameterValue', 400];

export const CLOUDWATCH_ERRORS: ErrorTable = {
  ...COMMON_ERRORS,
  'not-found': { any: ['ResourceNotFound', 404] },
  'malformed-id': { any: VALUE },
  'missing-parameter': { ...COMMON_ERRORS['missing-parameter'], any: ['MissingParameter', 400] },
  'invalid-parameter': {
    any: VALUE,
    'metric-query': VALIDATION,
    'page-token': ['InvalidNextToken', 400],
  },
  'invalid-combination': {
    any: ['InvalidParameterCombination', 400],
    'metric-query': VALIDATION,
    signature: INCOMPLETE,
  },
  'limit-exceeded': { any: ['LimitExceeded', 400] },
  unsupported: { ...COMMON_ERRORS.unsupported, 'metric-query': VALIDATION },
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
