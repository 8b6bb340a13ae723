// CloudWatch's API by AWS's own clients, in each of the protocols that they speak: what volumes did, minute by minute.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type GetMetricDataCommandInput,
  GetMetricStatisticsCommand,
  type GetMetricStatisticsCommandInput,
  ListDashboardsCommand,
  ListMetricsCommand,
  paginateGetMetricData,
  paginateListMetrics,
} from '@aws-sdk/client-cloudwatch';
import { AwsQueryProtocol, AwsSmithyRpcV2CborProtocol } from '@aws-sdk/core/protocols';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { type AttachedVolume, type Key, MetricLab, REGION } from '../support/metric-lab.ts';

const MINUTE_MS = 60_000;
const CLI_TIMEOUT_MS = 60_000;

let lab: MetricLab;
let key: Key;
let stranger: Key;
let user: Key;
let provisioned: AttachedVolume;
let plain: AttachedVolume;
/** The first minute that was measured. */
let first: Date;
const clients: Record<string, CloudWatchClient> = {};

before(async () => {
  lab = await MetricLab.start();
  key = await lab.adminKey();
  stranger = await lab.cloud.cloud.accounts.addAccount({ name: 'stranger' });
  user = await lab.cloud.cloud.accounts.addUser({ account: lab.cloud.cloud.accountId, name: 'u' });
  provisioned = await lab.attachVolume({ VolumeType: 'io2', Iops: 100 });
  plain = await lab.attachVolume({ VolumeType: 'gp3' });
  await measure();
  clients['JSON'] = lab.connect(key);
  clients['CBOR'] = lab.connect(key, { protocol: AwsSmithyRpcV2CborProtocol });
  clients['query'] = lab.connect(key, { protocol: AwsQueryProtocol });
});
after(async () => {
  for (const client of Object.values(clients)) client.destroy();
  await lab?.[Symbol.asyncDispose]();
});

/** Two minutes of work, one that nobody saw, and one of rest. */
async function measure(): Promise<void> {
  first = await lab.nextMinute();
  lab.work(provisioned, { reads: 600, writes: 1_200, bytes: 4_096 });
  lab.work(plain, { reads: 10, writes: 0, bytes: 512 });
  await lab.nextMinute();
  lab.work(provisioned, { reads: 300, writes: 0, bytes: 1024 * 1024 });
  await lab.nextMinute();
  lab.isAway = true;
  await lab.nextMinute();
  lab.isAway = false;
  await lab.nextMinute();
  await lab.nextMinute();
}

function at(minute: number): Date {
  return new Date(first.getTime() + minute * MINUTE_MS);
}

function ask(changes: Partial<GetMetricStatisticsCommandInput> = {}) {
  return new GetMetricStatisticsCommand({
    Namespace: 'AWS/EBS',
    MetricName: 'VolumeReadOps',
    Dimensions: [{ Name: 'VolumeId', Value: provisioned.volumeId }],
    StartTime: at(0),
    EndTime: at(5),
    Period: 60,
    Statistics: ['Sum', 'SampleCount'],
    ...changes,
  });
}

function query(Id: string, MetricName: string, Stat: string, Period = 60) {
  const Dimensions = [{ Name: 'VolumeId', Value: provisioned.volumeId }];
  return {
    Id,
    MetricStat: { Metric: { Namespace: 'AWS/EBS', MetricName, Dimensions }, Period, Stat },
  };
}

function askData(changes: Partial<GetMetricDataCommandInput>): GetMetricDataCommandInput {
  return { StartTime: at(0), EndTime: at(5), MetricDataQueries: [], ...changes };
}

function eachProtocol(what: string, check: (client: CloudWatchClient) => Promise<void>): void {
  for (const protocol of ['JSON', 'CBOR', 'query']) {
    test(`${protocol}: ${what}`, () => check(clients[protocol]!));
  }
}

