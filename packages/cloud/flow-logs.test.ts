// Owns the tests of flow logs through their actions: who may have one of what, what nodes are told, and what comes to buckets.

import assert from 'node:assert/strict';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, InterfaceId, SubnetId, VpcId } from '@ironbark/core/ids.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import type { FlowRecord, FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import { doubleNode } from '@ironbark/protocol/internal/testing/cluster-double.ts';
import { JumpingClock } from '../../test/support/jumping-clock.ts';
import { DEFAULT_FORMAT } from './app/flow-log-lines.ts';
import { DELIVERY_MS } from './reconcilers/flow-log-delivery.ts';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

const BUCKET = 'arn:aws:s3:::logs';
const NOON = Date.UTC(2026, 10, 24, 12, 0);
const MINUTE_MS = 60_000;

type Wish = Parameters<typeof make>[1];

function clockAtNoon(): JumpingClock {
  const clock = new JumpingClock();
  clock.setWall(NOON - clock.nowMs());
  return clock;
}

async function make(t: TestCloud, wish: object, as?: Awaited<ReturnType<TestCloud['addAccount']>>) {
  const input = {
    ...({ ResourceType: 'VPC', TrafficType: 'ALL', LogDestinationType: 's3' } as const),
    ...{ ResourceIds: [], LogDestination: BUCKET, ...wish },
  };
  return as === undefined ? t.call('CreateFlowLogs', input) : t.callAs(as, 'CreateFlowLogs', input);
}

async function makeVpc(t: TestCloud): Promise<VpcId> {
  return (await t.call('CreateVpc', { CidrBlock: '10.1.0.0/16' })).Vpc!.VpcId as VpcId;
}

async function show(t: TestCloud, input: object = {}) {
  return (await t.call('DescribeFlowLogs', input)).FlowLogs!;
}

test('a flow log is made once, shown with what it was made of, told to nodes, and deleted', async () => {
  await using t = await TestCloud.start();
  const vpc = await makeVpc(t);
  const { Subnet } = await t.call('CreateSubnet', { VpcId: vpc, CidrBlock: '10.1.1.0/24' });
  const tags = [{ ResourceType: 'vpc-flow-log' as const, Tags: [{ Key: 'a', Value: 'b' }] }];
  const wish: Wish = { ResourceIds: [vpc], ClientToken: 'once', TagSpecifications: tags };
  const first = await make(t, wish);
  assert.deepEqual(first.Unsuccessful, []);
  assert.deepEqual((await make(t, wish)).FlowLogIds, first.FlowLogIds);
  const [id] = first.FlowLogIds!;
  assert.match(id!, /^fl-[0-9a-f]{17}$/);
  const options = {
    HiveCompatiblePartitions: true,
    PerHourPartition: true,
    FileFormat: 'plain-text' as const,
  };
  const other = await make(t, {
    ...{ ResourceType: 'Subnet', ResourceIds: [Subnet!.SubnetId], TrafficType: 'REJECT' },
    ...{ LogDestination: `${BUCKET}/deep/er/`, LogFormat: '${version} ${vpc-id}' },
    ...{ MaxAggregationInterval: 60, DestinationOptions: options },
  });
  const [log] = await show(t, { FlowLogIds: [id!] });
  const { CreationTime, ...shown } = log!;
  assert.ok(CreationTime instanceof Date);
  assert.deepEqual(shown, {
    ...{ FlowLogId: id, FlowLogStatus: 'ACTIVE', ResourceId: vpc, TrafficType: 'ALL' },
    ...{ LogDestinationType: 's3', LogDestination: BUCKET, LogFormat: DEFAULT_FORMAT },
    MaxAggregationInterval: 600,
    DestinationOptions: { ...options, HiveCompatiblePartitions: false, PerHourPartition: false },
    Tags: [{ Key: 'a', Value: 'b' }],
  });
  const [of] = await show(t, { FlowLogIds: other.FlowLogIds });
  assert.deepEqual(of!.DestinationOptions, options);
  assert.equal(of!.LogDestination, `${BUCKET}/deep/er/`);
  const filters: [string, string, number][] = [
    ['traffic-type', 'REJECT', 1],
    ['resource-id', vpc, 1],
    ['log-destination-type', 's3', 2],
    ['log-group-name', '*', 0],
    ['deliver-log-status', 'SUCCESS', 0],
    ['flow-log-id', id!, 1],
    ['tag:a', 'b', 1],
  ];
  for (const [Name, value, count] of filters) {
    const found = await show(t, { Filter: [{ Name, Values: [value] }] });
    assert.equal(found.length, count, Name);
  }
  const told = () => t.cluster.vpcs.get(vpc)?.intent.logged;
  await t.settle('the zone is told', () => told()?.length === 2);
  assert.deepEqual(told(), [Subnet!.SubnetId, vpc].sort());
  await t.call('DeleteFlowLogs', { FlowLogIds: [id!, ...other.FlowLogIds!] });
  await t.settle('nothing is logged', () => told() === undefined);
  assert.deepEqual(await show(t), []);
  const gone = t.call('DeleteFlowLogs', { FlowLogIds: [id!] });
  await assert.rejects(gone, refused('not-found', 'flow-log', id!));
});

