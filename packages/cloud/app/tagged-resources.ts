// Owns which resources exist to be tagged.

import type { AccountId, InstanceId } from '@ironbark/core/ids.ts';
import { type IdPrefix, isResourceId } from '@ironbark/core/ids.ts';
import { findImage } from '../store/images.ts';
import { findInstance, raiseGeneration } from '../store/instances.ts';
import type { Schema } from '../store/schema.ts';
import type { Queries } from '../store/store.ts';
import { listOwnTagsOf } from '../store/tags.ts';
import { listPeerings } from '../store/vpc-peerings.ts';
import type { Caller, Change } from './change.ts';
import { mayLaunch } from './image-access.ts';
import { notFound, refuse } from './refusals.ts';
import {
  ALLOCATION,
  DHCP_OPTIONS,
  EGRESS_ONLY_GATEWAY,
  FLOW_LOG,
  GROUP,
  GROUP_RULE,
  IMAGE,
  INSTANCE,
  INTERFACE,
  INTERNET_GATEWAY,
  KEY_PAIR,
  LAUNCH_TEMPLATE,
  NAT_GATEWAY,
  NETWORK_ACL,
  PLACEMENT_GROUP,
  ROUTE_TABLE,
  SNAPSHOT,
  SUBNET,
  VOLUME,
  VPC,
  VPC_PEERING,
} from './resource-ids.ts';
import { findRestorable } from './snapshot-access.ts';

type TaggedTable = Exclude<
  keyof Schema,
  | 'clientToken'
  | 'node'
  | 'nodeUse'
  | 'account'
  | 'user'
  | 'interfaceGroup'
  | 'tag'
  | 'attachment'
  | 'snapshotPermission'
  | 'imagePermission'
  | 'launchTemplateVersion'
  | 'signingSecret'
  | 'route'
  | 'interfaceAddress'
  | 'networkAclEntry'
>;

const NOUNS = [
  { ...INSTANCE, table: 'instance' },
  { ...VOLUME, table: 'volume' },
  { ...SNAPSHOT, table: 'snapshot' },
  { ...IMAGE, table: 'image' },
  { ...KEY_PAIR, table: 'keyPair' },
  { ...LAUNCH_TEMPLATE, table: 'launchTemplate' },
  { ...PLACEMENT_GROUP, table: 'placementGroup' },
  { ...SUBNET, table: 'subnet' },
  { ...VPC, table: 'vpc' },
  { ...GROUP, table: 'securityGroup' },
  { ...INTERFACE, table: 'networkInterface' },
  { ...GROUP_RULE, table: 'securityGroupRule' },
  { ...INTERNET_GATEWAY, table: 'internetGateway' },
  { ...ROUTE_TABLE, table: 'routeTable' },
  { ...ALLOCATION, table: 'address' },
  { ...NAT_GATEWAY, table: 'natGateway' },
  { ...VPC_PEERING, table: 'vpcPeering' },
  { ...FLOW_LOG, table: 'flowLog' },
  { ...NETWORK_ACL, table: 'networkAcl' },
  { ...DHCP_OPTIONS, table: 'dhcpOptions' },
  { ...EGRESS_ONLY_GATEWAY, table: 'egressOnlyGateway' },
] as const satisfies readonly { prefix: IdPrefix; table: TaggedTable }[];

/** Throws for the first resource that does not exist or is of a kind that has no tags here. */
export async function checkResources(
  tx: Queries,
  { accountId }: Caller,
  ids: readonly string[],
): Promise<void> {
  for (const id of ids) {
    const noun = NOUNS.find((one) => isResourceId(one.prefix, id));
    if (noun === undefined) {
      throw refuse('malformed-id', 'tag', `The ID '${id.slice(0, 100)}' is not valid`);
    }
    if (await exists(tx, accountId, noun.table, id)) continue;
    if (await isShared(tx, accountId, id)) continue;
    throw notFound(noun.resource, noun.label, [id]);
  }
}

/**
 * "When you tag public or shared resources, the tags you assign are available only to your AWS account": EC2 User Guide,
 * "Tag restrictions". Who has tags on what is shared no more may still take them off.
 */
async function isShared(tx: Queries, accountId: AccountId, id: string): Promise<boolean> {
  if (isResourceId('ami', id)) {
    const image = await findImage(tx, id);
    if (image !== undefined && (await mayLaunch(tx, image, accountId))) return true;
  }
  if (isResourceId('snap', id) && (await findRestorable(tx, { accountId }, id))) return true;
  if (isResourceId('pcx', id)) {
    return (await listPeerings(tx, accountId)).some((row) => row.id === id);
  }
  return (await listOwnTagsOf(tx, { resourceId: id, accountId })).length > 0;
}

async function exists(
  tx: Queries,
  accountId: AccountId,
  table: TaggedTable,
  id: string,
): Promise<boolean> {
  const row = await tx
    .selectFrom(table)
    .select('id')
    .where('id', '=', id as never)
    .where('accountId', '=', accountId)
    .executeTakeFirst();
  return row !== undefined;
}

/** A guest may read its tags from its metadata, so its node has to hear of them. */
export async function tellGuest({ tx, touched }: Change, id: string): Promise<void> {
  if (!isResourceId('i', id)) return;
  const instance = await findInstance(tx, id as InstanceId);
  if (instance === undefined || instance.terminatedAt !== null) return;
  await raiseGeneration(tx, instance.id);
  touched.instances.add(instance.id);
}
