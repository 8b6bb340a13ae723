// Bad input gets AWS's own error code with a sentence that helps, and changes nothing.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { EC2Client } from '@aws-sdk/client-ec2';
import { S3Client } from '@aws-sdk/client-s3';
import { type Ec2Client, Ec2Error } from '@ironbark/protocol/ec2/client.ts';
import type { Ec2Input } from '@ironbark/protocol/ec2/types.ts';
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

const NO_INSTANCE = 'i-0123456789abcdef0';
const NO_IMAGE = 'ami-0123456789abcdef0';

interface Refused {
  name: string;
  call: (ec2: Ec2Client) => Promise<unknown>;
  code: string;
  says: RegExp;
}

const run = (ec2: Ec2Client, wish: Partial<Ec2Input<'RunInstances'>>) =>
  ec2.call('RunInstances', {
    ImageId: imageId,
    InstanceType: 't3.micro',
    MinCount: 1,
    MaxCount: 1,
    ...wish,
  });

const REFUSED: readonly Refused[] = [
  {
    name: 'a filter that does not exist',
    call: (ec2) =>
      ec2.call('DescribeInstances', { Filters: [{ Name: 'colour', Values: ['red'] }] }),
    code: 'InvalidParameterValue',
    says: /colour/,
  },
  {
    name: 'a malformed id',
    call: (ec2) => ec2.call('DescribeInstances', { InstanceIds: ['i-nothex'] }),
    code: 'InvalidInstanceID.Malformed',
    says: /i-nothex/,
  },
  {
    name: 'an instance that is not there',
    call: (ec2) => ec2.call('StopInstances', { InstanceIds: [NO_INSTANCE] }),
    code: 'InvalidInstanceID.NotFound',
    says: /i-0123456789abcdef0/,
  },
  {
    name: 'an image that is not there',
    call: (ec2) => run(ec2, { ImageId: NO_IMAGE }),
    code: 'InvalidAMIID.NotFound',
    says: /ami-0123456789abcdef0/,
  },
  {
    name: 'an instance type that is not there',
    call: (ec2) => run(ec2, { InstanceType: 't9.huge' as 't3.micro' }),
    code: 'InvalidParameterValue',
    says: /t9.huge/,
  },
  {
    name: 'a key pair that is not there',
    call: (ec2) => run(ec2, { KeyName: 'nobody' }),
    code: 'InvalidKeyPair.NotFound',
    says: /nobody/,
  },
  {
    name: 'more memory than the host has',
    call: (ec2) => run(ec2, { InstanceType: 'r5.4xlarge', MinCount: 60, MaxCount: 60 }),
    code: 'InsufficientInstanceCapacity',
    says: /memory/i,
  },
  {
    name: 'a volume in a zone that is not there',
    call: (ec2) => ec2.call('CreateVolume', { Size: 1, AvailabilityZone: 'mars-1a' }),
    code: 'InvalidZone.NotFound',
    says: /mars-1a/,
  },
  {
    name: 'a volume larger than the disk',
    call: (ec2) => ec2.call('CreateVolume', { Size: 16_000, AvailabilityZone: zone() }),
    code: 'InsufficientVolumeCapacity',
    says: /GiB|capacity/,
  },
];

for (const { name, call, code, says } of REFUSED) {
  test(`${name}: ${code}`, async () => {
    const before = await everything();
    await assert.rejects(call(cloud.ec2()), (error) => {
      assert.ok(error instanceof Ec2Error, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      return true;
    });
    assert.deepEqual(await everything(), before);
  });
}

test('the AWS CLI tells such an error as AWS’s own', async () => {
  const error = await cloud.awsError('ec2', 'stop-instances', '--instance-ids', NO_INSTANCE);
  assert.equal(error.code, 'InvalidInstanceID.NotFound', error.text);
  assert.ok(error.text.includes(NO_INSTANCE));
});

test('a volume cannot be attached to a terminated instance', async () => {
  const ec2 = cloud.ec2();
  const { Instances } = await run(ec2, { InstanceType: 't3.nano' });
  const InstanceId = Instances![0]!.InstanceId!;
  const made = await ec2.call('CreateVolume', { Size: 1, AvailabilityZone: zone() });
  const VolumeId = made.VolumeId!;
  await ec2.call('TerminateInstances', { InstanceIds: [InstanceId] });
  await eventually(
    'terminated',
    async () => (await everything()).instances[InstanceId] === 'terminated',
  );
  await assert.rejects(
    ec2.call('AttachVolume', { VolumeId, InstanceId, Device: '/dev/sdf' }),
    (error) => error instanceof Ec2Error && error.code === 'IncorrectInstanceState',
  );
  await eventually('the volume', async () => {
    const { Volumes } = await ec2.call('DescribeVolumes', { VolumeIds: [VolumeId] });
    return Volumes![0]!.State === 'available';
  });
  await ec2.call('DeleteVolume', { VolumeId });
});

function zone(): string {
  return `${cloud.credentials.region}a`;
}

/** Instances and volumes with their states: what a refused request must not change. */
async function everything(): Promise<{ instances: Record<string, string>; volumes: string[] }> {
  const [{ Reservations }, { Volumes }] = await Promise.all([
    cloud.ec2().call('DescribeInstances', {}),
    cloud.ec2().call('DescribeVolumes', {}),
  ]);
  const instances = Reservations!.flatMap(({ Instances }) => Instances!);
  return {
    instances: Object.fromEntries(
      instances.map(({ InstanceId, State }) => [InstanceId!, String(State!.Name)]),
    ),
    volumes: Volumes!.map(({ VolumeId }) => VolumeId!).sort(),
  };
}