eachProtocol('each minute has its point, and what was not measured is a gap', async (client) => {
  const { Label, Datapoints } = await client.send(ask());
  assert.equal(Label, 'VolumeReadOps');
  assert.deepEqual(Datapoints, [
    { Timestamp: at(0), Sum: 600, SampleCount: 1, Unit: 'Count' },
    { Timestamp: at(1), Sum: 300, SampleCount: 1, Unit: 'Count' },
    { Timestamp: at(4), Sum: 0, SampleCount: 1, Unit: 'Count' },
  ]);
});

eachProtocol('statistics of longer periods are those of their minutes', async (client) => {
  const Statistics = ['Sum', 'Average', 'Minimum', 'Maximum', 'SampleCount'] as const;
  const { Datapoints } = await client.send(ask({ Period: 300, Statistics: [...Statistics] }));
  const all = { Sum: 900, Average: 300, Minimum: 0, Maximum: 600, SampleCount: 3 };
  assert.deepEqual(Datapoints, [{ Timestamp: at(0), ...all, Unit: 'Count' }]);
});

eachProtocol('several metrics come at once, newest first or last, in pages', async (client) => {
  const MetricDataQueries = [
    query('reads', 'VolumeReadOps', 'Sum'),
    { ...query('depth', 'VolumeQueueLength', 'Average', 300), Label: 'how deep' },
    { ...query('hidden', 'VolumeIdleTime', 'Sum'), ReturnData: false },
  ];
  const whole = await client.send(new GetMetricDataCommand(askData({ MetricDataQueries })));
  const [reads, depth] = whole.MetricDataResults!;
  assert.deepEqual(reads!.Timestamps, [at(4), at(1), at(0)]);
  assert.deepEqual(reads!.Values, [0, 300, 600]);
  assert.deepEqual([depth!.Label, depth!.StatusCode], ['how deep', 'Complete']);
  assert.ok(Math.abs(depth!.Values![0]! - (0.3 + 0.05) / 3) < 0.001);
  const paged: Record<string, number[]> = {};
  const ordered = askData({ MetricDataQueries, ScanBy: 'TimestampAscending', MaxDatapoints: 2 });
  for await (const page of paginateGetMetricData({ client, pageSize: 2 }, ordered)) {
    for (const { Id, Values } of page.MetricDataResults!)
      paged[Id!] = [...(paged[Id!] ?? []), ...Values!];
  }
  assert.deepEqual(paged['reads'], [600, 300, 0]);
  assert.equal(paged['depth']!.length, 1);
});

eachProtocol('ListMetrics names what each volume has', async (client) => {
  const found: string[] = [];
  for await (const { Metrics } of paginateListMetrics({ client }, {})) {
    found.push(...Metrics!.map((one) => `${one.MetricName} ${one.Dimensions![0]!.Value}`));
  }
  assert.equal(found.length, 14 + 12);
  assert.ok(found.includes(`VolumeConsumedReadWriteOps ${provisioned.volumeId}`));
  assert.ok(!found.includes(`VolumeConsumedReadWriteOps ${plain.volumeId}`));
  const Dimensions = [{ Name: 'VolumeId', Value: plain.volumeId }];
  const wish = { Namespace: 'Ironbark/EBS', Dimensions, RecentlyActive: 'PT3H' as const };
  const { Metrics } = await client.send(new ListMetricsCommand(wish));
  const names = Metrics!.map(({ MetricName }) => MetricName);
  assert.deepEqual(names, ['AverageRequestSectors', 'AverageQueueDepth', 'Utilisation']);
});

