// Owns the tests of the API endpoint: through the AWS SDK, through our client, and through raw requests.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateVpcCommand,
  DescribeInstancesCommand,
  EC2Client,
  RebootInstancesCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { createEc2Client, Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import { presignUrl } from '@ironbark/protocol/sigv4/sign.ts';
import {
  KEY,
  PRINCIPAL,
  REGION,
  sendSigned,
  startEndpoint,
  type TestEndpoint,
} from '../testing/endpoint-fixture.ts';

let endpoint: TestEndpoint;
let sdk: EC2Client;

before(async () => {
  endpoint = await startEndpoint();
  sdk = new EC2Client({ endpoint: endpoint.url, region: REGION, credentials: KEY, maxAttempts: 1 });
});

after(async () => {
  sdk.destroy();
  await endpoint[Symbol.asyncDispose]();
});

function ownClient(
  overrides: {
    secretAccessKey?: string;
    accessKeyId?: string;
    region?: string;
    offsetMs?: number;
  } = {},
) {
  const { offsetMs = 0, ...keys } = overrides;
  return createEc2Client({
    endpoint: endpoint.url,
    region: REGION,
    ...KEY,
    nowMs: () => systemClock.nowMs() + offsetMs,
    ...keys,
  });
}

function answers(code: string, status: number): (error: unknown) => boolean {
  return (error) => {
    const { name } = error as Error;
    const own = error instanceof Ec2Error;
    const actual = own
      ? [error.code, error.status]
      : [name, (error as { $metadata: { httpStatusCode: number } }).$metadata.httpStatusCode];
    assert.deepEqual(actual, [code, status]);
    return true;
  };
}

test('the SDK runs and describes instances', async () => {
  const run = await sdk.send(
    new RunInstancesCommand({
      ImageId: 'ami-1',
      MinCount: 1,
      MaxCount: 2,
      ClientToken: 'once',
      TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'a & b' }] }],
    }),
  );
  assert.equal(run.OwnerId, PRINCIPAL.accountId);
  assert.deepEqual(run.Instances, []);
  assert.match(
    run.$metadata.requestId!,
    /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  const last = endpoint.seen.at(-1)!;
  assert.deepEqual(last.input, {
    ImageId: 'ami-1',
    MinCount: 1,
    MaxCount: 2,
    ClientToken: 'once',
    TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'a & b' }] }],
  });
  const { request, ...context } = last.context;
  assert.equal(request!.sourceAddress, '127.0.0.1');
  assert.deepEqual(context, {
    requestId: run.$metadata.requestId,
    principal: PRINCIPAL,
    accountId: PRINCIPAL.accountId,
    region: REGION,
    dryRun: false,
  });
  const described = await sdk.send(new DescribeInstancesCommand({ InstanceIds: ['i-1'] }));
  const [instance] = described.Reservations![0]!.Instances!;
  assert.deepEqual(instance!.LaunchTime, new Date(0));
  assert.equal(instance!.State!.Name, 'running');
  await sdk.send(new RebootInstancesCommand({ InstanceIds: ['i-1'] }));
});

test('STS tells a client who it is', async () => {
  const sts = new STSClient({
    endpoint: endpoint.url,
    region: REGION,
    credentials: KEY,
    maxAttempts: 1,
  });
  const { Account, Arn, UserId } = await sts.send(new GetCallerIdentityCommand({}));
  assert.deepEqual(
    { Account, Arn, UserId },
    { Account: PRINCIPAL.accountId, Arn: PRINCIPAL.arn, UserId: PRINCIPAL.userId },
  );
  sts.destroy();
  const bad = new STSClient({
    endpoint: endpoint.url,
    region: REGION,
    credentials: { ...KEY, secretAccessKey: 'x' },
    maxAttempts: 1,
  });
  await assert.rejects(
    bad.send(new GetCallerIdentityCommand({})),
    answers('SignatureDoesNotMatch', 403),
  );
  bad.destroy();
  const stranger = new STSClient({
    endpoint: endpoint.url,
    region: REGION,
    credentials: { ...KEY, accessKeyId: 'AKIANOBODY' },
    maxAttempts: 1,
  });
  await assert.rejects(
    stranger.send(new GetCallerIdentityCommand({})),
    answers('InvalidClientTokenId', 403),
  );
  stranger.destroy();
});

