// Owns the actions on tags of users, roles, policies and instance profiles.

import type { App } from '../../app/app.ts';
import { getProfile, getRole, getUser } from '../../app/iam/entities.ts';
import { removeIamTags, setIamTags, type TaggedEntity } from '../../app/iam/iam-tags.ts';
import { getOwnPolicy } from '../../app/iam/managed-policies.ts';
import { listIamTags } from '../../store/iam-tags.ts';
import type { RequestContext } from '../action.ts';
import { changing, type Find } from './changing.ts';
import type { IamHandlers } from './iam-handler.ts';
import { takeMarked } from './iam-pages.ts';
import { renderTags } from './render-entities.ts';

type Word = 'User' | 'Role' | 'Policy' | 'InstanceProfile';

export const ENTITY_TAG_ACTIONS: IamHandlers<`Tag${Word}` | `Untag${Word}` | `List${Word}Tags`> = {
  TagUser: (...call) => tag(ofUser, ...call),
  TagRole: (...call) => tag(ofRole, ...call),
  TagPolicy: (...call) => tag(ofPolicy, ...call),
  TagInstanceProfile: (...call) => tag(ofProfile, ...call),
  UntagUser: (...call) => untag(ofUser, ...call),
  UntagRole: (...call) => untag(ofRole, ...call),
  UntagPolicy: (...call) => untag(ofPolicy, ...call),
  UntagInstanceProfile: (...call) => untag(ofProfile, ...call),
  ListUserTags: (...call) => list(ofUser, ...call),
  ListRoleTags: (...call) => list(ofRole, ...call),
  ListPolicyTags: (...call) => list(ofPolicy, ...call),
  ListInstanceProfileTags: (...call) => list(ofProfile, ...call),
};

const ofUser: Find<{ UserName: string }, TaggedEntity> = (db, accountId, input) =>
  getUser(db, accountId, input.UserName);
const ofRole: Find<{ RoleName: string }, TaggedEntity> = (db, accountId, input) =>
  getRole(db, accountId, input.RoleName);
const ofPolicy: Find<{ PolicyArn: string }, TaggedEntity> = (db, accountId, input) =>
  getOwnPolicy(db, accountId, input.PolicyArn);
const ofProfile: Find<{ InstanceProfileName: string }, TaggedEntity> = (db, accountId, input) =>
  getProfile(db, accountId, input.InstanceProfileName);

const tag = changing(
  (
    { tx },
    entity: TaggedEntity,
    { Tags }: { Tags: { Key: string | undefined; Value: string | undefined }[] },
  ) => setIamTags(tx, entity, Tags),
);
const untag = changing(({ tx }, entity: TaggedEntity, { TagKeys }: { TagKeys: string[] }) =>
  removeIamTags(tx, entity, TagKeys),
);

async function list<Input extends { Marker?: string | undefined; MaxItems?: number | undefined }>(
  find: Find<Input, TaggedEntity>,
  app: App,
  { accountId }: RequestContext,
  input: Input,
) {
  const { id } = await find(app.store.query, accountId, input);
  const tags = await listIamTags(app.store.query, id);
  const page = takeMarked(tags, input, { action: 'ListTags', sortKey: ({ key }) => key });
  return { Tags: renderTags(page.items), ...page.markers };
}
