// Owns the tests that launches and NAT gateways end at the quota of network interfaces.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { QUOTAS } from './app/quotas/catalogue.ts';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

const EXCEEDED = refused('limit-exceeded', 'network-interface', 'maximum number');

async function countUsed(t: TestCloud): Promise<number> {
  const { quotas, accountId: account } = t.cloud;
  const all = await quotas.listQuotas({ account });
  return all.find((one) => one.code === QUOTAS.interfaces.code)!.used!;
}

async function setLeft(t: TestCloud, more: number): Promise<void> {
  const { code } = QUOTAS.interfaces;
  const { NetworkInterfaces } = await t.call('DescribeNetworkInterfaces', {});
  await t.cloud.quotas.setQuota({ code, value: NetworkInterfaces!.length + more });
}

test('a launch makes as many instances as there is room for interfaces, and one that exists takes none', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const { SubnetId } = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  const made = await t.call('CreateNetworkInterface', { SubnetId: SubnetId! });
  const { NetworkInterfaceId } = made.NetworkInterface!;
  await setLeft(t, 3);
  const NetworkInterfaces = [0, 1].map((DeviceIndex) => ({ DeviceIndex, SubnetId }));
  const two = { NetworkInterfaces, MaxCount: 2 };
  await assert.rejects(t.launch(image, { ...two, MinCount: 2 }), EXCEEDED);
  assert.equal((await t.launch(image, two)).length, 1);
  assert.equal((await t.launch(image, { MaxCount: 3 })).length, 1);
  await assert.rejects(t.launch(image), EXCEEDED);
  const existing = { NetworkInterfaces: [{ DeviceIndex: 0, NetworkInterfaceId }] };
  assert.equal((await t.launch(image, existing)).length, 1);
  assert.equal(await countUsed(t), 4);
  await t.restart();
  assert.equal(await countUsed(t), 4);
});

test('a NAT gateway is refused where there is no room for its interface', async () => {
  await using t = await TestCloud.start();
  const { SubnetId } = (await t.call('DescribeSubnets', {})).Subnets![0]!;
  const { AllocationId } = await t.call('AllocateAddress', {});
  const wish = { SubnetId: SubnetId!, AllocationId: AllocationId! };
  await setLeft(t, 0);
  await assert.rejects(t.call('CreateNatGateway', wish), EXCEEDED);
  await setLeft(t, 1);
  const { NatGateway } = await t.call('CreateNatGateway', wish);
  assert.equal(await countUsed(t), 1);
  await t.call('DeleteNatGateway', { NatGatewayId: NatGateway!.NatGatewayId! });
  assert.equal(await countUsed(t), 0);
});

test('by default no instance ends at its interfaces before its virtual processors', () => {
  assert.ok(QUOTAS.interfaces.value >= QUOTAS.vcpus.value);
});
