// Owns the tests of what is asked of an instance and is about its interfaces, of which it has several.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EC2_ERRORS } from '@ironbark/protocol/ec2/errors.ts';
import { chooseWireError } from '@ironbark/protocol/query/wire-errors.ts';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

/** An instance with three. */
async function launchThree(t: TestCloud): Promise<string> {
  const { SubnetId } = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  const NetworkInterfaces = [0, 1, 2].map((DeviceIndex) => ({
    ...{ DeviceIndex, SubnetId, Description: `number ${DeviceIndex}` },
    DeleteOnTermination: DeviceIndex !== 1,
  }));
  const wish = { InstanceType: 'm5.large' as const, NetworkInterfaces };
  const [id] = await t.launch(await t.registerImage(), wish);
  await t.settleState(id!, 'running');
  return id!;
}

test('what is for one interface is refused of an instance with several', async () => {
  await using t = await TestCloud.start();
  const InstanceId = await launchThree(t);
  const { AllocationId } = await t.call('AllocateAddress', {});
  const { SecurityGroups } = await t.call('DescribeSecurityGroups', {});
  const modify = (more: object) => t.call('ModifyInstanceAttribute', { InstanceId, ...more });
  for (const call of [
    () => t.call('AssociateAddress', { AllocationId: AllocationId!, InstanceId }),
    () => modify({ SourceDestCheck: { Value: false } }),
    () => t.call('ResetInstanceAttribute', { InstanceId, Attribute: 'sourceDestCheck' }),
    () => t.call('DescribeInstanceAttribute', { InstanceId, Attribute: 'sourceDestCheck' }),
    () => t.call('DescribeInstanceAttribute', { InstanceId, Attribute: 'groupSet' }),
    () => modify({ Groups: [SecurityGroups![0]!.GroupId!] }),
  ]) {
    await assert.rejects(call(), (error: Error) => {
      assert.match(error.message, /^There are multiple interfaces attached to instance 'i-\w+'\./);
      return chooseWireError(EC2_ERRORS, error).code === 'InvalidInstanceID';
    });
  }
});

test('a type that can have fewer interfaces is refused', async () => {
  await using t = await TestCloud.start();
  const InstanceId = await launchThree(t);
  await t.call('StopInstances', { InstanceIds: [InstanceId] });
  await t.settleState(InstanceId, 'stopped');
  const change = (Value: string) =>
    t.call('ModifyInstanceAttribute', { InstanceId, InstanceType: { Value } });
  const tooMany = 'Interface count 3 exceeds the limit for t2.micro';
  await assert.rejects(change('t2.micro'), refused('limit-exceeded', 'attachment', tooMany));
  await change('m5.xlarge');
  assert.equal((await t.describe(InstanceId)).InstanceType, 'm5.xlarge');
});

test('a template of an instance has all of its interfaces as they are', async () => {
  await using t = await TestCloud.start();
  const InstanceId = await launchThree(t);
  const { LaunchTemplateData } = await t.call('GetLaunchTemplateData', { InstanceId });
  const shown = LaunchTemplateData!.NetworkInterfaces!;
  assert.deepEqual(
    shown.map((one) => [one.DeviceIndex, one.DeleteOnTermination, one.Description]),
    [
      [0, true, 'number 0'],
      [1, false, 'number 1'],
      [2, true, 'number 2'],
    ],
  );
  assert.ok(shown.every((one) => one.SubnetId !== undefined && one.Groups!.length === 1));
});

test('the check of source and destination of an instance is turned off and reset, in anybody’s spelling', async () => {
  await using t = await TestCloud.start();
  const [InstanceId] = (await t.launch(await t.registerImage())) as [string];
  const Attribute = 'sourceDestCheck';
  const modify = (more: object) => t.call('ModifyInstanceAttribute', { InstanceId, ...more });
  const isChecked = async () =>
    (await t.call('DescribeInstanceAttribute', { InstanceId, Attribute })).SourceDestCheck!.Value;
  await modify({ Attribute, Value: 'False' });
  assert.equal(await isChecked(), false);
  await t.call('ResetInstanceAttribute', { InstanceId, Attribute });
  assert.equal(await isChecked(), true);
  await assert.rejects(modify({ Attribute, Value: 'no' }), refused('invalid-parameter', 'request'));
  await assert.rejects(modify({ Attribute }), refused('missing-parameter', 'request'));
  await assert.rejects(modify({}), refused('invalid-combination', 'request'));
  const kernel = t.call('ResetInstanceAttribute', { InstanceId, Attribute: 'kernel' });
  await assert.rejects(kernel, refused('unsupported', 'action'));
});

test('an interface that exists is not said to go with an instance at its launch', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const { SubnetId } = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  const { NetworkInterface } = await t.call('CreateNetworkInterface', { SubnetId: SubnetId! });
  const { NetworkInterfaceId } = NetworkInterface!;
  const of = (DeleteOnTermination: boolean) => ({
    NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId, DeleteOnTermination }],
  });
  await assert.rejects(t.launch(image, of(true)), refused('invalid-combination', 'request'));
  await t.launch(image, of(false));
});

test('an attribute that is named without a value is the one that is given, or refused', async () => {
  await using t = await TestCloud.start();
  const [InstanceId] = await t.launch(await t.registerImage());
  await t.settleState(InstanceId!, 'running');
  const { SecurityGroups } = await t.call('DescribeSecurityGroups', {});
  const modify = (more: object) =>
    t.call('ModifyInstanceAttribute', { InstanceId: InstanceId!, ...more });
  const check = { SourceDestCheck: { Value: false } };
  const other = modify({ Attribute: 'disableApiStop', ...check });
  await assert.rejects(other, refused('invalid-combination', 'request', 'multiple attribute'));
  await modify({ Attribute: 'sourceDestCheck', ...check });
  await modify({ Attribute: 'groupSet', Groups: [SecurityGroups![0]!.GroupId!] });
  assert.equal((await t.describe(InstanceId!)).SourceDestCheck, false);
});
