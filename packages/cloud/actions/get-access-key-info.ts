// Owns STS's GetAccessKeyInfo: which account a key is of, whoever asks.

import { refuse } from '../app/refusals.ts';
import { findKey } from '../store/accounts.ts';
import { findSession } from '../store/sessions.ts';
import type { StsHandler } from './sts-handler.ts';

export const getAccessKeyInfo: StsHandler<'GetAccessKeyInfo'> = async (app, _context, input) => {
  const { AccessKeyId: id } = input;
  const db = app.store.query;
  const key = id.startsWith('ASIA') ? await findSession(db, id) : await findKey(db, id);
  if (key !== undefined) return { Account: key.accountId };
  throw refuse('invalid-parameter', 'access-key', 'The access key id is not one of this cloud.');
};
