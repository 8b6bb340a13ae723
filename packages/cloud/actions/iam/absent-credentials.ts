// Owns the questions about credentials that no user has here, where access keys are all that there is. Clients ask before
// they delete a user.

import type { App } from '../../app/app.ts';
import { noSuch } from '../../app/iam/entities.ts';
import { findMeantUser } from '../../app/iam/users.ts';
import type { RequestContext } from '../action.ts';
import type { IamHandlers } from './iam-handler.ts';

export const ABSENT_CREDENTIAL_ACTIONS: IamHandlers<
  | 'GetLoginProfile'
  | 'DeleteLoginProfile'
  | 'ListMFADevices'
  | 'ListSSHPublicKeys'
  | 'ListServiceSpecificCredentials'
  | 'ListSigningCertificates'
  | 'ListVirtualMFADevices'
> = {
  GetLoginProfile: (app, context, { UserName }) => refuseProfile(app, context, UserName),
  DeleteLoginProfile: (app, context, { UserName }) => refuseProfile(app, context, UserName),
  ListMFADevices: async (app, context, { UserName }) => {
    await nameMeant(app, context, UserName);
    return { MFADevices: [], IsTruncated: false };
  },
  ListSSHPublicKeys: async (app, context, { UserName }) => {
    await nameMeant(app, context, UserName);
    return { SSHPublicKeys: [], IsTruncated: false };
  },
  ListServiceSpecificCredentials: async (app, context, { UserName }) => {
    await nameMeant(app, context, UserName);
    return { ServiceSpecificCredentials: [] };
  },
  ListSigningCertificates: async (app, context, { UserName }) => {
    await nameMeant(app, context, UserName);
    return { Certificates: [], IsTruncated: false };
  },
  ListVirtualMFADevices: async () => ({ VirtualMFADevices: [], IsTruncated: false }),
};

async function refuseProfile(
  app: App,
  context: RequestContext,
  userName: string | undefined,
): Promise<never> {
  const name = await nameMeant(app, context, userName);
  throw noSuch(`Login Profile for User ${name} cannot be found.`);
}

async function nameMeant(
  app: App,
  { principal }: RequestContext,
  userName: string | undefined,
): Promise<string> {
  return (await findMeantUser(app.store.query, principal, userName))?.name ?? 'root';
}
