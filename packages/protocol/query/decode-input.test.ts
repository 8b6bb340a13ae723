// Owns the tests of reading requests: what is taken, and what each mistake is called.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorKind, isServiceError } from '@ironbark/core/errors.ts';
import { stsModel } from '../sts/model.ts';
import { decodeEc2Request } from '../testing/decode-ec2-request.ts';
import { decodeRequest, readRequestHead } from './request.ts';

function input(...sources: string[]): Record<string, unknown> {
  return decodeEc2Request(...sources).input;
}

test('a request is decoded into the types of the model', () => {
  const cases: [string, Record<string, unknown>][] = [
    ['Action=DescribeInstances', {}],
    ['Action=DescribeInstances&InstanceId.1=i-1', { InstanceIds: ['i-1'] }],
    [
      'Action=DescribeInstances&Filter.1.Name=a+b&Filter.1.Value.1=%2B',
      { Filters: [{ Name: 'a b', Values: ['+'] }] },
    ],
    ['Action=DescribeInstances&MaxResults=5', { MaxResults: 5 }],
    [
      'Action=CreateTags&ResourceId.1=i-1&Tag.1.Key=k&Tag.1.Value=',
      { Resources: ['i-1'], Tags: [{ Key: 'k', Value: '' }] },
    ],
    [
      'Action=CreateVolume&AvailabilityZone=z&Encrypted=true&Size=8',
      { AvailabilityZone: 'z', Encrypted: true, Size: 8 },
    ],
    [
      'Action=RunInstances&MinCount=1&MaxCount=1&InstanceType=ours.large',
      { MinCount: 1, MaxCount: 1, InstanceType: 'ours.large' },
    ],
    [
      'Action=ImportKeyPair&KeyName=k&PublicKeyMaterial=aGk%3D',
      { KeyName: 'k', PublicKeyMaterial: new Uint8Array([104, 105]) },
    ],
    [
      'Action=DescribeSpotPriceHistory&StartTime=2026-01-02T03:04:05Z',
      { StartTime: new Date(Date.UTC(2026, 0, 2, 3, 4, 5)) },
    ],
    [
      'Action=DescribeSpotPriceHistory&StartTime=2026-01-02',
      { StartTime: new Date(Date.UTC(2026, 0, 2)) },
    ],
    [
      'Action=DescribeSpotPriceHistory&StartTime=2026-01-02T03:04:05.250%2B01:00',
      { StartTime: new Date(Date.UTC(2026, 0, 2, 2, 4, 5, 250)) },
    ],
  ];
  for (const [body, expected] of cases) assert.deepEqual(input(body), expected, body);
});

test('lists go by number, whatever the order of the keys, and gaps are closed', () => {
  assert.deepEqual(input('Action=StopInstances&InstanceId.10=c&InstanceId.2=b&InstanceId.1=a'), {
    InstanceIds: ['a', 'b', 'c'],
  });
});

test('one parameter is never taken for another that begins like it', () => {
  const decoded = input(
    'Action=RunInstances&MinCount=1&MaxCount=1&SecurityGroupId.1=sg-1&SecurityGroup.1=web',
  );
  assert.deepEqual(decoded['SecurityGroupIds'], ['sg-1']);
  assert.deepEqual(decoded['SecurityGroups'], ['web']);
});

test('query string and body are one request; the signature in a query is no input', () => {
  assert.deepEqual(input('Action=DescribeInstances&X-Amz-Signature=ab', 'InstanceId.1=i-1'), {
    InstanceIds: ['i-1'],
  });
});

test('action, version and dry run come with it', () => {
  const { action, version, dryRun } = decodeEc2Request(
    'Action=StopInstances&Version=2014-09-01&DryRun=true&InstanceId.1=i',
  );
  assert.deepEqual(
    { action, version, dryRun },
    { action: 'StopInstances', version: '2014-09-01', dryRun: true },
  );
  assert.equal(decodeEc2Request('Action=DescribeVpcs&Version="><x>').version, '2016-11-15');
});

