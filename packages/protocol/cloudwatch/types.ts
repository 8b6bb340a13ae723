// Owns the types of CloudWatch's inputs and outputs. They are the SDK's own; nothing of the SDK is loaded.

import type * as sdk from '@aws-sdk/client-cloudwatch';
import type { Given } from '../given.ts';

/** Those that put and delete answer nothing. */
interface Operations {
  DeleteAlarms: [sdk.DeleteAlarmsInput, object];
  DescribeAlarms: [sdk.DescribeAlarmsInput, sdk.DescribeAlarmsOutput];
  GetMetricData: [sdk.GetMetricDataInput, sdk.GetMetricDataOutput];
  GetMetricStatistics: [sdk.GetMetricStatisticsInput, sdk.GetMetricStatisticsOutput];
  ListMetrics: [sdk.ListMetricsInput, sdk.ListMetricsOutput];
  ListTagsForResource: [sdk.ListTagsForResourceInput, sdk.ListTagsForResourceOutput];
  PutMetricAlarm: [sdk.PutMetricAlarmInput, object];
  PutMetricData: [sdk.PutMetricDataInput, object];
  TagResource: [sdk.TagResourceInput, object];
  UntagResource: [sdk.UntagResourceInput, object];
}

/** The operations that this cloud offers. */
export type CloudwatchAction = keyof Operations;

export type CloudwatchInput<Action extends CloudwatchAction> = Given<Operations[Action][0]>;
export type CloudwatchOutput<Action extends CloudwatchAction> = Operations[Action][1];
export type Unit = sdk.StandardUnit;
export type Statistic = sdk.Statistic;
export type MetricDataQuery = sdk.MetricDataQuery;
export type MetricAlarm = sdk.MetricAlarm;
export type MetricDatum = sdk.MetricDatum;
