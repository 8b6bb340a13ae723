// Owns the actions on instance profiles, each of which carries one role at most.

import { newUniqueId } from '../../app/access-keys.ts';
import { changeFor } from '../../app/change.ts';
import {
  deleteConflict,
  getProfile,
  getRole,
  noSuch,
  PLACES,
  requirePlace,
  tooMany,
} from '../../app/iam/entities.ts';
import { setIamTags } from '../../app/iam/iam-tags.ts';
import { checkPath, isBelow } from '../../app/iam/names.ts';
import { refreshProfile, requireRolePassed } from '../../app/iam/profile-associations.ts';
import { showTrust } from '../../app/iam/trust-principals.ts';
import {
  deleteNamed,
  findById,
  insertNamed,
  listNamed,
  updateNamed,
} from '../../store/iam-names.ts';
import type { InstanceProfileTable } from '../../store/iam-schema.ts';
import { listIamTags } from '../../store/iam-tags.ts';
import { listAssociations, listProfilesOfRole } from '../../store/instance-profiles.ts';
import type { Queries } from '../../store/store.ts';
import type { IamHandlers } from './iam-handler.ts';
import { byName, takeMarked } from './iam-pages.ts';
import { renderProfile } from './render-entities.ts';

export const INSTANCE_PROFILE_ACTIONS: IamHandlers<
  | 'CreateInstanceProfile'
  | 'GetInstanceProfile'
  | 'ListInstanceProfiles'
  | 'ListInstanceProfilesForRole'
  | 'DeleteInstanceProfile'
  | 'AddRoleToInstanceProfile'
  | 'RemoveRoleFromInstanceProfile'
> = {
  CreateInstanceProfile: (app, context, input) =>
    changeFor(app, context, async ({ tx, nowMs }) => {
      const { accountId } = context;
      const path = checkPath(input.Path);
      const name = input.InstanceProfileName;
      await requirePlace(tx, accountId, PLACES.profile, name);
      const id = newUniqueId(app.random, 'AIPA');
      const profile = { id, accountId, name, path, createdAt: nowMs, roleId: null };
      await insertNamed(tx, 'instanceProfile', profile);
      await setIamTags(tx, profile, input.Tags);
      return { InstanceProfile: await render(tx, profile) };
    }),
  GetInstanceProfile: async (app, { accountId }, input) => {
    const profile = await getProfile(app.store.query, accountId, input.InstanceProfileName);
    return { InstanceProfile: await render(app.store.query, profile) };
  },
  ListInstanceProfiles: async (app, { accountId }, input) => {
    const profiles = await listNamed(app.store.query, 'instanceProfile', accountId);
    const found = profiles.filter(isBelow(input.PathPrefix));
    const page = takeMarked(found, input, { action: 'ListInstanceProfiles', sortKey: byName });
    const InstanceProfiles = await renderAll(app.store.query, page.items);
    return { InstanceProfiles, ...page.markers };
  },
  ListInstanceProfilesForRole: async (app, { accountId }, input) => {
    const { id } = await getRole(app.store.query, accountId, input.RoleName);
    const profiles = await listProfilesOfRole(app.store.query, id);
    const action = 'ListInstanceProfilesForRole';
    const page = takeMarked(profiles, input, { action, sortKey: byName });
    const InstanceProfiles = await renderAll(app.store.query, page.items);
    return { InstanceProfiles, ...page.markers };
  },
  DeleteInstanceProfile: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { accountId } = context;
      const profile = await getProfile(tx, accountId, input.InstanceProfileName);
      if (profile.roleId !== null) throw deleteConflict('remove roles from instance profile');
      const used = await listAssociations(tx, accountId);
      if (used.some(({ profileId }) => profileId === profile.id)) {
        throw deleteConflict('disassociate the instance profile from its instances');
      }
      await deleteNamed(tx, 'instanceProfile', profile.id);
      return {};
    }),
  AddRoleToInstanceProfile: async (app, context, input) => {
    const role = await getRole(app.store.query, context.accountId, input.RoleName);
    await requireRolePassed(app, context, role);
    return await changeFor(app, context, async (change) => {
      const { tx } = change;
      const profile = await getProfile(tx, context.accountId, input.InstanceProfileName);
      const { id: roleId } = await getRole(tx, context.accountId, input.RoleName);
      if (roleId !== role.id) throw noSuch(`The role ${role.name} has just been made anew.`);
      if (profile.roleId !== null) throw tooMany('InstanceSessionsPerInstanceProfile', 1);
      await updateNamed(tx, 'instanceProfile', { id: profile.id, roleId });
      await refreshProfile(app, change, profile.id);
      return {};
    });
  },
  RemoveRoleFromInstanceProfile: (app, context, input) =>
    changeFor(app, context, async (change) => {
      const { tx } = change;
      const profile = await getProfile(tx, context.accountId, input.InstanceProfileName);
      const role = await getRole(tx, context.accountId, input.RoleName);
      if (profile.roleId !== role.id) {
        throw noSuch(`Instance Profile ${profile.name} does not have the role ${role.name}.`);
      }
      await updateNamed(tx, 'instanceProfile', { id: profile.id, roleId: null });
      await refreshProfile(app, change, profile.id);
      return {};
    }),
};

async function render(db: Queries, profile: InstanceProfileTable) {
  const role = profile.roleId === null ? undefined : await findById(db, 'role', profile.roleId);
  const shown = role && (await showTrust(db, role));
  return renderProfile(profile, shown, await listIamTags(db, profile.id));
}

async function renderAll(db: Queries, profiles: readonly InstanceProfileTable[]) {
  const shown = [];
  for (const profile of profiles) shown.push(await render(db, profile));
  return shown;
}