test('what cannot be kept or filled is refused by its name', async () => {
  await using t = await TestCloud.start();
  const vpc = await makeVpc(t);
  const cases: [Wish, string, RegExp][] = [
    [{ LogDestinationType: 'cloud-watch-logs' }, 'unsupported', /cloud-watch-logs/],
    [{ LogDestinationType: undefined }, 'unsupported', /cloud-watch-logs/],
    [{ LogDestinationType: 'kinesis-data-firehose' }, 'unsupported', /kinesis/],
    [{ ResourceType: 'TransitGateway' }, 'unsupported', /TransitGateway/],
    [{ DestinationOptions: { FileFormat: 'parquet' } }, 'unsupported', /parquet/],
    [{ LogFormat: '${version} ${tcp-flags}' }, 'unsupported', /tcp-flags/],
    [{ LogFormat: 'version' }, 'invalid-parameter', /LogFormat/],
    [{ MaxAggregationInterval: 61 }, 'invalid-parameter', /MaxAggregationInterval/],
    [{ LogGroupName: 'a' }, 'invalid-combination', /LogGroupName/],
    [{ LogDestination: undefined }, 'missing-parameter', /LogDestination/],
    [{ LogDestination: 'logs' }, 'invalid-parameter', /LogDestination/],
    [{ LogDestination: `${BUCKET}/AWSLogs/` }, 'invalid-parameter', /AWSLogs/],
    [{ LogDestination: `${BUCKET}/${'é'.repeat(257)}` }, 'invalid-parameter', /LogDestination/],
    [{ TrafficType: undefined }, 'missing-parameter', /TrafficType/],
    [{ ResourceIds: ['vpc-0123456789abcdef0'] }, 'not-found', /vpc-0123456789abcdef0/],
    [{ ResourceIds: [vpc], ResourceType: 'Subnet' }, 'malformed-id', /subnet/],
  ];
  for (const [wish, kind, message] of cases) {
    const asked = make(t, { ResourceIds: [vpc], ...wish });
    await assert.rejects(asked, (error: ServiceError) => {
      assert.equal(error.kind, kind, JSON.stringify(wish));
      return message.test(error.message);
    });
  }
  await assert.rejects(
    t.call('CreateFlowLogs', { ...DRY, ResourceIds: [vpc] }, true),
    refused('dry-run', 'request', 'DryRun'),
  );
  assert.deepEqual(await show(t), []);
});

const DRY = {
  ...({ ResourceType: 'VPC', TrafficType: 'ALL', LogDestinationType: 's3' } as const),
  LogDestination: BUCKET,
};

test('a bucket that is not there or lets nothing in is told of each resource', async () => {
  await using t = await TestCloud.start();
  const vpc = await makeVpc(t);
  for (const [kind, message] of [
    ['not-found', `LogDestination: ${BUCKET} does not exist.`],
    [
      'not-authorized',
      'Access Denied for LogDestination: logs. Please check LogDestination permission',
    ],
  ] as const) {
    t.objects.refuseLogs = () => {
      throw new ServiceError({ kind, resource: 'bucket', message: 'planted' });
    };
    const { FlowLogIds, Unsuccessful } = await make(t, { ResourceIds: [vpc] });
    assert.deepEqual(
      [FlowLogIds, Unsuccessful],
      [[], [{ ResourceId: vpc, Error: { Code: '400', Message: message } }]],
    );
  }
  assert.deepEqual(await show(t), []);
});

