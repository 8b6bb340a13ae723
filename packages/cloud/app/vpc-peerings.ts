// Owns the rules of peerings between VPCs: who may ask, answer and end one.

import type { AccountId, VpcId, VpcPeeringConnectionId } from '@ironbark/core/ids.ts';
import { type Cidr, cidrsOverlap, parseBlock, renderCidr } from '@ironbark/core/ipv4.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { VpcPeeringRow } from '../store/network-schema.ts';
import { findVpc } from '../store/networks.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import {
  deleteEndedBeyond,
  deletePeeringsBefore,
  insertPeering,
  listPeerings,
  listPeeringsOf,
  updatePeering,
} from '../store/vpc-peerings.ts';
import { listCidrsOf } from '../store/vpcs.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { forgettable, isPeeringShown, peeringStateOf, peerOf } from './peering-view.ts';
import { notOffered, refuse } from './refusals.ts';
import { matchIds, VPC_PEERING } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

/** "Amazon VPC quotas": active peerings per VPC, raised as far as AWS does, and requests that nobody has answered. */
const MAX_ACTIVE = 125;
const MAX_OUTSTANDING = 25;
/** Asked for by an account and ended, of which it is still shown: as many as it can have active with one VPC. */
const MAX_ENDED = MAX_ACTIVE;

export interface PeeringWish {
  vpcId: VpcId;
  accepterVpcId: VpcId;
  accepterAccountId: AccountId;
  tags: readonly Tag[];
}

/** Those that the account is shown. */
export async function listShownPeerings(
  tx: Queries,
  accountId: AccountId,
  nowMs: number,
): Promise<VpcPeeringRow[]> {
  const rows = await listPeerings(tx, accountId);
  return rows.filter((row) => isPeeringShown(row, accountId, nowMs));
}

export async function getPeering(
  { tx, nowMs }: Pick<Change, 'tx' | 'nowMs'>,
  accountId: AccountId,
  id: VpcPeeringConnectionId,
): Promise<VpcPeeringRow> {
  return matchIds(VPC_PEERING, [id], await listShownPeerings(tx, accountId, nowMs))[0]!;
}

/** Over which packets go. */
export async function listActivePeerings(tx: Queries, vpcId: VpcId): Promise<VpcPeeringRow[]> {
  return (await listPeeringsOf(tx, vpcId)).filter(({ status }) => status === 'active');
}

export async function createPeering(
  app: App,
  { accountId }: Caller,
  { tx, nowMs }: Change,
  { vpcId, accepterVpcId, accepterAccountId, tags }: PeeringWish,
): Promise<VpcPeeringConnectionId> {
  const forgotten = await deletePeeringsBefore(tx, forgettable(nowMs));
  // With the new one, if it fails.
  forgotten.push(...(await deleteEndedBeyond(tx, accountId, MAX_ENDED - 1)));
  for (const id of forgotten) await deleteTags(tx, id);
  await getVpc(tx, accountId, vpcId);
  // Whether another account has such a VPC is nobody's business.
  if (accepterAccountId === accountId) await getVpc(tx, accountId, accepterVpcId);
  await refuseSecond(tx, { vpcId, accepterVpcId }, nowMs);
  const open = (await listPeerings(tx, accountId)).filter(
    (row) => row.accountId === accountId && peeringStateOf(row, nowMs) === 'pending-acceptance',
  );
  if (open.length >= MAX_OUTSTANDING) {
    throw refuse(
      'limit-exceeded',
      'vpc-peering-request',
      `${MAX_OUTSTANDING} requests of yours wait for an answer already.`,
    );
  }
  await requireRoom(tx, vpcId);
  const accepter = await findVpc(tx, accepterVpcId);
  const isThere = accepter?.accountId === accepterAccountId;
  const hasFailed = !isThere || (await doOverlap(tx, vpcId, accepterVpcId));
  const id = newId(app.random, 'pcx');
  await insertPeering(tx, {
    ...{ id, accountId, vpcId, accepterVpcId, accepterAccountId, createdAt: nowMs },
    status: hasFailed ? 'failed' : 'pending-acceptance',
    endedAt: hasFailed ? nowMs : null,
    endedBy: null,
  });
  await setTags(tx, accountId, id, tags);
  return id;
}

async function refuseSecond(
  tx: Queries,
  { vpcId, accepterVpcId }: Pick<PeeringWish, 'vpcId' | 'accepterVpcId'>,
  nowMs: number,
): Promise<void> {
  const same = (await listPeeringsOf(tx, vpcId)).find(
    (row) =>
      peerOf(row, vpcId) === accepterVpcId &&
      ['active', 'pending-acceptance'].includes(peeringStateOf(row, nowMs)),
  );
  if (same === undefined) return;
  throw refuse(
    'duplicate',
    'vpc-peering-connection',
    `The VPC peering connection ${same.id} between ${vpcId} and ${accepterVpcId} already exists.`,
  );
}

async function requireRoom(tx: Queries, vpcId: VpcId): Promise<void> {
  if ((await listActivePeerings(tx, vpcId)).length < MAX_ACTIVE) return;
  throw refuse(
    'limit-exceeded',
    'vpc-peering-connection',
    `A VPC can have ${MAX_ACTIVE} active VPC peering connections.`,
  );
}

/** A route to an address would lead to both. */
async function doOverlap(tx: Queries, one: VpcId, other: VpcId): Promise<boolean> {
  const [own, theirs] = [await listCidrsOf(tx, one), await listCidrsOf(tx, other)];
  const blocks = theirs.map(({ cidr }) => parseBlock(cidr)!);
  return own.some(({ cidr }) => blocks.some((block) => cidrsOverlap(parseBlock(cidr)!, block)));
}

