// Owns the actions on users: they come, are shown and renamed, go, and are bounded.

import { changeFor } from '../../app/change.ts';
import { getUser } from '../../app/iam/entities.ts';
import { setIamTags } from '../../app/iam/iam-tags.ts';
import { requireAttachable } from '../../app/iam/managed-policies.ts';
import { isBelow } from '../../app/iam/names.ts';
import { addIamUser, findMeantUser, removeIamUser, renameUser } from '../../app/iam/users.ts';
import { listNamed, updateNamed } from '../../store/iam-names.ts';
import { listIamTags } from '../../store/iam-tags.ts';
import type { IamHandlers } from './iam-handler.ts';
import { byName, takeMarked } from './iam-pages.ts';
import { renderUser } from './render-entities.ts';

export const USER_ACTIONS: IamHandlers<
  | 'CreateUser'
  | 'GetUser'
  | 'ListUsers'
  | 'UpdateUser'
  | 'DeleteUser'
  | 'PutUserPermissionsBoundary'
  | 'DeleteUserPermissionsBoundary'
> = {
  CreateUser: (app, context, input) =>
    changeFor(app, context, async (change) => {
      const wish = {
        name: input.UserName,
        path: input.Path,
        boundaryArn: input.PermissionsBoundary,
      };
      const user = await addIamUser(app, context.accountId, change, wish);
      await setIamTags(change.tx, user, input.Tags);
      return { User: renderUser(user, await listIamTags(change.tx, user.id)) };
    }),
  GetUser: async (app, { principal }, { UserName }) => {
    const db = app.store.query;
    const user = await findMeantUser(db, principal, UserName);
    if (user !== undefined) return { User: renderUser(user, await listIamTags(db, user.id)) };
    const { accountId, arn } = principal;
    const account = (
      await db.selectFrom('account').selectAll().where('id', '=', accountId).execute()
    )[0];
    const CreateDate = new Date(account?.createdAt ?? 0);
    return {
      User: { Path: '/', UserName: 'root', UserId: accountId, Arn: arn, CreateDate },
    };
  },
  ListUsers: async (app, { accountId }, input) => {
    const users = await listNamed(app.store.query, 'user', accountId);
    const found = users.filter(isBelow(input.PathPrefix));
    const page = takeMarked(found, input, { action: 'ListUsers', sortKey: byName });
    return { Users: page.items.map((user) => renderUser(user)), ...page.markers };
  },
  UpdateUser: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const user = await getUser(tx, context.accountId, input.UserName);
      await renameUser(tx, user, { name: input.NewUserName, path: input.NewPath });
      return {};
    }),
  DeleteUser: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      await removeIamUser(tx, await getUser(tx, context.accountId, input.UserName));
      return {};
    }),
  PutUserPermissionsBoundary: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { id } = await getUser(tx, context.accountId, input.UserName);
      const boundaryArn = input.PermissionsBoundary;
      await requireAttachable(tx, context.accountId, boundaryArn);
      await updateNamed(tx, 'user', { id, boundaryArn });
      return {};
    }),
  DeleteUserPermissionsBoundary: (app, context, input) =>
    changeFor(app, context, async ({ tx }) => {
      const { id } = await getUser(tx, context.accountId, input.UserName);
      await updateNamed(tx, 'user', { id, boundaryArn: null });
      return {};
    }),
};
