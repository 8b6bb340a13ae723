// Owns the tests of the API endpoint, through the AWS SDK and through raw requests.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  CreateVpcCommand,
  DescribeInstancesCommand,
  EC2Client,
  RebootInstancesCommand,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { ServiceError } from '@ironbark/core/errors.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { type HttpListener, listen } from '@ironbark/platform/http/server.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { createEc2Client, Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import type { Principal } from '@ironbark/protocol/internal/identity-client.ts';
import { presignUrl, signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import type { ActionTable, RequestContext } from '../actions/action.ts';
import { createApiHandler } from './ec2-endpoint.ts';

const REGION = 'ironbark-1';
const KEY = { accessKeyId: 'AKIATESTTESTTEST', secretAccessKey: 'not-so-secret' };
const PRINCIPAL: Principal = {
  accountId: '123456789012',
  arn: 'arn:aws:iam::123456789012:root',
  userId: '123456789012',
  isRoot: true,
};

interface Seen {
  action: string;
  context: RequestContext;
  input: unknown;
}

const seen: Seen[] = [];
const logged: { level: string; message: string; error?: { message: string } }[] = [];

const EC2: Record<string, (context: RequestContext, input: never) => unknown> = {
  DescribeInstances: () => ({
    Reservations: [
      {
        ReservationId: 'r-1',
        Instances: [
          { InstanceId: 'i-1', LaunchTime: new Date(0), State: { Code: 16, Name: 'running' } },
        ],
      },
    ],
  }),
  RunInstances: (context) => {
    if (context.dryRun)
      throw new ServiceError({
        kind: 'dry-run',
        resource: 'request',
        message: 'Request would have succeeded, but DryRun flag is set.',
      });
    return { ReservationId: 'r-2', OwnerId: context.accountId, Instances: [] };
  },
  RebootInstances: () => undefined,
  StopInstances: () => {
    throw new Error('the secret inside', { cause: new Error('deeper') });
  },
  TerminateInstances: () => ({ TerminatingInstances: [{ Nonsense: 1 }] }),
  StartInstances: () => {
    throw new ServiceError({
      kind: 'not-found',
      resource: 'instance',
      message: "The instance ID 'i-2' does not exist",
    });
  },
};

const STS: typeof EC2 = {
  GetCallerIdentity: ({ principal }) => ({
    UserId: principal.userId,
    Account: principal.accountId,
    Arn: principal.arn,
  }),
};

function actionTable(actions: typeof EC2): ActionTable {
  return {
    has: (action) => Object.hasOwn(actions, action),
    names: () => Object.keys(actions),
    call: async (action, context, input) => {
      seen.push({ action, context, input });
      return actions[action]!(context, input as never);
    },
  };
}

let listener: HttpListener;
let endpoint: string;
let sdk: EC2Client;

before(async () => {
  const logger = createLogger({ nowMs: () => 0, write: (line) => logged.push(JSON.parse(line)) });
  const handler = createApiHandler({
    ec2: actionTable(EC2),
    sts: actionTable(STS),
    identity: {
      findAccessKey: async (id) =>
        id === KEY.accessKeyId ? { ...KEY, principal: PRINCIPAL } : undefined,
    },
    region: REGION,
    clock: systemClock,
    random: seededRandom(1),
    logger,
  });
  listener = await listen({ host: '127.0.0.1', port: 0, handler, logger });
  endpoint = `http://127.0.0.1:${listener.port}`;
  sdk = new EC2Client({ endpoint, region: REGION, credentials: KEY, maxAttempts: 1 });
});

after(async () => {
  sdk.destroy();
  await listener[Symbol.asyncDispose]();
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
    endpoint,
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

async function sendSigned(options: {
  body?: string;
  target?: string;
  method?: string;
  contentType?: string;
  sentBody?: string;
}) {
  const {
    body = '',
    target = '/',
    method = 'POST',
    contentType = 'application/x-www-form-urlencoded',
  } = options;
  const url = new URL(target, endpoint);
  const headers = signRequest({
    method,
    url,
    headers: { 'content-type': contentType },
    body,
    service: 'ec2',
    region: REGION,
    ...KEY,
    nowMs: systemClock.nowMs(),
  });
  const sent = options.sentBody ?? body;
  const response = await fetch(url, {
    method,
    headers,
    ...(method === 'GET' ? {} : { body: sent }),
  });
  const text = await response.text();
  return {
    status: response.status,
    text,
    code: /<Code>(.*?)<\/Code>/.exec(text)?.[1],
    headers: response.headers,
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
  const last = seen.at(-1)!;
  assert.deepEqual(last.input, {
    ImageId: 'ami-1',
    MinCount: 1,
    MaxCount: 2,
    ClientToken: 'once',
    TagSpecifications: [{ ResourceType: 'instance', Tags: [{ Key: 'Name', Value: 'a & b' }] }],
  });
  assert.deepEqual(last.context, {
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
  const sts = new STSClient({ endpoint, region: REGION, credentials: KEY, maxAttempts: 1 });
  const { Account, Arn, UserId } = await sts.send(new GetCallerIdentityCommand({}));
  assert.deepEqual(
    { Account, Arn, UserId },
    { Account: PRINCIPAL.accountId, Arn: PRINCIPAL.arn, UserId: PRINCIPAL.userId },
  );
  sts.destroy();
  const bad = new STSClient({
    endpoint,
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
    endpoint,
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
  const before = seen.length;
  const unsigned = await fetch(endpoint, {
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
  const tampered = await sendSigned({
    body: 'Action=DescribeInstances',
    sentBody: 'Action=TerminateInstances&InstanceId.1=i-1',
  });
  assert.deepEqual([tampered.status, tampered.code], [401, 'AuthFailure']);
  assert.equal(seen.length, before);
});

test('GET works signed in the header and signed in the query', async () => {
  const target =
    '/?Action=DescribeInstances&Version=2014-09-01&Filter.1.Name=tag%3Aa&Filter.1.Value.1=b+c';
  const byHeader = await sendSigned({ method: 'GET', target });
  assert.equal(byHeader.status, 200);
  assert.match(byHeader.text, /xmlns="http:\/\/ec2.amazonaws.com\/doc\/2014-09-01\/"/);
  assert.deepEqual(seen.at(-1)!.input, { Filters: [{ Name: 'tag:a', Values: ['b c'] }] });
  const url = presignUrl({
    method: 'GET',
    url: new URL('/?Action=DescribeInstances', endpoint),
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
    const answer = await sendSigned({ body });
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

test('SOAP, JSON, other methods and other paths are refused unread', async () => {
  const before = seen.length;
  const refused = [
    { body: '<Envelope/>', contentType: 'text/xml' },
    { body: '{}', contentType: 'application/json' },
    { body: 'Action=DescribeInstances', method: 'PUT' },
    { body: 'Action=DescribeInstances', target: '/services/Cloud' },
  ];
  for (const options of refused) {
    const answer = await sendSigned(options);
    assert.deepEqual([answer.status, answer.code], [400, 'UnsupportedProtocol']);
  }
  assert.equal(seen.length, before);
});

test('a body over the limit is refused, whether it says its length or not', async () => {
  const body = `Action=DescribeInstances&Padding=${'x'.repeat(1024 * 1024)}`;
  const answer = await sendSigned({ body });
  assert.deepEqual([answer.status, answer.code], [413, 'RequestEntityTooLarge']);
  const url = new URL('/', endpoint);
  const headers = signRequest({
    method: 'POST',
    url,
    headers: {},
    body,
    service: 'ec2',
    region: REGION,
    ...KEY,
    nowMs: systemClock.nowMs(),
  });
  const stream = new Blob([body]).stream();
  const chunked = await fetch(url, {
    method: 'POST',
    headers,
    body: stream,
    duplex: 'half',
  } as RequestInit);
  assert.equal(chunked.status, 413);
  assert.match(await chunked.text(), /RequestEntityTooLarge/);
});

async function sendRaw(contentLength: number, part: string): Promise<Socket> {
  const url = new URL('/', endpoint);
  const identity = { service: 'ec2', region: REGION, ...KEY, nowMs: systemClock.nowMs() };
  const signed = signRequest({ method: 'POST', url, headers: {}, body: '', ...identity });
  const headers = { host: url.host, 'content-length': String(contentLength), ...signed };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(listener.port, listener.host);
  await once(socket, 'connect');
  socket.write(`POST / HTTP/1.1\r\n${lines.join('')}\r\n${part}`);
  return socket;
}

test('a body that says it is far too long is answered before it is sent', async () => {
  const socket = await sendRaw(100 * 1024 * 1024, 'Action=');
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1.1 413 /);
  assert.match(answer, /connection: close/i);
});

test('a client that goes away in the middle is not an error of ours', async () => {
  logged.length = 0;
  const socket = await sendRaw(1000, 'Action=Describe');
  socket.destroy();
  assert.equal((await sendSigned({ body: 'Action=DescribeInstances' })).status, 200);
  assert.deepEqual(
    logged.map((line) => line.message),
    ['api request'],
  );
});

test('a bug is logged once and answered without its inside', async () => {
  for (const action of ['StopInstances', 'TerminateInstances']) {
    logged.length = 0;
    const answer = await sendSigned({ body: `Action=${action}&InstanceId.1=i-1` });
    assert.deepEqual([answer.status, answer.code], [500, 'InternalError']);
    assert.doesNotMatch(answer.text, /secret|deeper|Nonsense|at /);
    assert.equal(logged.filter((line) => line.level === 'error').length, 1);
  }
});
