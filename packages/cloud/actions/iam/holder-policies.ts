// Owns the actions on the policies that users, groups and roles have, attached and inline: the same three times.

import type { App } from '../../app/app.ts';
import { getGroup, getRole, getUser } from '../../app/iam/entities.ts';
import {
  getInlinePolicy,
  putInlinePolicy,
  removeInlinePolicy,
} from '../../app/iam/inline-policies.ts';
import { attachPolicy, detachPolicy, type Holder } from '../../app/iam/managed-policies.ts';
import { isBelow } from '../../app/iam/names.ts';
import { listAttachments, listInline } from '../../store/policies.ts';
import type { RequestContext } from '../action.ts';
import { changing, type Find } from './changing.ts';
import type { IamHandlers } from './iam-handler.ts';
import { takeMarked } from './iam-pages.ts';
import { encodeDocument } from './render-entities.ts';

type Word = 'User' | 'Group' | 'Role';

export const HOLDER_POLICY_ACTIONS: IamHandlers<
  | `Attach${Word}Policy`
  | `Detach${Word}Policy`
  | `ListAttached${Word}Policies`
  | `Put${Word}Policy`
  | `Get${Word}Policy`
  | `Delete${Word}Policy`
  | `List${Word}Policies`
> = {
  AttachUserPolicy: (...call) => attach(ofUser, ...call),
  AttachGroupPolicy: (...call) => attach(ofGroup, ...call),
  AttachRolePolicy: (...call) => attach(ofRole, ...call),
  DetachUserPolicy: (...call) => detach(ofUser, ...call),
  DetachGroupPolicy: (...call) => detach(ofGroup, ...call),
  DetachRolePolicy: (...call) => detach(ofRole, ...call),
  ListAttachedUserPolicies: (...call) => listAttached(ofUser, ...call),
  ListAttachedGroupPolicies: (...call) => listAttached(ofGroup, ...call),
  ListAttachedRolePolicies: (...call) => listAttached(ofRole, ...call),
  PutUserPolicy: (...call) => put(ofUser, ...call),
  PutGroupPolicy: (...call) => put(ofGroup, ...call),
  PutRolePolicy: (...call) => put(ofRole, ...call),
  GetUserPolicy: async (app, context, input) => ({
    UserName: input.UserName,
    ...(await get(ofUser, app, context, input)),
  }),
  GetGroupPolicy: async (app, context, input) => ({
    GroupName: input.GroupName,
    ...(await get(ofGroup, app, context, input)),
  }),
  GetRolePolicy: async (app, context, input) => ({
    RoleName: input.RoleName,
    ...(await get(ofRole, app, context, input)),
  }),
  DeleteUserPolicy: (...call) => remove(ofUser, ...call),
  DeleteGroupPolicy: (...call) => remove(ofGroup, ...call),
  DeleteRolePolicy: (...call) => remove(ofRole, ...call),
  ListUserPolicies: (...call) => listNames(ofUser, ...call),
  ListGroupPolicies: (...call) => listNames(ofGroup, ...call),
  ListRolePolicies: (...call) => listNames(ofRole, ...call),
};

const ofUser: Find<{ UserName: string }, Holder> = async (db, accountId, { UserName }) => {
  const { id, name } = await getUser(db, accountId, UserName);
  return { id, name, accountId, kind: 'user' };
};
const ofGroup: Find<{ GroupName: string }, Holder> = async (db, accountId, { GroupName }) => {
  const { id, name } = await getGroup(db, accountId, GroupName);
  return { id, name, accountId, kind: 'group' };
};
const ofRole: Find<{ RoleName: string }, Holder> = async (db, accountId, { RoleName }) => {
  const { id, name } = await getRole(db, accountId, RoleName);
  return { id, name, accountId, kind: 'role' };
};

interface Managed {
  PolicyArn: string;
}

interface Inline {
  PolicyName: string;
}

interface Paged {
  Marker?: string | undefined;
  MaxItems?: number | undefined;
}

const attach = changing((change, holder: Holder, { PolicyArn }: Managed) =>
  attachPolicy(change, holder, PolicyArn),
);
const detach = changing((change, holder: Holder, { PolicyArn }: Managed) =>
  detachPolicy(change, holder, PolicyArn),
);
const put = changing(({ tx }, holder: Holder, input: Inline & { PolicyDocument: string }) =>
  putInlinePolicy(tx, holder, { name: input.PolicyName, document: input.PolicyDocument }),
);
const remove = changing(({ tx }, holder: Holder, { PolicyName }: Inline) =>
  removeInlinePolicy(tx, holder, PolicyName),
);

async function listAttached<Input extends Paged & { PathPrefix?: string | undefined }>(
  find: Find<Input, Holder>,
  app: App,
  { accountId }: RequestContext,
  input: Input,
) {
  const holder = await find(app.store.query, accountId, input);
  const arns = (await listAttachments(app.store.query, [holder.id])).map((one) => one.policyArn);
  const found = arns.filter((arn) => isBelow(input.PathPrefix)({ path: pathOf(arn) }));
  const action = `ListAttachedPolicies ${holder.kind}`;
  const page = takeMarked(found, input, { action, sortKey: (arn) => arn });
  const AttachedPolicies = page.items.map((arn) => ({
    PolicyName: arn.slice(arn.lastIndexOf('/') + 1),
    PolicyArn: arn,
  }));
  return { AttachedPolicies, ...page.markers };
}

/** `arn:aws:iam::123456789012:policy/a/b/name`: between the word and the name. */
function pathOf(arn: string): string {
  return arn.slice(arn.indexOf('/'), arn.lastIndexOf('/') + 1);
}

async function get<Input extends Inline>(
  find: Find<Input, Holder>,
  app: App,
  { accountId }: RequestContext,
  input: Input,
) {
  const db = app.store.query;
  const holder = await find(db, accountId, input);
  const { name, document } = await getInlinePolicy(db, holder, input.PolicyName);
  return { PolicyName: name, PolicyDocument: encodeDocument(document) };
}

async function listNames<Input extends Paged>(
  find: Find<Input, Holder>,
  app: App,
  { accountId }: RequestContext,
  input: Input,
) {
  const holder = await find(app.store.query, accountId, input);
  const names = (await listInline(app.store.query, [holder.id])).map(({ name }) => name);
  const action = `ListPolicies ${holder.kind}`;
  const page = takeMarked(names, input, { action, sortKey: (name) => name });
  return { PolicyNames: page.items, ...page.markers };
}