test('our own client does the same, and its error has code, message, request id and status', async () => {
  const client = ownClient();
  const described = await client.call('DescribeInstances', {});
  assert.equal(described.Reservations![0]!.Instances![0]!.InstanceId, 'i-1');
  await assert.rejects(client.call('StartInstances', { InstanceIds: ['i-2'] }), (error) => {
    assert.ok(error instanceof Ec2Error);
    assert.deepEqual(
      [error.code, error.status, error.message],
      ['InvalidInstanceID.NotFound', 400, "The instance ID 'i-2' does not exist"],
    );
    assert.match(error.requestId, /^[0-9a-f-]{36}$/);
    return true;
  });
});

test('who is not who they say they are gets nowhere', async () => {
  const before = endpoint.seen.length;
  const unsigned = await fetch(endpoint.url, {
    method: 'POST',
    body: new URLSearchParams({ Action: 'DescribeInstances' }),
  });
  assert.equal(unsigned.status, 403);
  assert.match(await unsigned.text(), /<Code>MissingAuthenticationToken</);
  const refused: [Parameters<typeof ownClient>[0], string, number][] = [
    [{ secretAccessKey: 'wrong' }, 'AuthFailure', 401],
    [{ accessKeyId: 'AKIANOBODY' }, 'AuthFailure', 401],
    [{ region: 'elsewhere-1' }, 'AuthFailure', 401],
    [{ offsetMs: 16 * 60_000 }, 'RequestExpired', 400],
    [{ offsetMs: -16 * 60_000 }, 'RequestExpired', 400],
  ];
  for (const [overrides, code, status] of refused) {
    await assert.rejects(ownClient(overrides).call('DescribeInstances', {}), answers(code, status));
  }
  const tampered = await sendSigned(endpoint, {
    body: 'Action=DescribeInstances',
    sentBody: 'Action=TerminateInstances&InstanceId.1=i-1',
  });
  assert.deepEqual([tampered.status, tampered.code], [401, 'AuthFailure']);
  assert.equal(endpoint.seen.length, before);
});

test('GET works signed in the header and signed in the query', async () => {
  const target =
    '/?Action=DescribeInstances&Version=2014-09-01&Filter.1.Name=tag%3Aa&Filter.1.Value.1=b+c';
  const byHeader = await sendSigned(endpoint, { method: 'GET', target });
  assert.equal(byHeader.status, 200);
  assert.match(byHeader.text, /xmlns="http:\/\/ec2.amazonaws.com\/doc\/2014-09-01\/"/);
  assert.deepEqual(endpoint.seen.at(-1)!.input, { Filters: [{ Name: 'tag:a', Values: ['b c'] }] });
  const url = presignUrl({
    method: 'GET',
    url: new URL('/?Action=DescribeInstances', endpoint.url),
    expiresSeconds: 60,
    service: 'ec2',
    region: REGION,
    ...KEY,
    nowMs: systemClock.nowMs(),
  });
  assert.equal((await fetch(url)).status, 200);
  url.searchParams.set('Action', 'RebootInstances');
  assert.equal((await fetch(url)).status, 401);
});

test('an unknown action, one that is not offered, and bad parameters have codes of their own', async () => {
  const cases: [string, number, string, RegExp][] = [
    ['Action=MakeCoffee', 400, 'InvalidAction', /MakeCoffee/],
    ['Action=__proto__', 400, 'InvalidAction', /__proto__/],
    ['Action=CreateVpc&CidrBlock=10.0.0.0/16', 400, 'UnsupportedOperation', /CreateVpc/],
    ['', 400, 'MissingAction', /Action/],
    ['Action=RunInstances&MinCount=1', 400, 'MissingParameter', /MaxCount/],
    ['Action=RunInstances&MinCount=one&MaxCount=1', 400, 'InvalidParameterValue', /MinCount/],
    ['Action=RunInstances&MinCount=1&MaxCount=1&Colour=red', 400, 'UnknownParameter', /Colour/],
    ['Action=RunInstances&MinCount=1&MaxCount=1&DryRun=true', 412, 'DryRunOperation', /DryRun/],
    ['Action=DescribeInstances&DryRun=true', 412, 'DryRunOperation', /DryRun/],
    ['Action=DescribeInstances&Bad=%E0%A4%A', 400, 'MalformedQueryString', /percent/],
  ];
  for (const [body, status, code, message] of cases) {
    const answer = await sendSigned(endpoint, { body });
    assert.deepEqual([answer.status, answer.code], [status, code], body);
    assert.match(answer.text, message);
    assert.match(
      answer.text,
      new RegExp(`<RequestID>${answer.headers.get('x-amzn-requestid')}</RequestID>`),
    );
  }
  await assert.rejects(
    sdk.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' })),
    answers('UnsupportedOperation', 400),
  );
});
