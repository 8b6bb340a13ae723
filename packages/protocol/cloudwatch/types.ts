// Owns the types of CloudWatch's inputs and outputs. They are the SDK's own; nothing of the SDK is loaded.

import type * as sdk from '@aws-sdk/client-cloudwatch';

interface Operations {
  GetMetricData: [sdk.GetMetricDataInput, sdk.GetMetricDataOutput];
  GetMetricStatistics: [sdk.GetMetricStatisticsInput, sdk.GetMetricStatisticsOutput];
  ListMetrics: [sdk.ListMetricsInput, sdk.ListMetricsOutput];
}

/** The operations that this cloud offers. */
export type CloudwatchAction = keyof Operations;

/** Undefined is the SDK's way to force a choice; the decoder has made sure of required members. */
type Given<Input> = {
  [Name in keyof Input]: object extends Pick<Input, Name> ? Input[Name] : NonNullable<Input[Name]>;
};

export type CloudwatchInput<Action extends CloudwatchAction> = Given<Operations[Action][0]>;
export type CloudwatchOutput<Action extends CloudwatchAction> = Operations[Action][1];
export type Unit = sdk.StandardUnit;
export type Statistic = sdk.Statistic;
export type MetricDataQuery = sdk.MetricDataQuery;
