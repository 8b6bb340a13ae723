import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { FlowRecord, FlowWindow } from '@ironbark/protocol/internal/flow-messages.ts';
import {
  DEFAULT_FORMAT,
  parseFormat,
  renderHeader,
  renderKey,
  renderWindow,
} from './flow-log-lines.ts';

const FACTS = { accountId: '123456789012', region: 'us-east-1', zoneId: 'use1-az1' };
const OUT: FlowRecord = {
  ...{ direction: 'egress', action: 'ACCEPT', sourceIp: '10.0.0.9', destinationIp: '192.0.2.1' },
  ...{ protocol: 17, sourcePort: 5_000, destinationPort: 53, packets: 2, bytes: 120 },
};
const WINDOW: FlowWindow = {
  ...{ interfaceId: 'eni-1', instanceId: 'i-1', subnetId: 'subnet-1', vpcId: 'vpc-1' },
  ...{ privateIp: '10.0.0.4', startMs: 60_999, endMs: 120_001, isSkipped: false, flows: [OUT] },
};

test('the default format is the fourteen fields of version 2', () => {
  assert.equal(
    DEFAULT_FORMAT,
    '${version} ${account-id} ${interface-id} ${srcaddr} ${dstaddr} ${srcport} ${dstport} ${protocol} ' +
      '${packets} ${bytes} ${start} ${end} ${action} ${log-status}',
  );
  const lines = renderWindow({ format: DEFAULT_FORMAT, trafficType: 'ALL' }, WINDOW, FACTS);
  assert.deepEqual(lines, [
    '2 123456789012 eni-1 10.0.0.4 192.0.2.1 5000 53 17 2 120 60 120 ACCEPT OK',
  ]);
});

test('a format of its own has its fields in its order, and the newest version of them', () => {
  const format =
    '${pkt-srcaddr} ${srcaddr} ${vpc-id} ${subnet-id} ${instance-id} ${type} ${region} ${az-id} ' +
    '${sublocation-id} ${flow-direction} ${version}';
  assert.equal(renderHeader('${vpc-id} ${version}'), 'vpc-id version');
  assert.deepEqual(renderWindow({ format, trafficType: 'ALL' }, WINDOW, FACTS), [
    '10.0.0.9 10.0.0.4 vpc-1 subnet-1 i-1 IPv4 us-east-1 use1-az1 - egress 5',
  ]);
  for (const bad of ['', 'version', '${version}  ${start}', '${version},${start}']) {
    assert.throws(() => parseFormat(bad), { kind: 'invalid-parameter' }, bad);
  }
  assert.throws(() => parseFormat('${traffic-path}'), /traffic-path/);
});

test('a log of one kind of traffic is silent about the other, and says only of no traffic that there was none', () => {
  const of = (window: FlowWindow, trafficType: 'ALL' | 'REJECT') =>
    renderWindow({ format: '${packets} ${log-status}', trafficType }, window, FACTS);
  assert.deepEqual(of(WINDOW, 'REJECT'), []);
  assert.deepEqual(of({ ...WINDOW, flows: [] }, 'REJECT'), ['- NODATA']);
  assert.deepEqual(of({ ...WINDOW, isSkipped: true }, 'ALL'), ['- SKIPDATA', '2 OK']);
});

test('keys are AWS’s, with folders for Hive and for hours where asked for', () => {
  const log = {
    id: 'fl-1',
    accountId: '123456789012',
    prefix: '',
    isHive: 0,
    isHourly: 0,
  } as const;
  const file = { region: 'us-east-1', endMs: Date.UTC(2026, 0, 2, 3, 5), unique: 'abcd' };
  const name = '123456789012_vpcflowlogs_us-east-1_fl-1_20260102T0305Z_abcd.log.gz';
  assert.equal(
    renderKey(log, file),
    `AWSLogs/123456789012/vpcflowlogs/us-east-1/2026/01/02/${name}`,
  );
  assert.equal(
    renderKey({ ...log, prefix: 'a/b', isHive: 1, isHourly: 1 }, file),
    `a/b/AWSLogs/aws-account-id=123456789012/aws-service=vpcflowlogs/aws-region=us-east-1/year=2026/month=01/day=02/hour=03/${name}`,
  );
});
