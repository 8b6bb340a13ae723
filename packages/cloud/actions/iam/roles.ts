// Owns the actions on roles and on who may take them.

import {
  countCharacters,
  POLICY_LIMITS,
  parseTrustPolicy,
} from '@ironbark/protocol/policy/identity-document.ts';
import { newUniqueId } from '../../app/access-keys.ts';
import { changeFor } from '../../app/change.ts';
import { deleteConflict, getRole, PLACES, requirePlace, tooMany } from '../../app/iam/entities.ts';
import { setIamTags } from '../../app/iam/iam-tags.ts';
import { requireAttachable, requireNothingAttached } from '../../app/iam/managed-policies.ts';
import { checkDescription, checkPath, isBelow } from '../../app/iam/names.ts';
import { bindTrust, showAll, showTrust } from '../../app/iam/trust-principals.ts';
import { invalidValue } from '../../app/refusals.ts';
import { deleteNamed, insertNamed, listNamed, updateNamed } from '../../store/iam-names.ts';
import type { RoleTable } from '../../store/iam-schema.ts';
import { listIamTags } from '../../store/iam-tags.ts';
import { listProfilesOfRole } from '../../store/instance-profiles.ts';
import { listAttachments, listInline } from '../../store/policies.ts';
import { deleteSessionsOf } from '../../store/sessions.ts';
import type { IamHandlers } from './iam-handler.ts';
import { byName, takeMarked } from './iam-pages.ts';
import { renderRole } from './render-entities.ts';

const DEFAULT_SESSION_SECONDS = 3_600;
const MAX_SESSION_SECONDS = 43_200;

export const ROLE_ACTIONS: IamHandlers<
  | 'CreateRole'
  | 'GetRole'
  | 'ListRoles'
  | 'UpdateRole'
  | 'UpdateRoleDescription'
  | 'UpdateAssumeRolePolicy'
  | 'DeleteRole'
  | 'PutRolePermissionsBoundary'
  | 'DeleteRolePermissionsBoundary'
> = {
  CreateRole: (app, context, input) =>
    changeFor(app, context, async ({ tx, nowMs }) => {
      const { accountId } = context;
      const boundaryArn = input.PermissionsBoundary ?? null;
      const role: RoleTable = {
        id: newUniqueId(app.random, 'AROA'),
        ...{ accountId, name: input.RoleName, path: checkPath(input.Path), createdAt: nowMs },
        description: checkDescription(input.Description),
        trustPolicy: await bindTrust(tx, checkTrust(input.AssumeRolePolicyDocument)),
        maxSessionSeconds: checkSeconds(input.MaxSessionDuration),
        ...{ boundaryArn, lastUsedAt: null },
      };
      await requirePlace(tx, accountId, PLACES.role, role.name);
      if (boundaryArn !== null) await requireAttachable(tx, accountId, boundaryArn);
      await insertNamed(tx, 'role', role);
      await setIamTags(tx, role, input.Tags);
      const shown = await showTrust(tx, role);
      return { Role: renderRole(shown, await listIamTags(tx, role.id)) };
    }),
  GetRole: async (app, { accountId, region }, input) => {
    const role = await getRole(app.store.query, accountId, input.RoleName);
    const RoleLastUsed =
      role.lastUsedAt === null ? {} : { LastUsedDate: new Date(role.lastUsedAt), Region: region };
    const trusted = await showTrust(app.store.query, role);
    const shown = renderRole(trusted, await listIamTags(app.store.query, role.id));
    return { Role: { ...shown, RoleLastUsed } };
  },
  ListRoles: async (app, { accountId }, input) => {
    const roles = await listNamed(app.store.query, 'role', accountId);
    const found = roles.filter(isBelow(input.PathPrefix));
    const page = takeMarked(found, input, { action: 'ListRoles', sortKey: byName });
    const shown = await showAll(app.store.query, page.items);
    return { Roles: shown.map((role) => renderRole(role)), ...page.markers };
  },
  UpdateRole: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { id, description, maxSessionSeconds } = await getRole(
        tx,
        context.accountId,
        input.RoleName,
      );
      const seconds = checkSeconds(input.MaxSessionDuration ?? maxSessionSeconds);
      const text = checkDescription(input.Description) ?? description;
      await updateNamed(tx, 'role', { id, description: text, maxSessionSeconds: seconds });
      return {};
    }),
  UpdateRoleDescription: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const role = await getRole(tx, context.accountId, input.RoleName);
      const description = checkDescription(input.Description);
      await updateNamed(tx, 'role', { id: role.id, description });
      return { Role: renderRole({ ...(await showTrust(tx, role)), description }) };
    }),
  UpdateAssumeRolePolicy: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { id } = await getRole(tx, context.accountId, input.RoleName);
      const trustPolicy = await bindTrust(tx, checkTrust(input.PolicyDocument));
      await updateNamed(tx, 'role', { id, trustPolicy });
      return {};
    }),
  DeleteRole: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { id } = await getRole(tx, context.accountId, input.RoleName);
      requireNothingAttached((await listAttachments(tx, [id])).length);
      if ((await listInline(tx, [id])).length > 0) throw deleteConflict('delete policies');
      if ((await listProfilesOfRole(tx, id)).length > 0) {
        throw deleteConflict('remove roles from instance profile');
      }
      await deleteSessionsOf(tx, id);
      await deleteNamed(tx, 'role', id);
      return {};
    }),
  PutRolePermissionsBoundary: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { id } = await getRole(tx, context.accountId, input.RoleName);
      const boundaryArn = input.PermissionsBoundary;
      await requireAttachable(tx, context.accountId, boundaryArn);
      await updateNamed(tx, 'role', { id, boundaryArn });
      return {};
    }),
  DeleteRolePermissionsBoundary: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { id } = await getRole(tx, context.accountId, input.RoleName);
      await updateNamed(tx, 'role', { id, boundaryArn: null });
      return {};
    }),
};

function checkTrust(document: string): string {
  parseTrustPolicy(document);
  if (countCharacters(document) > POLICY_LIMITS.trust) {
    throw tooMany('ACLSizePerRole', POLICY_LIMITS.trust);
  }
  return document;
}

function checkSeconds(seconds = DEFAULT_SESSION_SECONDS): number {
  if (seconds >= DEFAULT_SESSION_SECONDS && seconds <= MAX_SESSION_SECONDS) return seconds;
  const range = `It is ${DEFAULT_SESSION_SECONDS} to ${MAX_SESSION_SECONDS} seconds.`;
  throw invalidValue('MaxSessionDuration', seconds, range);
}
