// Owns IAM as one of the protocols that an endpoint serves: AWS's query protocol with IAM's error codes.
// Source: the errors of each operation in the IAM API Reference.

import { COMMON_ERRORS } from '../query/common-errors.ts';
import { createQueryProtocol } from '../query/query-protocol.ts';
import type { ErrorTable } from '../query/wire-errors.ts';
import type { WireProtocol } from '../query/wire-protocol.ts';
import { iamModel } from './model.ts';

const IAM_ERRORS: ErrorTable = {
  ...COMMON_ERRORS,
  'not-found': { any: ['NoSuchEntity', 404] },
  duplicate: { any: ['EntityAlreadyExists', 409] },
  'in-use': { any: ['DeleteConflict', 409] },
  'dependency-violation': { any: ['DeleteConflict', 409] },
  'limit-exceeded': { any: ['LimitExceeded', 409] },
  'invalid-combination': {
    any: ['InvalidInput', 400],
    signature: ['IncompleteSignature', 403],
  },
  'malformed-input': {
    ...COMMON_ERRORS['malformed-input'],
    policy: ['MalformedPolicyDocument', 400],
  },
  'operation-not-permitted': { any: ['UnmodifiableEntity', 400] },
  internal: { any: ['ServiceFailure', 500] },
};

export const IAM_PROTOCOL: WireProtocol = createQueryProtocol(iamModel, IAM_ERRORS);
