// Owns the queries on flow logs.

import type { AccountId, FlowLogId, InstanceId, NodeId, VpcId } from '@ironbark/core/ids.ts';
import type { FlowLogRow } from './flow-log-schema.ts';
import { inParts } from './in-parts.ts';
import type { Queries } from './store.ts';

export async function insertFlowLog(db: Queries, row: FlowLogRow): Promise<void> {
  await db.insertInto('flowLog').values(row).execute();
}

export function listFlowLogs(db: Queries, accountId: AccountId): Promise<FlowLogRow[]> {
  return db
    .selectFrom('flowLog')
    .selectAll()
    .where('accountId', '=', accountId)
    .orderBy('id')
    .execute();
}

/** Of all accounts. */
export function listAllFlowLogs(db: Queries): Promise<FlowLogRow[]> {
  return db.selectFrom('flowLog').selectAll().orderBy('id').execute();
}

export function listFlowLogsOf(db: Queries, resourceId: string): Promise<FlowLogRow[]> {
  return db
    .selectFrom('flowLog')
    .selectAll()
    .where('resourceId', '=', resourceId as FlowLogRow['resourceId'])
    .execute();
}

/** What has a flow log, of a VPC and what is in it; each once. */
export async function listLoggedOf(db: Queries, vpcId: VpcId): Promise<FlowLogRow['resourceId'][]> {
  const rows = await db
    .selectFrom('flowLog')
    .select('resourceId')
    .distinct()
    .where('vpcId', '=', vpcId)
    .orderBy('resourceId')
    .execute();
  return rows.map(({ resourceId }) => resourceId);
}

/** Those whose VPC, subnet or interface is gone. */
export async function listGoneFlowLogs(db: Queries): Promise<FlowLogRow[]> {
  return db
    .selectFrom('flowLog')
    .leftJoin('vpc', 'vpc.id', 'flowLog.resourceId')
    .leftJoin('subnet', 'subnet.id', 'flowLog.resourceId')
    .leftJoin('networkInterface', 'networkInterface.id', 'flowLog.resourceId')
    .selectAll('flowLog')
    .where('vpc.id', 'is', null)
    .where('subnet.id', 'is', null)
    .where('networkInterface.id', 'is', null)
    .execute();
}

export async function deleteFlowLog(db: Queries, id: FlowLogId): Promise<void> {
  await db.deleteFrom('flowLog').where('id', '=', id).execute();
}

export async function setDelivery(
  db: Queries,
  id: FlowLogId,
  delivery: Pick<FlowLogRow, 'deliverStatus' | 'deliverError'>,
): Promise<void> {
  await db.updateTable('flowLog').set(delivery).where('id', '=', id).execute();
}

/** Whose instances are, and where; terminated ones as long as they are listed. */
export function listInstancePlaces(
  db: Queries,
  ids: readonly InstanceId[],
): Promise<{ id: InstanceId; accountId: AccountId; nodeId: NodeId | null }[]> {
  return inParts(ids, (some) =>
    db
      .selectFrom('instance')
      .select(['id', 'accountId', 'nodeId'])
      .where('id', 'in', some)
      .execute(),
  );
}