test('every mistake has its kind and names the parameter', () => {
  const cases: [string, ErrorKind, RegExp][] = [
    ['', 'missing-parameter', /Action/],
    ['Action=Nope', 'unknown-action', /Nope/],
    ['Action=constructor', 'unknown-action', /constructor/],
    ['Action=StopInstances', 'invalid-combination', /No instances specified/],
    ['Action=DeleteVolume', 'missing-parameter', /VolumeId/],
    ['Action=StopInstances&InstanceId.1=i&Colour=red', 'unknown-parameter', /Colour/],
    ['Action=StopInstances&InstanceId.one=i', 'unknown-parameter', /InstanceId\.one/],
    ['Action=StopInstances&InstanceId.01=i', 'unknown-parameter', /InstanceId\.01/],
    ['Action=StopInstances&InstanceId=i', 'unknown-parameter', /InstanceId/],
    ['Action=StopInstances&InstanceId.1.Name=i', 'unknown-parameter', /InstanceId\.1\.Name/],
    ['Action=StopInstances&InstanceId.1=i&__proto__.x=1', 'unknown-parameter', /__proto__/],
    ['Action=StopInstances&InstanceId.1=i&Force=yes', 'invalid-parameter', /Force.*true or false/],
    ['Action=CreateVolume&AvailabilityZone=z&Size=8.5', 'invalid-parameter', /Size/],
    ['Action=CreateVolume&AvailabilityZone=z&Size=', 'invalid-parameter', /Size/],
    ['Action=CreateVolume&AvailabilityZone=z&Size=9999999999999999', 'invalid-parameter', /large/],
    [
      'Action=CreateVolume&AvailabilityZone=z&VolumeType=gp9',
      'invalid-parameter',
      /VolumeType.*gp3/,
    ],
    ['Action=DescribeSpotPriceHistory&StartTime=yesterday', 'invalid-parameter', /StartTime/],
    ['Action=DescribeSpotPriceHistory&StartTime=2026-13-45', 'invalid-parameter', /StartTime/],
    ['Action=ImportKeyPair&KeyName=k&PublicKeyMaterial=%21', 'invalid-parameter', /base64/],
    [
      'Action=CreateFlowLogs&ResourceId.1=v&ResourceType=VPC&TagSpecification.1.Tag.1.Kee=x',
      'unknown-parameter',
      /TagSpecification\.1\.Tag\.1\.Kee/,
    ],
    ['Action=DescribeVpcs&Action=DescribeVpcs', 'malformed-input', /twice/],
    ['Action=DescribeVpcs&a=%zz', 'malformed-input', /percent/],
    [`Action=DescribeVpcs&${'a.'.repeat(30)}=1`, 'malformed-input', /deep/],
    [`Action=DescribeVpcs${'&a=1'.repeat(5000)}`, 'malformed-input', /4096/],
  ];
  for (const [body, kind, message] of cases) {
    assert.throws(
      () => decodeEc2Request(body),
      (error) =>
        isServiceError(error, kind) && message.test(error.message) && error.message.length < 2000,
      body.slice(0, 100),
    );
  }
});

test('the query protocol counts its lists under `member`', () => {
  const decode = (body: string) =>
    decodeRequest(stsModel(), readRequestHead(stsModel(), body)).input;
  const start = 'Action=AssumeRole&RoleArn=r&RoleSessionName=s';
  assert.deepEqual(decode(`${start}&Tags.member.1.Key=a&Tags.member.1.Value=b&PolicyArns=`), {
    RoleArn: 'r',
    RoleSessionName: 's',
    Tags: [{ Key: 'a', Value: 'b' }],
    PolicyArns: [],
  });
  assert.throws(
    () => decode(`${start}&Tags.1.Key=a`),
    (error) => isServiceError(error, 'unknown-parameter'),
  );
});
