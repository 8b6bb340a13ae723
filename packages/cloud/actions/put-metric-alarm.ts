// Owns PutMetricAlarm: an alarm on one metric. It has a state, which DescribeAlarms shows; nobody is sent anything.

import type { ServiceError } from '@ironbark/core/errors.ts';
import type { CloudwatchInput, Statistic } from '@ironbark/protocol/cloudwatch/types.ts';
import { type AlarmRule, COMPARISONS, type TreatMissing } from '../app/alarm-state.ts';
import { renderAlarmTags } from '../app/alarm-tags.ts';
import { type AlarmDefinition, MOST_ALARMS } from '../app/alarms.ts';
import { missingParameter, notOffered, refuse, refuseParameters } from '../app/refusals.ts';
import { parseTags } from '../app/tags.ts';
import { findAlarm, insertAlarm, listAlarms, updateAlarm } from '../store/alarms.ts';
import type { CloudwatchHandler } from './cloudwatch-handler.ts';

type Input = CloudwatchInput<'PutMetricAlarm'>;

const NOT_OFFERED = [
  ...['Metrics', 'ThresholdMetricId', 'ExtendedStatistic', 'EvaluateLowSampleCountPercentile'],
  ...['EvaluationCriteria', 'EvaluationInterval'],
];
const NOBODY_IS_TOLD = ['OKActions', 'AlarmActions', 'InsufficientDataActions'];
const TREATMENTS: readonly TreatMissing[] = ['missing', 'ignore', 'breaching', 'notBreaching'];
const MINUTE_SECONDS = 60;
/** "EvaluationPeriods times Period can't be more than one day", or seven with periods of an hour: API reference. */
const DAY_SECONDS = 86_400;
const HOUR_SECONDS = 3_600;
const LONG_DAYS = 7;
const MAX_NAME = 255;
const MAX_DESCRIPTION = 1_024;
const MAX_DIMENSIONS = 30;
const UNCHECKED = 'Unchecked: Initial alarm creation';

export const putMetricAlarm: CloudwatchHandler<'PutMetricAlarm'> = async (
  app,
  { accountId },
  input,
) => {
  refuseParameters(input, NOT_OFFERED);
  refuseParameters(input, NOBODY_IS_TOLD, 'Alarms have a state, which DescribeAlarms shows.');
  const name = checkLength(input.AlarmName, 'AlarmName', MAX_NAME);
  const definition = JSON.stringify(readDefinition(input));
  const tags = renderAlarmTags(parseTags(input.Tags));
  const nowMs = app.clock.nowMs();
  await app.store.transaction(async (tx) => {
    const found = await findAlarm(tx, accountId, name);
    if (found !== undefined) {
      // "When you update an existing alarm, its state is left unchanged", and its tags are: API reference.
      return await updateAlarm(tx, found, { definition, configuredAt: nowMs });
    }
    if ((await listAlarms(tx, accountId)).length >= MOST_ALARMS) {
      throw refuse('limit-exceeded', 'request', `An account has at most ${MOST_ALARMS} alarms.`);
    }
    const state = 'INSUFFICIENT_DATA' as const;
    const times = { configuredAt: nowMs, stateAt: nowMs };
    await insertAlarm(tx, {
      accountId,
      name,
      definition,
      state,
      reason: UNCHECKED,
      tags,
      ...times,
    });
  });
  return {};
};

function readDefinition(input: Input): AlarmDefinition {
  const { Namespace, MetricName, Statistic: statistic, AlarmDescription, Unit } = input;
  if (Namespace === undefined) throw missingParameter('Namespace');
  if (MetricName === undefined) throw missingParameter('MetricName');
  if (statistic === undefined) throw missingParameter('Statistic');
  return {
    namespace: checkLength(Namespace, 'Namespace', MAX_NAME),
    metricName: checkLength(MetricName, 'MetricName', MAX_NAME),
    dimensions: readDimensions(input),
    statistic: statistic as Statistic,
    ...(Unit === undefined ? {} : { unit: Unit }),
    ...(AlarmDescription === undefined
      ? {}
      : { description: checkLength(AlarmDescription, 'AlarmDescription', MAX_DESCRIPTION) }),
    actionsEnabled: input.ActionsEnabled ?? true,
    ...readRule(input),
  };
}

function readDimensions({ Dimensions = [] }: Input): AlarmDefinition['dimensions'] {
  if (Dimensions.length > MAX_DIMENSIONS) {
    throw bad(`The parameter Dimensions takes up to ${MAX_DIMENSIONS} dimensions.`);
  }
  return Dimensions.map(({ Name = '', Value = '' }) => ({ Name, Value }));
}

function readRule(input: Input): AlarmRule & Pick<AlarmDefinition, 'periodSeconds'> {
  const { ComparisonOperator, Threshold, EvaluationPeriods, Period = 0 } = input;
  const comparison = Object.keys(COMPARISONS).find((each) => each === ComparisonOperator);
  if (comparison === undefined) {
    throw notOffered(`The ComparisonOperator ${ComparisonOperator}, of anomaly detection,`);
  }
  if (Threshold === undefined) throw missingParameter('Threshold');
  if (EvaluationPeriods === undefined) throw missingParameter('EvaluationPeriods');
  const { DatapointsToAlarm: wanted } = input;
  if (wanted !== undefined && (wanted < 1 || wanted > EvaluationPeriods)) {
    throw bad('The parameter DatapointsToAlarm must be from 1 to EvaluationPeriods.');
  }
  if (!Number.isFinite(Threshold)) throw bad('The parameter Threshold must be a number.');
  checkPeriods(EvaluationPeriods, Period);
  return {
    comparison: comparison as AlarmRule['comparison'],
    ...{ threshold: Threshold, evaluationPeriods: EvaluationPeriods },
    ...(wanted === undefined ? {} : { datapointsToAlarm: wanted }),
    treatMissing: readTreatment(input),
    periodSeconds: Period,
  };
}

function checkPeriods(periods: number, seconds: number): void {
  if (seconds < MINUTE_SECONDS || seconds % MINUTE_SECONDS !== 0) {
    throw bad(`The parameter Period must be a multiple of ${MINUTE_SECONDS}.`);
  }
  const most = seconds >= HOUR_SECONDS ? LONG_DAYS * DAY_SECONDS : DAY_SECONDS;
  if (periods * seconds > most) {
    throw bad('EvaluationPeriods times Period is at most a day, with periods of an hour seven.');
  }
}

function readTreatment({ TreatMissingData = 'missing' }: Input): TreatMissing {
  const found = TREATMENTS.find((each) => each === TreatMissingData);
  if (found !== undefined) return found;
  throw bad(`The parameter TreatMissingData must be one of ${TREATMENTS.join(', ')}.`);
}

function checkLength(text: string, name: string, most: number): string {
  if (text.length >= 1 && text.length <= most) return text;
  throw bad(`The parameter ${name} must have 1 to ${most} characters.`);
}

function bad(message: string): ServiceError {
  return refuse('invalid-parameter', 'request', message);
}
