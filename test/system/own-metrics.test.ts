// Users' own metrics and alarms by AWS's own clients, in each of the protocols that they speak.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type CloudWatchClient,
  DeleteAlarmsCommand,
  DescribeAlarmsCommand,
  GetMetricDataCommand,
  GetMetricStatisticsCommand,
  type GetMetricStatisticsCommandInput,
  ListMetricsCommand,
  ListTagsForResourceCommand,
  PutMetricAlarmCommand,
  type PutMetricAlarmCommandInput,
  PutMetricDataCommand,
  type PutMetricDataCommandInput,
  paginateListMetrics,
  TagResourceCommand,
  UntagResourceCommand,
} from '@aws-sdk/client-cloudwatch';
import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { type Key, MetricLab } from '../support/metric-lab.ts';

const MINUTE_MS = 60_000;

let lab: MetricLab;
let key: Key;
let stranger: Key;
let first: Date;

before(async () => {
  lab = await MetricLab.start();
  key = await lab.adminKey();
  stranger = await lab.cloud.cloud.accounts.addAccount({ name: 'stranger' });
  first = new Date(Math.floor(lab.clock.nowMs() / MINUTE_MS) * MINUTE_MS - 10 * MINUTE_MS);
});
after(() => lab?.[Symbol.asyncDispose]());

function at(minute: number): Date {
  return new Date(first.getTime() + minute * MINUTE_MS);
}

function ask(changes: Partial<GetMetricStatisticsCommandInput>) {
  const span = { StartTime: at(0), EndTime: at(5), Period: 60 };
  const metric = { Namespace: 'App', MetricName: 'Latency' };
  return new GetMetricStatisticsCommand({ ...metric, ...span, ...changes });
}

/** The SDK shows the query protocol's code in all of them. */
function fails(code: string, message: RegExp) {
  return (error: unknown) => {
    const { name, message: text, Error: inner } = error as Error & { Error?: { Code?: string } };
    const found = inner?.Code ?? name;
    assert.equal(found, code, text);
    assert.match(text, message);
    return true;
  };
}

const PROTOCOLS = [
  ['json', {}],
  ['cbor', { protocol: AwsSmithyRpcV2CborProtocol }],
  ['query', { protocol: AwsQueryProtocol }],
] as const;

for (const [protocol, config] of PROTOCOLS) {
  test(`${protocol}: users’ own metrics are put, added up, listed and read`, async () => {
    const client = lab.connect(key, config);
    const Namespace = `App/${protocol}`;
    const Dimensions = [
      { Name: 'Host', Value: 'a' },
      { Name: 'Disk', Value: 'b' },
    ];
    const put = (...MetricData: object[]) =>
      client.send(new PutMetricDataCommand({ Namespace, MetricData: MetricData as [] }));
    const latency = { MetricName: 'Latency', Unit: 'Seconds', Dimensions, Timestamp: at(1) };
    await put({ ...latency, Value: 3 }, { ...latency, Values: [1, 2], Counts: [2, 1] });
    const StatisticValues = { SampleCount: 2, Sum: 12, Minimum: 5, Maximum: 7 };
    await put({ ...latency, Dimensions: Dimensions.toReversed(), StatisticValues });
    await put({ ...latency, Unit: 'Count', Value: 9 });
    const Statistics = ['Sum', 'SampleCount', 'Minimum', 'Maximum'] as const;
    const wish = { Namespace, MetricName: 'Latency', Dimensions, Statistics: [...Statistics] };
    const { Datapoints } = await client.send(ask({ ...wish, Unit: 'Seconds' }));
    const all = { Sum: 19, SampleCount: 6, Minimum: 1, Maximum: 7 };
    assert.deepEqual(Datapoints, [{ Timestamp: at(1), ...all, Unit: 'Seconds' }]);
    assert.equal((await client.send(ask(wish))).Datapoints?.length, 2);
    const Metric = { Namespace, MetricName: 'Latency', Dimensions };
    const MetricStat = { Metric, Period: 300, Stat: 'Maximum' };
    const MetricDataQueries = [{ Id: 'own', MetricStat }];
    const span = { StartTime: at(0), EndTime: at(5) };
    const data = await client.send(new GetMetricDataCommand({ ...span, MetricDataQueries }));
    assert.deepEqual(data.MetricDataResults![0]!.Values, [9]);
    // More than 10 KiB, which some of AWS's clients send as gzip.
    await put(
      ...Array.from({ length: 200 }, (_, index) => ({
        ...{ MetricName: `Many${index}`, Value: index, Timestamp: at(2) },
      })),
    );
    const names: string[] = [];
    for await (const { Metrics } of paginateListMetrics({ client }, { Namespace })) {
      names.push(...Metrics!.map(({ MetricName }) => MetricName!));
    }
    assert.equal(names.length, 201);
    const Filter = { Namespace, Dimensions: [{ Name: 'Disk' }] };
    const { Metrics } = await client.send(new ListMetricsCommand(Filter));
    assert.deepEqual(Metrics, [{ ...Metric, Dimensions: Dimensions.toReversed() }]);
    const other = lab.connect(stranger, config);
    assert.deepEqual((await other.send(ask(wish))).Datapoints ?? [], []);
    other.destroy();
    client.destroy();
  });
}

