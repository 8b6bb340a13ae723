// Owns STS's GetSessionToken: the caller's own rights, for a time.

import { changeFor } from '../app/change.ts';
import { checkDuration, issueOwnSession, renderCredentials } from '../app/iam/sessions.ts';
import { refuseParameters } from '../app/refusals.ts';
import type { StsHandler } from './sts-handler.ts';

const DEFAULT_SECONDS = 43_200;
const MAX_SECONDS = 129_600;
const ROOT_SECONDS = 3_600;

export const getSessionToken: StsHandler<'GetSessionToken'> = async (app, context, input) => {
  refuseParameters(input, ['SerialNumber', 'TokenCode']);
  const { principal } = context;
  // "If the duration is longer than one hour, the session for account owners defaults to one hour."
  const asked = checkDuration(input.DurationSeconds ?? DEFAULT_SECONDS, MAX_SECONDS);
  const seconds = principal.isRoot ? Math.min(asked, ROOT_SECONDS) : asked;
  const session = await changeFor(app, context, (change) =>
    issueOwnSession(app, change, principal, seconds),
  );
  return { Credentials: renderCredentials(session) };
};