/** A VPC, but for one, that the VPC is peered with and that has some of these addresses. */
export async function findPeerWithin(
  tx: Queries,
  vpcId: VpcId,
  cidr: Cidr,
  except?: VpcId,
): Promise<VpcId | undefined> {
  for (const row of await listActivePeerings(tx, vpcId)) {
    const peer = peerOf(row, vpcId);
    if (peer === except) continue;
    const blocks = await listCidrsOf(tx, peer);
    if (blocks.some((block) => cidrsOverlap(parseBlock(block.cidr)!, cidr))) return peer;
  }
  return undefined;
}

/** A node keeps one account of a VPC's connections: those with two peers of the same addresses would be one. */
async function refuseSameAddresses(tx: Queries, vpcId: VpcId, next: VpcId): Promise<void> {
  for (const { cidr } of await listCidrsOf(tx, next)) {
    await refusePeerWithin(tx, vpcId, { cidr: parseBlock(cidr)!, except: next });
  }
}

/** For a block that the VPC is to get: what {@link refuseSameAddresses} is for a VPC that is to be peered. */
export async function refuseForPeersOf(tx: Queries, vpcId: VpcId, cidr: Cidr): Promise<void> {
  for (const row of await listActivePeerings(tx, vpcId)) {
    await refusePeerWithin(tx, peerOf(row, vpcId), { cidr, except: vpcId });
  }
}

async function refusePeerWithin(
  tx: Queries,
  vpcId: VpcId,
  { cidr, except }: { cidr: Cidr; except: VpcId },
): Promise<void> {
  const other = await findPeerWithin(tx, vpcId, cidr, except);
  if (other === undefined) return;
  throw notOffered(
    'Peering a VPC with two others that have the same addresses',
    `${vpcId} has an active peering with another VPC that has addresses of ${renderCidr(cidr)}.`,
  );
}

/** Only who was asked says yes or no. */
async function getAsked(
  { accountId }: Caller,
  change: Change,
  { id, to }: { id: VpcPeeringConnectionId; to: 'active' | 'rejected' },
): Promise<VpcPeeringRow> {
  const row = await getPeering(change, accountId, id);
  if (row.accepterAccountId !== accountId) {
    const verb = to === 'active' ? 'accept' : 'reject';
    throw refuse(
      'operation-not-permitted',
      'vpc-peering-connection',
      `User (${accountId}) cannot ${verb} peering ${id}`,
    );
  }
  const state = peeringStateOf(row, change.nowMs);
  if (state !== 'pending-acceptance') throw badTransition(id, state, to);
  return row;
}

function badTransition(id: VpcPeeringConnectionId, from: string, to: string): Error {
  return refuse(
    'incorrect-state',
    'vpc-peering-connection',
    `Invalid state transition for ${id}, attempted to transition from ${from} to ${to}`,
  );
}

/** Fails where blocks that came since overlap. */
export async function acceptPeering(
  caller: Caller,
  change: Change,
  id: VpcPeeringConnectionId,
): Promise<VpcPeeringRow> {
  const { tx, nowMs } = change;
  const row = await getAsked(caller, change, { id, to: 'active' });
  const { vpcId, accepterVpcId } = row;
  if (await doOverlap(tx, vpcId, accepterVpcId)) {
    const values = { status: 'failed', endedAt: nowMs } as const;
    await updatePeering(tx, id, values);
    return { ...row, ...values };
  }
  for (const side of [vpcId, accepterVpcId]) await requireRoom(tx, side);
  await refuseSameAddresses(tx, vpcId, accepterVpcId);
  await refuseSameAddresses(tx, accepterVpcId, vpcId);
  await updatePeering(tx, id, { status: 'active' });
  await touchBoth(change, row);
  return { ...row, status: 'active' };
}

export async function rejectPeering(
  caller: Caller,
  change: Change,
  id: VpcPeeringConnectionId,
): Promise<void> {
  await getAsked(caller, change, { id, to: 'rejected' });
  const values = { endedAt: change.nowMs, endedBy: caller.accountId };
  await updatePeering(change.tx, id, { status: 'rejected', ...values });
}

/** By either side; before it is accepted only by who asked. Routes over it are black holes from then on. */
export async function removePeering(
  { accountId }: Caller,
  change: Change,
  id: VpcPeeringConnectionId,
): Promise<void> {
  const row = await getPeering(change, accountId, id);
  const state = peeringStateOf(row, change.nowMs);
  if (state !== 'active' && state !== 'pending-acceptance') {
    throw badTransition(id, state, 'deleted');
  }
  if (state === 'pending-acceptance' && row.accountId !== accountId) {
    throw refuse(
      'operation-not-permitted',
      'vpc-peering-connection',
      `User (${accountId}) cannot delete peering ${id}: reject it.`,
    );
  }
  const values = { endedAt: change.nowMs, endedBy: accountId };
  await updatePeering(change.tx, id, { status: 'deleted', ...values });
  if (state === 'active') await touchBoth(change, row);
}

/** With a VPC that goes its unanswered requests go, too. */
export async function endRequestsOf(
  { accountId }: Caller,
  { tx, nowMs }: Change,
  vpcId: VpcId,
): Promise<void> {
  for (const row of await listPeeringsOf(tx, vpcId)) {
    if (peeringStateOf(row, nowMs) !== 'pending-acceptance') continue;
    await updatePeering(tx, row.id, { status: 'deleted', endedAt: nowMs, endedBy: accountId });
  }
}

async function touchBoth(
  change: Change,
  { vpcId, accepterVpcId }: Pick<VpcPeeringRow, 'vpcId' | 'accepterVpcId'>,
): Promise<void> {
  for (const id of [vpcId, accepterVpcId]) await touchVpc(change, id);
}
