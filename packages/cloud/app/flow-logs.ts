// Owns the rules of flow logs: what may have one, and where it is kept.

import type { AccountId, FlowLogId, SubnetId } from '@ironbark/core/ids.ts';
import { newId } from '@ironbark/platform/random.ts';
import type { LogSource } from '@ironbark/protocol/internal/objects-client.ts';
import type { FlowLogRow } from '../store/flow-log-schema.ts';
import { deleteFlowLog, insertFlowLog, listFlowLogs, listFlowLogsOf } from '../store/flow-logs.ts';
import { findVpc, listSubnets } from '../store/networks.ts';
import type { Queries } from '../store/store.ts';
import { deleteTags } from '../store/tags.ts';
import type { App } from './app.ts';
import type { Caller, Change } from './change.ts';
import { getVpc } from './find-vpc.ts';
import { keyPrefix } from './flow-log-lines.ts';
import { getInterface } from './network-interfaces.ts';
import { refuse } from './refusals.ts';
import { INTERFACE, matchIds, parseId, SUBNET, VPC } from './resource-ids.ts';
import { setTags, type Tag } from './tags.ts';
import { touchVpc } from './vpc-changes.ts';

/** "Amazon VPC quotas": flow logs of one interface, subnet or VPC. */
const MAX_OF_RESOURCE = 2;

export type LoggedType = 'VPC' | 'Subnet' | 'NetworkInterface';

/** Throws where the account has no such thing. */
export async function findLogged(
  tx: Queries,
  accountId: AccountId,
  { type, id }: { type: LoggedType; id: string },
): Promise<Pick<FlowLogRow, 'resourceId' | 'vpcId'>> {
  if (type === 'VPC') {
    const vpc = await getVpc(tx, accountId, parseId(VPC, id, 'ResourceId'));
    return { resourceId: vpc.id, vpcId: vpc.id };
  }
  const row =
    type === 'Subnet'
      ? await getLoggedSubnet(tx, accountId, parseId(SUBNET, id, 'ResourceId'))
      : await getInterface(tx, accountId, parseId(INTERFACE, id, 'ResourceId'));
  return { resourceId: row.id, vpcId: row.vpcId };
}

export type FlowLogWish = Pick<
  FlowLogRow,
  | 'trafficType'
  | 'destination'
  | 'bucket'
  | 'prefix'
  | 'format'
  | 'maxAggregationSeconds'
  | 'isHive'
  | 'isHourly'
> & { type: LoggedType; resourceIds: readonly string[]; tags: readonly Tag[] };

export async function createFlowLogs(
  app: App,
  { accountId }: Caller,
  change: Change,
  { type, resourceIds, tags, ...wish }: FlowLogWish,
): Promise<FlowLogId[]> {
  const { tx, nowMs } = change;
  const made: FlowLogId[] = [];
  for (const resource of new Set(resourceIds)) {
    const logged = await findLogged(tx, accountId, { type, id: resource });
    await requireRoom(tx, logged.resourceId, wish);
    const id = newId(app.random, 'fl');
    const delivery = { deliverStatus: null, deliverError: null };
    await insertFlowLog(tx, { id, accountId, createdAt: nowMs, ...logged, ...wish, ...delivery });
    await setTags(tx, accountId, id, tags);
    await touchVpc(change, logged.vpcId);
    made.push(id);
  }
  return made;
}

async function getLoggedSubnet(tx: Queries, accountId: AccountId, id: SubnetId) {
  return matchIds(SUBNET, [id], await listSubnets(tx, accountId))[0]!;
}

async function requireRoom(
  tx: Queries,
  resourceId: FlowLogRow['resourceId'],
  { trafficType, bucket, prefix, format }: Omit<FlowLogWish, 'type' | 'resourceIds' | 'tags'>,
): Promise<void> {
  const known = await listFlowLogsOf(tx, resourceId);
  const same = known.some(
    (row) =>
      row.trafficType === trafficType &&
      row.bucket === bucket &&
      row.prefix === prefix &&
      row.format === format,
  );
  if (same) {
    throw refuse(
      'duplicate',
      'flow-log',
      'Error. There is an existing Flow Log with the same configuration and log destination.',
    );
  }
  if (known.length < MAX_OF_RESOURCE) return;
  throw refuse(
    'limit-exceeded',
    'flow-log',
    `${resourceId} has ${MAX_OF_RESOURCE} flow logs, which is the most that it can have.`,
  );
}

/** All of them or none. */
export async function removeFlowLogs(
  { accountId }: Caller,
  change: Change,
  ids: readonly FlowLogId[],
): Promise<void> {
  const rows = new Map((await listFlowLogs(change.tx, accountId)).map((row) => [row.id, row]));
  const absent = ids.filter((id) => !rows.has(id));
  if (absent.length > 0) {
    throw refuse(
      'not-found',
      'flow-log',
      `These flow log ids in the input list are not found: [TotalCount: ${absent.length}] ${absent.join(', ')}`,
    );
  }
  for (const id of ids) await eraseFlowLog(change, rows.get(id)!);
}

export async function eraseFlowLog(change: Change, { id, vpcId }: FlowLogRow): Promise<void> {
  await deleteFlowLog(change.tx, id);
  await deleteTags(change.tx, id);
  // Its VPC may have gone before.
  if ((await findVpc(change.tx, vpcId)) !== undefined) await touchVpc(change, vpcId);
}

/** What the bucket is asked to let in. */
export function logSource(
  log: Pick<FlowLogRow, 'bucket' | 'prefix' | 'isHive'>,
  { region, accountId }: { region: string; accountId: AccountId },
): LogSource {
  const sourceArn = `arn:aws:logs:${region}:${accountId}:*`;
  return { bucket: log.bucket, prefix: keyPrefix(log, accountId), accountId, sourceArn };
}
