// Owns DescribeAlarms.

import type { MetricAlarm } from '@ironbark/protocol/cloudwatch/types.ts';
import { alarmArn } from '../app/alarm-tags.ts';
import { readDefinition } from '../app/alarms.ts';
import { takePage } from '../app/pages.ts';
import { invalidCombination, refuseParameters } from '../app/refusals.ts';
import type { AlarmRow } from '../store/alarm-schema.ts';
import { listAlarms } from '../store/alarms.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

const MAX_RECORDS = 100;
const DEFAULT_RECORDS = 50;

export const describeAlarms: CloudwatchHandler<'DescribeAlarms'> = async (
  app,
  { accountId, region },
  input,
) => {
  refuseParameters(input, ['ActionPrefix', 'ChildrenOfAlarmName', 'ParentsOfAlarmName']);
  const { AlarmNames, AlarmNamePrefix = '', StateValue, AlarmTypes = ['MetricAlarm'] } = input;
  if (AlarmNames !== undefined && AlarmNamePrefix !== '') {
    throw invalidCombination('AlarmNames and AlarmNamePrefix exclude each other.');
  }
  const rows = (await listAlarms(app.store.query, accountId)).filter(
    ({ name, state }) =>
      AlarmTypes.includes('MetricAlarm') &&
      (AlarmNames === undefined || AlarmNames.includes(name)) &&
      name.startsWith(AlarmNamePrefix) &&
      (StateValue === undefined || StateValue === state),
  );
  const page = { MaxResults: input.MaxRecords ?? DEFAULT_RECORDS, NextToken: input.NextToken };
  const { items, nextToken } = takePage(rows, page, {
    action: 'DescribeAlarms',
    sortKey: ({ name }) => name,
    minResults: 1,
    maxResults: MAX_RECORDS,
    aboveMax: 'refuse',
  });
  return {
    MetricAlarms: items.map((row) => renderAlarm(row, alarmArn(row.name, { accountId, region }))),
    CompositeAlarms: [],
    NextToken: nextToken,
  };
};

function renderAlarm(row: AlarmRow, arn: string): MetricAlarm {
  const definition = readDefinition(row);
  const { description, unit, datapointsToAlarm } = definition;
  const [configuredAt, stateAt] = [new Date(row.configuredAt), new Date(row.stateAt)];
  return {
    ...{ AlarmName: row.name, AlarmArn: arn },
    ...(description === undefined ? {} : { AlarmDescription: description }),
    AlarmConfigurationUpdatedTimestamp: configuredAt,
    ActionsEnabled: definition.actionsEnabled,
    ...{ OKActions: [], AlarmActions: [], InsufficientDataActions: [] },
    ...{ StateValue: row.state, StateReason: row.reason },
    ...{ StateUpdatedTimestamp: stateAt, StateTransitionedTimestamp: stateAt },
    ...{ Namespace: definition.namespace, MetricName: definition.metricName },
    Dimensions: definition.dimensions.map((each) => ({ ...each })),
    ...{ Statistic: definition.statistic, Period: definition.periodSeconds },
    ...(unit === undefined ? {} : { Unit: unit }),
    EvaluationPeriods: definition.evaluationPeriods,
    ...(datapointsToAlarm === undefined ? {} : { DatapointsToAlarm: datapointsToAlarm }),
    ...{ Threshold: definition.threshold, ComparisonOperator: definition.comparison },
    TreatMissingData: definition.treatMissing,
  };
}
