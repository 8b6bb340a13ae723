// Owns the actions on groups and on who is in them.

import { newUniqueId } from '../../app/access-keys.ts';
import { changeFor } from '../../app/change.ts';
import {
  deleteConflict,
  getGroup,
  getUser,
  noSuch,
  PLACES,
  requireNewName,
  requirePlace,
  tooMany,
} from '../../app/iam/entities.ts';
import { requireNothingAttached } from '../../app/iam/managed-policies.ts';
import { checkPath, isBelow } from '../../app/iam/names.ts';
import { addMember, listGroupsOf, listMembers, removeMember } from '../../store/group-members.ts';
import { deleteNamed, insertNamed, listNamed, updateNamed } from '../../store/iam-names.ts';
import { listAttachments, listInline } from '../../store/policies.ts';
import type { IamHandlers } from './iam-handler.ts';
import { byName, takeMarked } from './iam-pages.ts';
import { renderGroup, renderUser } from './render-entities.ts';

const MAX_GROUPS_OF_USER = 10;

export const GROUP_ACTIONS: IamHandlers<
  | 'CreateGroup'
  | 'GetGroup'
  | 'ListGroups'
  | 'UpdateGroup'
  | 'DeleteGroup'
  | 'AddUserToGroup'
  | 'RemoveUserFromGroup'
  | 'ListGroupsForUser'
> = {
  CreateGroup: (app, context, input) =>
    changeFor(app, context, async ({ tx, nowMs }) => {
      const { accountId } = context;
      const path = checkPath(input.Path);
      const name = input.GroupName;
      await requirePlace(tx, accountId, PLACES.group, name);
      const id = newUniqueId(app.random, 'AGPA');
      const group = { id, accountId, name, path, createdAt: nowMs };
      await insertNamed(tx, 'iamGroup', group);
      return { Group: renderGroup(group) };
    }),
  GetGroup: async (app, { accountId }, input) => {
    const group = await getGroup(app.store.query, accountId, input.GroupName);
    const users = await listMembers(app.store.query, group.id);
    const page = takeMarked(users, input, { action: 'GetGroup', sortKey: byName });
    const Users = page.items.map((user) => renderUser(user));
    return { Group: renderGroup(group), Users, ...page.markers };
  },
  ListGroups: async (app, { accountId }, input) => {
    const groups = await listNamed(app.store.query, 'iamGroup', accountId);
    const found = groups.filter(isBelow(input.PathPrefix));
    const page = takeMarked(found, input, { action: 'ListGroups', sortKey: byName });
    return { Groups: page.items.map(renderGroup), ...page.markers };
  },
  UpdateGroup: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { accountId } = context;
      const group = await getGroup(tx, accountId, input.GroupName);
      const name = input.NewGroupName ?? group.name;
      await requireNewName(tx, accountId, PLACES.group, { from: group.name, to: name });
      const path = input.NewPath === undefined ? group.path : checkPath(input.NewPath);
      await updateNamed(tx, 'iamGroup', { id: group.id, name, path });
      return {};
    }),
  DeleteGroup: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { id } = await getGroup(tx, context.accountId, input.GroupName);
      if ((await listMembers(tx, id)).length > 0) throw deleteConflict('remove users from group');
      requireNothingAttached((await listAttachments(tx, [id])).length);
      if ((await listInline(tx, [id])).length > 0) throw deleteConflict('delete policies');
      await deleteNamed(tx, 'iamGroup', id);
      return {};
    }),
  AddUserToGroup: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const group = await getGroup(tx, context.accountId, input.GroupName);
      const user = await getUser(tx, context.accountId, input.UserName);
      await addMember(tx, group, user);
      if ((await listGroupsOf(tx, user.id)).length > MAX_GROUPS_OF_USER) {
        throw tooMany('GroupsPerUser', MAX_GROUPS_OF_USER);
      }
      return {};
    }),
  RemoveUserFromGroup: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const group = await getGroup(tx, context.accountId, input.GroupName);
      const user = await getUser(tx, context.accountId, input.UserName);
      if (await removeMember(tx, group.id, user.id)) return {};
      throw noSuch(`User ${user.name} is not in group ${group.name}.`);
    }),
  ListGroupsForUser: async (app, { accountId }, input) => {
    const { id } = await getUser(app.store.query, accountId, input.UserName);
    const groups = await listGroupsOf(app.store.query, id);
    const page = takeMarked(groups, input, { action: 'ListGroupsForUser', sortKey: byName });
    return { Groups: page.items.map(renderGroup), ...page.markers };
  },
};
