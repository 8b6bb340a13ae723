// Owns STS as one of the protocols that an endpoint serves: AWS's query protocol, with few error codes of its own.

import { COMMON_ERRORS } from '../query/common-errors.ts';
import { createQueryProtocol } from '../query/query-protocol.ts';
import type { ErrorTable } from '../query/wire-errors.ts';
import type { WireProtocol } from '../query/wire-protocol.ts';
import { stsModel } from './model.ts';

const STS_ERRORS: ErrorTable = {
  ...COMMON_ERRORS,
  'malformed-input': {
    ...COMMON_ERRORS['malformed-input'],
    policy: ['MalformedPolicyDocument', 400],
    'authorization-message': ['InvalidAuthorizationMessageException', 400],
  },
};

export const STS_PROTOCOL: WireProtocol = createQueryProtocol(stsModel, STS_ERRORS);
