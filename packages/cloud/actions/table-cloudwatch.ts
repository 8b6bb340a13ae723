// Owns the list of CloudWatch's implemented actions.

import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { createTable } from './create-table.ts';
import { deleteAlarms } from './delete-alarms.ts';
import { describeAlarms } from './describe-alarms.ts';
import { getMetricData } from './get-metric-data.ts';
import { getMetricStatistics } from './get-metric-statistics.ts';
import { listMetrics } from './list-metrics.ts';
import { listTagsForResource } from './list-tags-for-resource.ts';
import { putMetricAlarm } from './put-metric-alarm.ts';
import { putMetricData } from './put-metric-data.ts';
import { tagResource } from './tag-resource.ts';
import { untagResource } from './untag-resource.ts';

const CLOUDWATCH_HANDLERS = {
  DeleteAlarms: deleteAlarms,
  DescribeAlarms: describeAlarms,
  GetMetricData: getMetricData,
  GetMetricStatistics: getMetricStatistics,
  ListMetrics: listMetrics,
  ListTagsForResource: listTagsForResource,
  PutMetricAlarm: putMetricAlarm,
  PutMetricData: putMetricData,
  TagResource: tagResource,
  UntagResource: untagResource,
};

export const CLOUDWATCH_ACTIONS: readonly string[] = Object.keys(CLOUDWATCH_HANDLERS);

export function createCloudwatchActions(app: App): ActionTable {
  return createTable(app, 'cloudwatch', CLOUDWATCH_HANDLERS);
}