test('the same one twice and more than two of a resource are refused, and nobody has one of another', async () => {
  await using t = await TestCloud.start();
  const vpc = await makeVpc(t);
  await make(t, { ResourceIds: [vpc] });
  await assert.rejects(
    make(t, { ResourceIds: [vpc] }),
    refused('duplicate', 'flow-log', 'existing'),
  );
  await make(t, { ResourceIds: [vpc], TrafficType: 'ACCEPT' });
  const third = make(t, { ResourceIds: [vpc], TrafficType: 'REJECT' });
  await assert.rejects(third, refused('limit-exceeded', 'flow-log', vpc));
  const stranger = await t.addAccount('stranger');
  await assert.rejects(make(t, { ResourceIds: [vpc] }, stranger), refused('not-found', 'vpc', vpc));
  assert.deepEqual((await t.callAs(stranger, 'DescribeFlowLogs', {})).FlowLogs, []);
});

interface Guest {
  instanceId: InstanceId;
  interfaceId: InterfaceId;
  subnetId: SubnetId;
  vpcId: VpcId;
  privateIp: string;
}

async function launch(t: TestCloud): Promise<Guest> {
  const [id] = await t.launch(await t.registerImage());
  const instanceId = id as InstanceId;
  await t.settleState(instanceId, 'running');
  const [nic] = (await t.describe(instanceId)).NetworkInterfaces!;
  return {
    ...{ instanceId, interfaceId: nic!.NetworkInterfaceId as InterfaceId },
    ...{ subnetId: nic!.SubnetId as SubnetId, vpcId: nic!.VpcId as VpcId },
    privateIp: nic!.PrivateIpAddress!,
  };
}

const FLOW: FlowRecord = {
  ...{ direction: 'ingress', action: 'ACCEPT', sourceIp: '192.0.2.1', destinationIp: '10.9.9.9' },
  ...{ protocol: 6, sourcePort: 40_000, destinationPort: 22, packets: 3, bytes: 180 },
};

async function read(t: TestCloud): Promise<{ keys: string[]; lines: string[] }> {
  const { objects } = await t.objects.listObjects({ bucket: 'logs' });
  const keys = objects.map(({ key }) => key);
  const texts = keys.map(async (key) => {
    const { body } = await t.objects.getObject({ bucket: 'logs', key });
    return gunzipSync(await buffer(body)).toString();
  });
  return { keys, lines: (await Promise.all(texts)).flatMap((text) => text.trim().split('\n')) };
}

test('what nodes have counted is in the bucket after five minutes, once, and a refusal is shown', async () => {
  const clock = clockAtNoon();
  await using t = await TestCloud.start({ clock });
  const guest = await launch(t);
  const windows: FlowWindow[] = [0, 1, 2].map((minute) => ({
    ...guest,
    startMs: NOON + (minute + 1) * MINUTE_MS,
    endMs: NOON + (minute + 2) * MINUTE_MS,
    isSkipped: minute === 2,
    flows: minute === 0 ? [FLOW, { ...FLOW, action: 'REJECT', packets: 1, bytes: 60 }] : [],
  }));
  // Of somebody else's instance, and of none.
  windows.push({ ...windows[0]!, instanceId: 'i-0123456789abcdef0' });
  t.cluster.readFlowsNow = (_node, after) =>
    after < 7 ? { cursor: 7, windows } : { cursor: after, windows: [] };
  const { FlowLogIds } = await make(t, { ResourceIds: [guest.vpcId], TrafficType: 'REJECT' });
  const passed = async (what: string, isDone: () => Promise<boolean>) => {
    clock.pass(DELIVERY_MS);
    await t.settle(what, isDone);
  };
  await passed('the file is there', async () => (await read(t)).keys.length > 0);
  const { keys, lines } = await read(t);
  const account = t.cloud.accountId;
  const [id] = FlowLogIds!;
  const folder = `AWSLogs/${account}/vpcflowlogs/us-east-1/2026/11/24/`;
  const file = `${account}_vpcflowlogs_us-east-1_${id}_20261124T1205Z_`;
  assert.equal(keys.length, 1);
  assert.ok(keys[0]!.startsWith(folder + file), keys[0]);
  assert.match(keys[0]!, /_[0-9a-f]{8}\.log\.gz$/);
  const start = NOON / 1_000 + 60;
  const head = `2 ${account} ${guest.interfaceId}`;
  assert.deepEqual(lines, [
    DEFAULT_FORMAT.replaceAll(/[${}]/g, ''),
    `${head} 192.0.2.1 ${guest.privateIp} 40000 22 6 1 60 ${start} ${start + 60} REJECT OK`,
    `${head} - - - - - - - ${start + 60} ${start + 120} - NODATA`,
    `${head} - - - - - - - ${start + 120} ${start + 180} - SKIPDATA`,
  ]);
  assert.equal((await show(t))[0]!.DeliverLogsStatus, 'SUCCESS');
  await passed('nothing more comes', async () => (await read(t)).keys.length === 1);

  t.objects.refuseLogs = () => {
    throw new ServiceError({ kind: 'not-authorized', resource: 'bucket', message: 'planted' });
  };
  t.cluster.readFlowsNow = (_node, after) =>
    after < 9 ? { cursor: 9, windows: windows.slice(0, 1) } : { cursor: after, windows: [] };
  const isFailed = async () => (await show(t))[0]!.DeliverLogsStatus === 'FAILED';
  await passed('the refusal is shown', isFailed);
  assert.equal((await show(t))[0]!.DeliverLogsErrorMessage, 'Access error');
});

