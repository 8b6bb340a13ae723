// Owns what users have on AWS and nobody can have here: passwords, MFA devices, certificates, ssh keys, identity providers.
// Clients ask for them before they remove a user or audit an account, and are told that there are none, which is true;
// what would make one is not offered.

import type { App } from '../../app/app.ts';
import { noSuch, shown } from '../../app/iam/entities.ts';
import { findMeantUser } from '../../app/iam/users.ts';
import type { RequestContext } from '../action.ts';
import type { IamHandlers } from './iam-handler.ts';
import { takeMarked } from './iam-pages.ts';

export const ABSENT_ACTIONS: IamHandlers<
  | 'DeleteAccountPasswordPolicy'
  | 'DeleteLoginProfile'
  | 'GetAccountPasswordPolicy'
  | 'GetLoginProfile'
  | 'GetMFADevice'
  | 'ListMFADevices'
  | 'ListOpenIDConnectProviders'
  | 'ListSAMLProviders'
  | 'ListServerCertificates'
  | 'ListServiceSpecificCredentials'
  | 'ListSigningCertificates'
  | 'ListSSHPublicKeys'
  | 'ListVirtualMFADevices'
> = {
  GetLoginProfile: (app, context, { UserName }) => refuseProfile(app, context, UserName),
  DeleteLoginProfile: (app, context, { UserName }) => refuseProfile(app, context, UserName),
  GetAccountPasswordPolicy: async (_app, { accountId }) => {
    throw noPasswordPolicy(accountId);
  },
  DeleteAccountPasswordPolicy: async (_app, { accountId }) => {
    throw noPasswordPolicy(accountId);
  },
  GetMFADevice: async (_app, _context, { SerialNumber }) => {
    throw noSuch(`MFA device ${shown(SerialNumber)} cannot be found.`);
  },
  ListMFADevices: async (app, context, input) => {
    const { items, markers } = await noneOf(app, context, { ...input, action: 'ListMFADevices' });
    return { MFADevices: items, ...markers };
  },
  ListSigningCertificates: async (app, context, input) => {
    const asked = { ...input, action: 'ListSigningCertificates' };
    const { items, markers } = await noneOf(app, context, asked);
    return { Certificates: items, ...markers };
  },
  ListSSHPublicKeys: async (app, context, input) => {
    const asked = { ...input, action: 'ListSSHPublicKeys' };
    const { items, markers } = await noneOf(app, context, asked);
    return { SSHPublicKeys: items, ...markers };
  },
  ListServiceSpecificCredentials: async (app, { principal }, { UserName }) => {
    await findMeantUser(app.store.query, principal, UserName);
    return { ServiceSpecificCredentials: [], IsTruncated: false };
  },
  ListVirtualMFADevices: async (_app, _context, input) => {
    const { items, markers } = none(input, 'ListVirtualMFADevices');
    return { VirtualMFADevices: items, ...markers };
  },
  ListServerCertificates: async (_app, _context, input) => {
    const { items, markers } = none(input, 'ListServerCertificates');
    return { ServerCertificateMetadataList: items, ...markers };
  },
  ListOpenIDConnectProviders: async () => ({ OpenIDConnectProviderList: [] }),
  ListSAMLProviders: async () => ({ SAMLProviderList: [] }),
};

async function refuseProfile(
  app: App,
  { principal }: RequestContext,
  name: string | undefined,
): Promise<never> {
  const user = await findMeantUser(app.store.query, principal, name);
  throw noSuch(`Login Profile for User ${user?.name ?? 'root'} cannot be found.`);
}

function noPasswordPolicy(accountId: string): Error {
  return noSuch(`The Password Policy with domain name ${accountId} cannot be found.`);
}

interface Asked {
  UserName?: string | undefined;
  Marker?: string | undefined;
  MaxItems?: number | undefined;
}

/** Of a user that has to be there. */
async function noneOf(
  app: App,
  { principal }: RequestContext,
  { action, UserName, ...page }: Asked & { action: string },
) {
  await findMeantUser(app.store.query, principal, UserName);
  return none(page, action);
}

function none({ Marker, MaxItems }: Asked, action: string) {
  const { markers } = takeMarked<string>([], { Marker, MaxItems }, { action, sortKey: String });
  return { items: [], markers };
}
