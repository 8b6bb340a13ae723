// Owns the actions on the account itself: its alias and a summary of what it has.

import { POLICY_LIMITS } from '@ironbark/protocol/policy/identity-document.ts';
import { changeFor } from '../../app/change.ts';
import { noSuch, PLACES } from '../../app/iam/entities.ts';
import { invalidValue, refuse } from '../../app/refusals.ts';
import { deleteAlias, findAlias, findAliasOwner, setAlias } from '../../store/account-aliases.ts';
import { listKeysOf } from '../../store/accounts.ts';
import { countNamed } from '../../store/iam-names.ts';
import type { IamHandlers } from './iam-handler.ts';

export const ACCOUNT_ACTIONS: IamHandlers<
  'CreateAccountAlias' | 'DeleteAccountAlias' | 'ListAccountAliases' | 'GetAccountSummary'
> = {
  CreateAccountAlias: (app, context, { AccountAlias: alias }) =>
    changeFor(app, context, async ({ tx }) => {
      const { accountId } = context;
      if (!/^[a-z0-9](?:[a-z0-9]|-(?!-)){1,61}[a-z0-9]$/.test(alias) || /^\d{12}$/.test(alias)) {
        const expected = 'It has 3 to 63 lower-case letters, digits and single hyphens.';
        throw invalidValue('AccountAlias', alias.slice(0, 64), expected);
      }
      const owner = await findAliasOwner(tx, alias);
      if (owner !== undefined && owner !== accountId) {
        throw refuse('duplicate', 'account', `The account alias ${alias} already exists.`);
      }
      await setAlias(tx, accountId, alias);
      return {};
    }),
  DeleteAccountAlias: (app, context, { AccountAlias: alias }) =>
    changeFor(app, context, async ({ tx }) => {
      if ((await findAlias(tx, context.accountId)) !== alias) {
        throw noSuch(`The account alias ${alias.slice(0, 64)} cannot be found.`);
      }
      await deleteAlias(tx, context.accountId);
      return {};
    }),
  ListAccountAliases: async (app, { accountId }) => {
    const alias = await findAlias(app.store.query, accountId);
    return { AccountAliases: alias === undefined ? [] : [alias], IsTruncated: false };
  },
  GetAccountSummary: async (app, { accountId }) => {
    const db = app.store.query;
    const SummaryMap: Record<string, number> = {
      AccessKeysPerUserQuota: 2,
      AttachedPoliciesPerGroupQuota: 10,
      AttachedPoliciesPerRoleQuota: 10,
      AttachedPoliciesPerUserQuota: 10,
      GroupsPerUserQuota: 10,
      GroupsQuota: PLACES.group.max,
      InstanceProfilesQuota: PLACES.profile.max,
      PoliciesQuota: PLACES.policy.max,
      RolesQuota: PLACES.role.max,
      UsersQuota: PLACES.user.max,
      VersionsPerPolicyQuota: 5,
      AccountAccessKeysPresent: (await listKeysOf(db, accountId)).length > 0 ? 1 : 0,
      AccountMFAEnabled: 0,
      // Nobody can have any of these here.
      ...{ AccountPasswordPresent: 0, AccountSigningCertificatesPresent: 0 },
      ...{ MFADevices: 0, MFADevicesInUse: 0, Providers: 0, ServerCertificates: 0 },
      AssumeRolePolicySizeQuota: POLICY_LIMITS.trust,
      GroupPolicySizeQuota: POLICY_LIMITS.group,
      PolicySizeQuota: POLICY_LIMITS.managed,
      RolePolicySizeQuota: POLICY_LIMITS.role,
      UserPolicySizeQuota: POLICY_LIMITS.user,
      Groups: await countNamed(db, 'iamGroup', accountId),
      InstanceProfiles: await countNamed(db, 'instanceProfile', accountId),
      Policies: await countNamed(db, 'managedPolicy', accountId),
      Roles: await countNamed(db, 'role', accountId),
      Users: await countNamed(db, 'user', accountId),
    };
    return { SummaryMap };
  },
};