test('what PutMetricData cannot keep as it is given, it refuses', async () => {
  const client = lab.connect(key);
  const cases: [Partial<PutMetricDataCommandInput>, object, string, RegExp][] = [
    [{ Namespace: 'AWS/EBS' }, { Value: 1 }, 'InvalidParameterValue', /reserved/],
    [{}, { Value: 1, StorageResolution: 1 }, 'InvalidParameterValue', /by the minute/],
    [{}, { Value: 1, Timestamp: at(-15 * 1_440) }, 'InvalidParameterValue', /two weeks/],
    [{}, { Value: Number.NaN }, 'InvalidParameterValue', /number/],
    [{}, { Values: [1, 2], Counts: [1] }, 'InvalidParameterValue', /Counts one for each/],
    [{}, { Value: 1, Values: [1] }, 'InvalidParameterCombination', /exclude each other/],
    [{}, {}, 'MissingParameter', /Value/],
    [{ EntityMetricData: [{}] }, { Value: 1 }, 'UnsupportedOperation', /EntityMetricData/],
  ];
  for (const [request, datum, code, message] of cases) {
    const MetricData = [{ MetricName: 'Bad', ...datum }];
    const put = client.send(new PutMetricDataCommand({ Namespace: 'App', MetricData, ...request }));
    await assert.rejects(put, fails(code, message));
  }
  client.destroy();
});

const ALARM: PutMetricAlarmCommandInput = {
  ...{ AlarmName: 'slow', Namespace: 'App/alarm', MetricName: 'Latency', Statistic: 'Maximum' },
  ...{ Period: 60, EvaluationPeriods: 1, Threshold: 2 },
  ComparisonOperator: 'GreaterThanThreshold',
};

/** Of an alarm of team `disks`. */
async function checkTags(
  client: CloudWatchClient,
  ResourceARN: string,
  stranger: CloudWatchClient,
): Promise<void> {
  const list = () => client.send(new ListTagsForResourceCommand({ ResourceARN }));
  assert.deepEqual((await list()).Tags, [{ Key: 'team', Value: 'disks' }]);
  const Tags = [
    { Key: 'team', Value: 'cards' },
    { Key: 'b', Value: '' },
  ];
  await client.send(new TagResourceCommand({ ResourceARN, Tags }));
  assert.deepEqual((await list()).Tags, Tags);
  await client.send(new UntagResourceCommand({ ResourceARN, TagKeys: ['b', 'absent'] }));
  assert.deepEqual((await list()).Tags, Tags.slice(0, 1));
  const many = Array.from({ length: 50 }, (_, index) => ({ Key: `k${index}`, Value: '' }));
  const tooMany = client.send(new TagResourceCommand({ ResourceARN, Tags: many }));
  await assert.rejects(tooMany, fails('LimitExceeded', /at most 50 tags/));
  const foreign = stranger.send(new TagResourceCommand({ ResourceARN, Tags }));
  await assert.rejects(foreign, fails('ResourceNotFound', /no alarm/));
  stranger.destroy();
}

