// Owns STS's GetCallerIdentity: whose key signed the request.

import type { App } from '../app/app.ts';
import type { RequestContext } from './action.ts';

export async function getCallerIdentity(
  _app: App,
  { principal }: RequestContext,
): Promise<{ UserId: string; Account: string; Arn: string }> {
  return { UserId: principal.userId, Account: principal.accountId, Arn: principal.arn };
}