test('what Walrus cannot keep now is kept later, and what it has kept is not kept twice', async () => {
  const clock = clockAtNoon();
  await using t = await TestCloud.start({ clock });
  const guest = await launch(t);
  const [startMs, endMs] = [NOON + MINUTE_MS, NOON + 2 * MINUTE_MS];
  const windows: FlowWindow[] = [{ ...guest, startMs, endMs, isSkipped: false, flows: [FLOW] }];
  const asked: number[] = [];
  t.cluster.readFlowsNow = (_node, after) => {
    asked.push(after);
    return after < 7 ? { cursor: 7, windows } : { cursor: after, windows: [] };
  };
  await make(t, { ResourceIds: [guest.vpcId] });
  const ofSubnet = { ResourceType: 'Subnet', ResourceIds: [guest.subnetId] };
  await make(t, { ...ofSubnet, LogDestination: 'arn:aws:s3:::other' });
  const tried: string[] = [];
  let isAway = true;
  t.objects.refuseLogs = (bucket) => {
    tried.push(bucket);
    if (bucket === 'other' && isAway) throw new Error('planted');
  };
  clock.pass(DELIVERY_MS);
  const errors = async () => (await show(t)).map((log) => log.DeliverLogsErrorMessage);
  await waitFor(async () => (await errors()).includes('Unknown error'), {
    ...{ clock: systemClock, timeoutMs: 10_000, what: 'the failure is shown' },
  });
  isAway = false;
  clock.pass(MINUTE_MS);
  await t.settle('all is well', async () =>
    (await show(t)).every((log) => log.DeliverLogsStatus === 'SUCCESS'),
  );
  assert.equal((await read(t)).keys.length, 1);
  assert.equal((await t.objects.listObjects({ bucket: 'other' })).objects.length, 1);
  assert.equal(tried.filter((bucket) => bucket === 'logs').length, 1);
  assert.equal(asked.filter((after) => after < 7).length, 1);
});

test('nodes are asked once in five minutes, and all of them though one log can never be delivered', async () => {
  const clock = clockAtNoon();
  await using t = await TestCloud.start({ clock });
  const guest = await launch(t);
  t.cluster.nodes = [...t.cluster.nodes, doubleNode('node-z')];
  await make(t, { ResourceIds: [guest.vpcId] });
  t.objects.refuseLogs = () => {
    throw new ServiceError({ kind: 'limit-exceeded', resource: 'object', message: 'planted' });
  };
  const [startMs, endMs] = [NOON + MINUTE_MS, NOON + 2 * MINUTE_MS];
  const windows: FlowWindow[] = [{ ...guest, startMs, endMs, isSkipped: false, flows: [FLOW] }];
  const asked: string[] = [];
  t.cluster.readFlowsNow = (nodeId, after) => {
    asked.push(nodeId);
    const isNews = nodeId !== 'node-z' && after < 7;
    return isNews ? { cursor: 7, windows } : { cursor: after, windows: [] };
  };
  clock.pass(DELIVERY_MS);
  await t.settle('the last node is asked', async () => asked.includes('node-z'));
  assert.equal((await show(t))[0]!.DeliverLogsStatus, 'FAILED');
  const before = asked.length;
  for (let passed = 0; passed < 4; passed += 1) {
    clock.pass(MINUTE_MS);
    await t.settle('nothing is under way', async () => true);
  }
  assert.equal(asked.length, before);
});
