// Owns the types of STS's inputs and outputs. They are the SDK's own; nothing of the SDK is loaded.

import type * as sdk from '@aws-sdk/client-sts';
import type { Given } from '../given.ts';

interface Operations {
  AssumeRole: [sdk.AssumeRoleCommandInput, sdk.AssumeRoleResponse];
  DecodeAuthorizationMessage: [
    sdk.DecodeAuthorizationMessageCommandInput,
    sdk.DecodeAuthorizationMessageResponse,
  ];
  GetAccessKeyInfo: [sdk.GetAccessKeyInfoCommandInput, sdk.GetAccessKeyInfoResponse];
  GetCallerIdentity: [sdk.GetCallerIdentityCommandInput, sdk.GetCallerIdentityResponse];
  GetSessionToken: [sdk.GetSessionTokenCommandInput, sdk.GetSessionTokenResponse];
}

/** The operations that this cloud offers. */
export type StsAction = keyof Operations;

export type StsInput<Action extends StsAction> = Given<Operations[Action][0]>;
export type StsOutput<Action extends StsAction> = Operations[Action][1];
export type Credentials = sdk.Credentials;
