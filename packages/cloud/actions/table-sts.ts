// Owns the list of STS's implemented actions.

import type { StsAction } from '@ironbark/protocol/sts/types.ts';
import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { assumeRole } from './assume-role.ts';
import { createTable } from './create-table.ts';
import { decodeAuthorizationMessage } from './decode-authorization-message.ts';
import { getAccessKeyInfo } from './get-access-key-info.ts';
import { getCallerIdentity } from './get-caller-identity.ts';
import { getSessionToken } from './get-session-token.ts';
import type { StsHandler } from './sts-handler.ts';

const STS_HANDLERS: { readonly [Name in StsAction]: StsHandler<Name> } = {
  AssumeRole: assumeRole,
  DecodeAuthorizationMessage: decodeAuthorizationMessage,
  GetAccessKeyInfo: getAccessKeyInfo,
  GetCallerIdentity: getCallerIdentity,
  GetSessionToken: getSessionToken,
};

export const STS_ACTIONS: readonly string[] = Object.keys(STS_HANDLERS);

export function createStsActions(app: App): ActionTable {
  return createTable(app, 'sts', STS_HANDLERS);
}
