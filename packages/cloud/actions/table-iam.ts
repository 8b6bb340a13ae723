// Owns the list of IAM's implemented actions.

import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { createTable } from './create-table.ts';
import { ABSENT_ACTIONS } from './iam/absent.ts';
import { ACCESS_KEY_ACTIONS } from './iam/access-keys.ts';
import { ACCOUNT_ACTIONS } from './iam/account.ts';
import { DETAIL_ACTIONS } from './iam/account-details.ts';
import { REPORT_ACTIONS } from './iam/credential-report.ts';
import { ENTITY_TAG_ACTIONS } from './iam/entity-tags.ts';
import { GROUP_ACTIONS } from './iam/groups.ts';
import { HOLDER_POLICY_ACTIONS } from './iam/holder-policies.ts';
import { INSTANCE_PROFILE_ACTIONS } from './iam/instance-profiles.ts';
import { POLICY_ACTIONS } from './iam/policies.ts';
import { ROLE_ACTIONS } from './iam/roles.ts';
import { SIMULATE_ACTIONS } from './iam/simulate.ts';
import { USER_ACTIONS } from './iam/users.ts';

const IAM_HANDLERS = {
  ...ABSENT_ACTIONS,
  ...ACCESS_KEY_ACTIONS,
  ...ACCOUNT_ACTIONS,
  ...DETAIL_ACTIONS,
  ...ENTITY_TAG_ACTIONS,
  ...GROUP_ACTIONS,
  ...HOLDER_POLICY_ACTIONS,
  ...INSTANCE_PROFILE_ACTIONS,
  ...POLICY_ACTIONS,
  ...REPORT_ACTIONS,
  ...ROLE_ACTIONS,
  ...SIMULATE_ACTIONS,
  ...USER_ACTIONS,
};

export const IAM_ACTIONS: readonly string[] = Object.keys(IAM_HANDLERS).sort();

export function createIamActions(app: App): ActionTable {
  return createTable(app, 'iam', IAM_HANDLERS);
}
