// Owns DescribeFlowLogs.

import type { FlowLog } from '@aws-sdk/client-ec2';
import type { FilterTable } from '../app/filters.ts';
import { FLOW_LOG, matchIds, parseIds } from '../app/resource-ids.ts';
import { type Tag, TagIndex } from '../app/tags.ts';
import type { FlowLogRow } from '../store/flow-log-schema.ts';
import { listFlowLogs } from '../store/flow-logs.ts';
import { listTagsOfType } from '../store/tags.ts';
import type { Ec2Handler } from './handler.ts';
import { tagsOf } from './render-instance.ts';
import { selectPage } from './select-page.ts';

interface FlowLogItem {
  row: FlowLogRow;
  tags: readonly Tag[];
}

const FILTERS: FilterTable<FlowLogItem> = {
  names: {
    'deliver-log-status': ({ row }) => row.deliverStatus ?? undefined,
    'flow-log-id': ({ row }) => row.id,
    'log-destination-type': () => 's3',
    // Of CloudWatch Logs, which nobody has.
    'log-group-name': () => undefined,
    'resource-id': ({ row }) => row.resourceId,
    'traffic-type': ({ row }) => row.trafficType,
  },
  tags: ({ tags }) => tags,
};

export const describeFlowLogs: Ec2Handler<'DescribeFlowLogs'> = async (app, context, input) => {
  const { accountId } = context;
  const ids = parseIds(FLOW_LOG, input.FlowLogIds, 'FlowLogId');
  const rows = await listFlowLogs(app.store.query, accountId);
  const tags = new TagIndex(await listTagsOfType(app.store.query, accountId, 'vpc-flow-log'));
  const named = ids.length === 0 ? rows : matchIds(FLOW_LOG, ids, rows);
  const { items, nextToken } = selectPage(
    named.map((row): FlowLogItem => ({ row, tags: tags.of(row.id) })),
    { ...input, Filters: input.Filter },
    {
      action: 'DescribeFlowLogs',
      idsParameter: 'flowLogIds',
      table: FILTERS,
      sortKey: ({ row }) => row.id,
    },
    ids,
  );
  return { FlowLogs: items.map(renderFlowLog), NextToken: nextToken };
};

function renderFlowLog({ row, tags }: FlowLogItem): FlowLog {
  const { deliverStatus, deliverError } = row;
  return {
    ...{ FlowLogId: row.id, FlowLogStatus: 'ACTIVE', ResourceId: row.resourceId },
    ...{ TrafficType: row.trafficType, CreationTime: new Date(row.createdAt) },
    LogDestinationType: 's3',
    LogDestination: row.destination,
    ...{ LogFormat: row.format, MaxAggregationInterval: row.maxAggregationSeconds },
    DestinationOptions: {
      FileFormat: 'plain-text',
      HiveCompatiblePartitions: row.isHive === 1,
      PerHourPartition: row.isHourly === 1,
    },
    ...(deliverStatus === null ? {} : { DeliverLogsStatus: deliverStatus }),
    ...(deliverError === null ? {} : { DeliverLogsErrorMessage: deliverError }),
    ...tagsOf(tags),
  };
}