eachProtocol('what is wrong has the code that AWS has for it', async (client) => {
  const cases: [Partial<GetMetricStatisticsCommandInput>, string, RegExp][] = [
    [{ Period: 90 }, 'InvalidParameterValue', /multiple of 60/],
    [{ EndTime: at(-1) }, 'InvalidParameterValue', /StartTime must be less/],
    [{ Statistics: undefined }, 'InvalidParameterCombination', /Statistics/],
    [{ StartTime: at(-1_440) }, 'InvalidParameterCombination', /1445 datapoints/],
    [
      { Statistics: undefined, ExtendedStatistics: ['p99'] },
      'InvalidParameterValue',
      /percentiles/,
    ],
  ];
  for (const [changes, code, message] of cases) {
    await assert.rejects(client.send(ask(changes)), fails(code, message));
  }
  const bad = (MetricDataQueries: object[]) =>
    client.send(new GetMetricDataCommand(askData({ MetricDataQueries: MetricDataQueries as [] })));
  const twice = query('a', 'VolumeReadOps', 'Sum');
  const queries: [object[], RegExp][] = [
    [[{ Id: 'e1', Expression: 'SUM(METRICS())' }], /metric math and Metrics Insights/],
    [[twice, twice], /more than once/],
    [[query('a', 'VolumeReadOps', 'p99')], /Stat of the query a/],
    [[{ ...twice, ReturnData: false }], /ReturnData/],
    [[{ Id: 'Upper' }], /lower-case/],
    [[], /1 to 500/],
  ];
  for (const [given, message] of queries) {
    await assert.rejects(bad(given), fails('ValidationError', message));
  }
  const token = new ListMetricsCommand({ NextToken: 'x' });
  await assert.rejects(client.send(token), fails('InvalidNextToken', /ListMetrics/));
  const other = client.send(new ListDashboardsCommand({}));
  await assert.rejects(other, fails('UnsupportedOperation', /ListDashboards exists in AWS/));
});

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

test('another account sees nothing of it, and a user without a policy is refused', async () => {
  for (const protocol of [undefined, AwsSmithyRpcV2CborProtocol, AwsQueryProtocol]) {
    const config = protocol === undefined ? {} : { protocol };
    const other = lab.connect(stranger, config);
    assert.deepEqual((await other.send(ask())).Datapoints ?? [], []);
    assert.deepEqual((await other.send(new ListMetricsCommand({}))).Metrics ?? [], []);
    const denied = lab.connect(user, config);
    await assert.rejects(denied.send(new ListMetricsCommand({})), /cloudwatch:ListMetrics/);
    other.destroy();
    denied.destroy();
  }
});

test('the AWS CLI has them, and its errors', async () => {
  const cli = (...args: string[]) =>
    systemCommands.run('aws', ['cloudwatch', '--output', 'json', ...args], {
      timeoutMs: CLI_TIMEOUT_MS,
      env: {
        PATH: process.env['PATH'] ?? '',
        AWS_ACCESS_KEY_ID: key.accessKeyId,
        AWS_SECRET_ACCESS_KEY: key.secretAccessKey,
        AWS_DEFAULT_REGION: REGION,
        AWS_EC2_METADATA_DISABLED: 'true',
      },
    });
  const where = ['--endpoint-url', lab.endpoint];
  const metric = ['--namespace', 'AWS/EBS', '--metric-name', 'VolumeWriteOps', '--period', '300'];
  const volume = ['--dimensions', `Name=VolumeId,Value=${provisioned.volumeId}`];
  const span = ['--start-time', at(0).toISOString(), '--end-time', at(5).toISOString()];
  const asked = [...where, ...metric, ...volume, ...span, '--statistics', 'Sum'];
  const { stdout } = await cli('get-metric-statistics', ...asked);
  const { Datapoints } = JSON.parse(stdout);
  assert.deepEqual([Datapoints.length, Datapoints[0].Sum, Datapoints[0].Unit], [1, 1_200, 'Count']);
  const listed = JSON.parse((await cli('list-metrics', ...where)).stdout);
  assert.equal(listed.Metrics.length, 14 + 12);
  const queries = JSON.stringify([query('w', 'VolumeWriteBytes', 'Sum', 300)]);
  const data = await cli('get-metric-data', ...where, ...span, '--metric-data-queries', queries);
  assert.deepEqual(JSON.parse(data.stdout).MetricDataResults[0].Values, [1_200 * 4_096]);
  const wrong = cli('get-metric-statistics', ...asked, '--period', '61');
  await assert.rejects(wrong, /InvalidParameterValue.*multiple of 60/s);
});

