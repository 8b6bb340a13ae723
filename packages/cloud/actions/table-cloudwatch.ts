// Owns the list of CloudWatch's implemented actions.

import type { App } from '../app/app.ts';
import type { ActionTable } from './action.ts';
import { createTable } from './create-table.ts';
import { getMetricData } from './get-metric-data.ts';
import { getMetricStatistics } from './get-metric-statistics.ts';
import { listMetrics } from './list-metrics.ts';

const CLOUDWATCH_HANDLERS = {
  GetMetricData: getMetricData,
  GetMetricStatistics: getMetricStatistics,
  ListMetrics: listMetrics,
};

export const CLOUDWATCH_ACTIONS: readonly string[] = Object.keys(CLOUDWATCH_HANDLERS);

export function createCloudwatchActions(app: App): ActionTable {
  return createTable(app, 'CloudWatch', CLOUDWATCH_HANDLERS);
}