for (const [protocol, config] of PROTOCOLS) {
  test(`${protocol}: an alarm goes off, comes back, and another account does not see it`, async () => {
    const client = lab.connect(key, config);
    const alarm = { ...ALARM, Namespace: `Alarm/${protocol}`, AlarmName: `slow/${protocol}` };
    const stateOf = async (StateValue: 'ALARM' | 'OK' | 'INSUFFICIENT_DATA') => {
      const wish = { AlarmNames: [alarm.AlarmName!], StateValue };
      return (await client.send(new DescribeAlarmsCommand(wish))).MetricAlarms?.[0];
    };
    const put = (Value: number) =>
      client.send(
        new PutMetricDataCommand({
          Namespace: alarm.Namespace,
          MetricData: [{ MetricName: 'Latency', Value }],
        }),
      );
    const becomes = async (state: 'ALARM' | 'OK', value: number) =>
      await waitFor(
        async () => {
          await put(value);
          lab.clock.pass(MINUTE_MS);
          return await stateOf(state);
        },
        { clock: systemClock, timeoutMs: 60_000, what: `the alarm ${state}` },
      );
    const Tags = [{ Key: 'team', Value: 'disks' }];
    await client.send(new PutMetricAlarmCommand({ ...alarm, Tags }));
    const described = (await stateOf('INSUFFICIENT_DATA'))!;
    assert.deepEqual(
      [described.Threshold, described.TreatMissingData, described.DatapointsToAlarm],
      [2, 'missing', undefined],
    );
    await checkTags(client, described.AlarmArn!, lab.connect(stranger, config));
    assert.match((await becomes('ALARM', 5)).StateReason!, /GreaterThanThreshold 2.*5/);
    await becomes('OK', 1);
    const other = lab.connect(stranger, config);
    const others = await other.send(new DescribeAlarmsCommand({}));
    assert.deepEqual(others.MetricAlarms ?? [], []);
    other.destroy();
    const AlarmNames = [alarm.AlarmName!];
    await client.send(new DeleteAlarmsCommand({ AlarmNames }));
    assert.equal(await stateOf('OK'), undefined);
    const again = client.send(new DeleteAlarmsCommand({ AlarmNames }));
    await assert.rejects(again, fails('ResourceNotFound', /no alarm named/));
    client.destroy();
  });
}

test('an alarm that nobody could keep is refused by the parameter', async () => {
  const client = lab.connect(key);
  const cases: [Partial<PutMetricAlarmCommandInput>, string, RegExp][] = [
    [{ AlarmActions: ['arn:aws:sns:us-east-1:1:t'] }, 'UnsupportedOperation', /AlarmActions/],
    [{ Metrics: [{ Id: 'a' }] }, 'UnsupportedOperation', /Metrics/],
    [{ Period: 10 }, 'InvalidParameterValue', /multiple of 60/],
    [{ EvaluationPeriods: 2_000 }, 'InvalidParameterValue', /at most a day/],
    [{ DatapointsToAlarm: 2 }, 'InvalidParameterValue', /DatapointsToAlarm/],
    [{ TreatMissingData: 'never' }, 'InvalidParameterValue', /TreatMissingData/],
    [{ Threshold: undefined }, 'MissingParameter', /Threshold/],
  ];
  for (const [changes, code, message] of cases) {
    const put = client.send(new PutMetricAlarmCommand({ ...ALARM, ...changes }));
    await assert.rejects(put, fails(code, message));
  }
  client.destroy();
});
