// Owns the rows of the authorization matrix for CloudWatch: every operation that is offered.

import { CLOUDWATCH_ACTIONS } from '@ironbark/cloud/actions/table-cloudwatch.ts';
import { cloudwatchModel } from '@ironbark/protocol/cloudwatch/model.ts';
import type { CloudwatchAction, CloudwatchInput } from '@ironbark/protocol/cloudwatch/types.ts';
import { encodeInput } from '@ironbark/protocol/query/encode-input.ts';
import type { AccountResources } from './account-resources.ts';
import {
  answers,
  findTrace,
  type MatrixCase,
  type MatrixWorld,
  unsigned,
  wrongSecret,
} from './matrix-case.ts';
import { type Answer, type Caller, FORM, send } from './signed-call.ts';

type Rows = { [Action in CloudwatchAction]: (own: AccountResources) => CloudwatchInput<Action> };

const SPAN = { StartTime: new Date(0), EndTime: new Date(3_600_000) };

/** A new operation does not compile until it has a row. */
const ROWS: Rows = {
  DeleteAlarms: () => ({ AlarmNames: [] }),
  DescribeAlarms: () => ({}),
  ListTagsForResource: (own) => ({ ResourceARN: noAlarmOf(own) }),
  TagResource: (own) => ({ ResourceARN: noAlarmOf(own), Tags: [{ Key: 'a', Value: 'b' }] }),
  UntagResource: (own) => ({ ResourceARN: noAlarmOf(own), TagKeys: ['a'] }),
  PutMetricAlarm: () => ({
    ...{ AlarmName: 'matrix', Namespace: 'Matrix', MetricName: 'Rows', Statistic: 'Sum' },
    ...{
      Period: 1,
      EvaluationPeriods: 1,
      Threshold: 1,
      ComparisonOperator: 'GreaterThanThreshold',
    },
  }),
  ListMetrics: (own) => ({ Dimensions: dimensionsOf(own) }),
  PutMetricData: () => ({ Namespace: 'AWS/EBS', MetricData: [{ MetricName: 'Rows', Value: 1 }] }),
  GetMetricStatistics: (own) => ({
    ...{ Namespace: 'AWS/EBS', MetricName: 'VolumeReadOps', Dimensions: dimensionsOf(own) },
    ...SPAN,
    Period: 60,
    Statistics: ['Sum'],
  }),
  GetMetricData: (own) => {
    const Metric = { Namespace: 'AWS/EBS', MetricName: 'VolumeReadOps' };
    const MetricStat = { Metric: { ...Metric, Dimensions: dimensionsOf(own) } };
    const query = { Id: 'reads', MetricStat: { ...MetricStat, Period: 60, Stat: 'Sum' } };
    return { ...SPAN, MetricDataQueries: [query] };
  },
};

/** There is none: whoever gets as far as to hear it is let in. */
function noAlarmOf({ caller, mark }: AccountResources): string {
  return `arn:aws:cloudwatch:${caller.region}:000000000000:alarm:no-${mark.length}`;
}

function dimensionsOf({ volume }: AccountResources) {
  return [{ Name: 'VolumeId', Value: volume }];
}

/** What there is to see of points is in the system test of CloudWatch; here is who gets in. */
export function metricCases({ owner, other, user }: MatrixWorld): MatrixCase[] {
  return CLOUDWATCH_ACTIONS.flatMap((name) => {
    const action = name as CloudwatchAction;
    const ways: [string, Caller, AccountResources, MatrixCase['check']][] = [
      // Nothing says that an unsigned request is for this service, so EC2 refuses it.
      ['unsigned', unsigned(owner.caller), owner, answers(403, 'MissingAuthenticationToken')],
      ['wrong secret', wrongSecret(owner.caller), owner, answers(403, 'SignatureDoesNotMatch')],
      ['denied user', user, owner, answers(403, 'AccessDenied')],
      ['owner', owner.caller, owner, reaches(action)],
      ['another account', other.caller, owner, seesNothing(action, owner)],
      ['another account, its own', other.caller, other, reaches(action)],
    ];
    return ways.map(([way, caller, whose, check]) => ({
      name: `${action}, ${way}`,
      send: () => call(caller, action, ROWS[action](whose)),
      check,
    }));
  });
}

function call(caller: Caller, action: CloudwatchAction, input: object): Promise<Answer> {
  const { version, findOperation } = cloudwatchModel();
  const shape = findOperation(action)!.input;
  const body = encodeInput(action, version, shape, input, 'member');
  return send(caller, { service: 'monitoring', method: 'POST', target: '/', headers: FORM, body });
}

/** Without a dry run, what would change something is refused for what it says, and not for who says it. */
function reaches(action: CloudwatchAction): MatrixCase['check'] {
  if (action.endsWith('Resource')) return answers(404, 'ResourceNotFound');
  return action.startsWith('Put') ? answers(400, 'InvalidParameterValue') : answers(200, '');
}

function seesNothing(action: CloudwatchAction, owner: AccountResources): MatrixCase['check'] {
  return (answer) => reaches(action)(answer) ?? findTrace(answer, owner);
}