test('what an instance’s cards moved is there by AWS’s names, beside its efficiency, and for its account only', async () => {
  const { instanceId } = provisioned;
  const moved = { inBytes: 0, outBytes: 0, inPackets: 0, outPackets: 0 };
  lab.cloud.cluster.readNetworkNow = () => {
    const readAtMs = lab.clock.monotonicMs();
    const path = { inBitsPerSecond: 1e9, outBitsPerSecond: 1e9 };
    const ids = { interfaceId: 'eni-00000000000000001', instanceId, countedSince: 'a' } as const;
    const guest = { pid: 1, profile: PARAVIRTUAL };
    return [{ ...ids, ...guest, readAtMs, path, counters: { ...moved } }];
  };
  const from = await lab.nextMinute();
  Object.assign(moved, { inBytes: 75e7, inPackets: 500_000, outBytes: 75e6, outPackets: 50_000 });
  const to = await lab.nextMinute();
  const Dimensions = [{ Name: 'InstanceId', Value: instanceId }];
  const client = clients['JSON']!;
  const listed = await client.send(new ListMetricsCommand({ Dimensions }));
  assert.deepEqual(
    listed.Metrics?.map(({ Namespace, MetricName }) => `${Namespace} ${MetricName}`),
    [
      ...['AWS/EC2 NetworkIn', 'AWS/EC2 NetworkOut', 'AWS/EC2 NetworkPacketsIn'],
      ...['AWS/EC2 NetworkPacketsOut', 'Ironbark/EC2 NetworkEfficiency'],
    ],
  );
  const all: string[] = [];
  for await (const page of paginateListMetrics({ client }, {})) {
    all.push(...(page.Metrics ?? []).map(({ MetricName }) => MetricName!));
  }
  assert.equal(all.length, 14 + 12 + 5);
  const sumOf = async (Namespace: string, MetricName: string, asker = client) => {
    const what = { Namespace, MetricName, Dimensions, StartTime: from, EndTime: to };
    const asked = { ...what, Period: 60, Statistics: ['Sum' as const] };
    const { Datapoints } = await asker.send(new GetMetricStatisticsCommand(asked));
    return Datapoints?.map(({ Sum }) => Sum);
  };
  assert.deepEqual(await sumOf('AWS/EC2', 'NetworkIn'), [75e7]);
  const [efficiency] = (await sumOf('Ironbark/EC2', 'NetworkEfficiency'))!;
  // 100 Mb/s for a minute that is one to a few milliseconds.
  assert.ok(Math.abs(efficiency! - 10) < 0.5, `${efficiency}`);
  const other = lab.connect(stranger);
  assert.deepEqual((await sumOf('AWS/EC2', 'NetworkIn', other)) ?? [], []);
  assert.deepEqual((await other.send(new ListMetricsCommand({ Dimensions }))).Metrics ?? [], []);
  other.destroy();
  const denied = lab.connect(user);
  await assert.rejects(sumOf('AWS/EC2', 'NetworkIn', denied), /cloudwatch:GetMetricStatistics/);
  denied.destroy();
  lab.cloud.cluster.readNetworkNow = undefined;
});

test('points outlive a restart, whose minutes are a gap, and are forgotten after 14 days', async () => {
  await lab.cloud.restart();
  const before = await clients['JSON']!.send(ask());
  assert.equal(before.Datapoints!.length, 3);
  await lab.nextMinute();
  lab.work(provisioned, { reads: 7, writes: 0, bytes: 512 });
  const next = await lab.nextMinute();
  const span = { StartTime: at(5), EndTime: new Date(next.getTime() + MINUTE_MS) };
  const { Datapoints } = await clients['JSON']!.send(ask({ ...span, Period: 3_600 }));
  assert.deepEqual([Datapoints!.length, Datapoints![0]!.Sum], [1, 7]);
  lab.clock.pass(14 * 24 * 60 * MINUTE_MS);
  await lab.nextMinute();
  assert.deepEqual((await clients['JSON']!.send(ask())).Datapoints, []);
});
