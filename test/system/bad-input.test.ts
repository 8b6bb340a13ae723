// Bad input gets AWS's own error code with a sentence that helps, and changes nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EC2Client } from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import { CloudUnderTest, eventually } from '../support/cloud-under-test.ts';
import { registerTestImage } from '../support/test-image.ts';

let cloud: CloudUnderTest;
let imageId: string;

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.credentials;
  const options = { endpoint, region, credentials: { accessKeyId, secretAccessKey } };
  imageId = await registerTestImage(
    new EC2Client(options),
    new S3Client({ ...options, forcePathStyle: true }),
  );
});
after(async () => {
  await cloud?.[Symbol.asyncDispose]();
});

interface Attempt {
  body?: string;
  secret?: string;
  keyId?: string;
  skewMs?: number;
  signed?: boolean;
}

const MINUTE_MS = 60_000;

async function post(attempt: Attempt): Promise<{ status: number; code: string; text: string }> {
  const { endpoint, region, accessKeyId, secretAccessKey } = cloud.credentials;
  const body = attempt.body ?? 'Action=DescribeInstances&Version=2016-11-15';
  const headers = { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' };
  const signed = signRequest({
    method: 'POST',
    url: new URL(`${endpoint}/`),
    headers,
    body,
    service: 'ec2',
    region,
    accessKeyId: attempt.keyId ?? accessKeyId,
    secretAccessKey: attempt.secret ?? secretAccessKey,
    nowMs: Date.now() + (attempt.skewMs ?? 0),
  });
  const response = await fetch(endpoint, {
    method: 'POST',
    headers: attempt.signed === false ? headers : signed,
    body,
  });
  const text = await response.text();
  return { status: response.status, code: text.match(/<Code>([^<]*)<\/Code>/)?.[1] ?? '', text };
}

const REQUESTS: readonly { name: string; attempt: Attempt; code: RegExp }[] = [
  {
    name: 'unsigned',
    attempt: { signed: false },
    code: /^(MissingAuthenticationToken|AuthFailure)$/,
  },
  {
    name: 'signed with a wrong secret',
    attempt: { secret: 'wrong' },
    code: /^(SignatureDoesNotMatch|AuthFailure)$/,
  },
  {
    name: 'signed with an unknown key',
    attempt: { keyId: 'AKIAAAAAAAAAAAAAAAAA' },
    code: /^AuthFailure$/,
  },
  { name: 'signed 20 minutes ago', attempt: { skewMs: -20 * MINUTE_MS }, code: /^RequestExpired$/ },
  {
    name: 'signed 20 minutes ahead',
    attempt: { skewMs: 20 * MINUTE_MS },
    code: /^RequestExpired$/,
  },
  {
    name: 'of an unknown action',
    attempt: { body: 'Action=MakeCoffee&Version=2016-11-15' },
    code: /^InvalidAction$/,
  },
  {
    name: 'of an action that is not offered',
    attempt: { body: 'Action=CreateTransitGateway&Version=2016-11-15' },
    code: /^UnsupportedOperation$/,
  },
  { name: 'without an action', attempt: { body: 'Version=2016-11-15' }, code: /^MissingAction$/ },
  {
    name: 'in SOAP',
    attempt: { body: '<soap:Envelope xmlns:soap="x"><soap:Body/></soap:Envelope>' },
    code: /./,
  },
];

for (const { name, attempt, code } of REQUESTS) {
  test(`a request ${name} is refused`, async () => {
    const answer = await post(attempt);
    assert.ok(answer.status >= 400 && answer.status < 500, `${answer.status}: ${answer.text}`);
    assert.match(answer.code, code, answer.text);
  });
}

test('the error of an action that is not offered names the action', async () => {
  const { text } = await post({ body: 'Action=CreateTransitGateway&Version=2016-11-15' });
  assert.match(text, /<Message>[^<]*CreateTransitGateway/);
});

const COMMANDS: readonly { name: string; args: () => string[]; code: string; says: RegExp }[] = [
  {
    name: 'a filter that does not exist',
    args: () => ['describe-instances', '--filters', 'Name=colour,Values=red'],
    code: 'InvalidParameterValue',
    says: /colour/,
  },
  {
    name: 'a malformed id',
    args: () => ['describe-instances', '--instance-ids', 'i-nothex'],
    code: 'InvalidInstanceID.Malformed',
    says: /i-nothex/,
  },
  {
    name: 'an instance that is not there',
    args: () => ['stop-instances', '--instance-ids', 'i-0123456789abcdef0'],
    code: 'InvalidInstanceID.NotFound',
    says: /i-0123456789abcdef0/,
  },
  {
    name: 'an image that is not there',
    args: () => [
      'run-instances',
      '--image-id',
      'ami-0123456789abcdef0',
      '--instance-type',
      't3.micro',
    ],
    code: 'InvalidAMIID.NotFound',
    says: /ami-0123456789abcdef0/,
  },
  {
    name: 'an instance type that is not there',
    args: () => ['run-instances', '--image-id', imageId, '--instance-type', 't9.huge'],
    code: 'InvalidParameterValue',
    says: /t9.huge/,
  },
  {
    name: 'a key pair that is not there',
    args: () => [
      'run-instances',
      '--image-id',
      imageId,
      '--instance-type',
      't3.micro',
      '--key-name',
      'nobody',
    ],
    code: 'InvalidKeyPair.NotFound',
    says: /nobody/,
  },
  {
    name: 'more memory than the host has',
    args: () => [
      'run-instances',
      '--image-id',
      imageId,
      '--instance-type',
      'r5.4xlarge',
      '--count',
      '60',
    ],
    code: 'InsufficientInstanceCapacity',
    says: /memory/i,
  },
  {
    name: 'a volume in a zone that is not there',
    args: () => ['create-volume', '--size', '1', '--availability-zone', 'mars-1a'],
    code: 'InvalidZone.NotFound',
    says: /mars-1a/,
  },
  {
    name: 'a volume larger than the disk',
    args: () => [
      'create-volume',
      '--size',
      '16000',
      '--availability-zone',
      `${cloud.credentials.region}a`,
    ],
    code: 'InsufficientVolumeCapacity',
    says: /GiB|capacity/,
  },
];

for (const { name, args, code, says } of COMMANDS) {
  test(`${name}: ${code}`, async () => {
    const before = await everything();
    const error = await cloud.awsError('ec2', ...args());
    assert.equal(error.code, code, error.text);
    assert.match(error.text, says);
    assert.deepEqual(await everything(), before);
  });
}

test('a volume cannot be attached to a terminated instance', async () => {
  const run = await cloud.aws(
    'ec2',
    'run-instances',
    '--image-id',
    imageId,
    '--instance-type',
    't3.nano',
  );
  const instance = run.Instances[0].InstanceId;
  const { VolumeId } = await cloud.aws(
    'ec2',
    'create-volume',
    '--size',
    '1',
    '--availability-zone',
    `${cloud.credentials.region}a`,
  );
  await cloud.aws('ec2', 'terminate-instances', '--instance-ids', instance);
  const attach = [
    'ec2',
    'attach-volume',
    '--volume-id',
    VolumeId,
    '--instance-id',
    instance,
    '--device',
    '/dev/sdf',
  ];
  await eventually(
    'terminated',
    async () => (await everything()).instances[instance] === 'terminated',
  );
  const error = await cloud.awsError(...attach);
  assert.equal(error.code, 'IncorrectInstanceState', error.text);
  await cloud.awsText('ec2', 'wait', 'volume-available', '--volume-ids', VolumeId);
  await cloud.aws('ec2', 'delete-volume', '--volume-id', VolumeId);
});

/** Instances and volumes with their states: what a refused request must not change. */
async function everything(): Promise<{ instances: Record<string, string>; volumes: string[] }> {
  const [{ Reservations }, { Volumes }] = await Promise.all([
    cloud.aws('ec2', 'describe-instances'),
    cloud.aws('ec2', 'describe-volumes'),
  ]);
  const instances = Reservations.flatMap(
    (reservation: { Instances: unknown[] }) => reservation.Instances,
  ) as {
    InstanceId: string;
    State: { Name: string };
  }[];
  return {
    instances: Object.fromEntries(
      instances.map((instance) => [instance.InstanceId, instance.State.Name]),
    ),
    volumes: Volumes.map((volume: { VolumeId: string }) => volume.VolumeId).sort(),
  };
}
