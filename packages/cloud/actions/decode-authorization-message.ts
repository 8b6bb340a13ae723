// Owns STS's DecodeAuthorizationMessage: why a call of this account was refused.

import { decodeRefusal } from '../app/authorization-messages.ts';
import { refuse } from '../app/refusals.ts';
import type { StsHandler } from './sts-handler.ts';

export const decodeAuthorizationMessage: StsHandler<'DecodeAuthorizationMessage'> = async (
  app,
  { accountId },
  { EncodedMessage },
) => {
  const decoded = await decodeRefusal(app, EncodedMessage);
  if (decoded.accountId === accountId) return { DecodedMessage: decoded.text };
  throw refuse('malformed-input', 'authorization-message', 'Message is not valid');
};
