// Owns the tests of what the zone is told of a VPC that changes: what has changed, and in sum the same as all of it.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { InstanceId, VpcId } from '@ironbark/core/ids.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { composeVpc } from './app/vpc-document.ts';
import { openStore } from './store/store.ts';
import { loadVpcRows } from './store/vpc-documents.ts';
import { TestCloud } from './testing/test-cloud.ts';

const byId = (intent: VpcIntent): VpcIntent => ({
  ...intent,
  ports: intent.ports.toSorted((a, b) => (a.interfaceId < b.interfaceId ? -1 : 1)),
});

interface Told {
  t: TestCloud;
  id: VpcId;
}

/** The zone has the VPC as the store has it. */
async function agrees({ t, id }: Told, what: string): Promise<void> {
  await using store = await openStore(join(t.dataDir, 'cloud.db'));
  let [has, told]: (VpcIntent | undefined)[] = [];
  await t.settle(what, async () => {
    const rows = await loadVpcRows(store.query, id);
    const known = t.cluster.vpcs.get(id);
    if (rows === undefined || known === undefined) return false;
    [has, told] = [byId(composeVpc(rows, 'us-east-1')), byId(known.intent)];
    return known.generation === rows.vpc.generation;
  });
  assert.deepEqual(told, has, what);
}

test('changes that the zone is told of come to what all of it is, whatever changes', async () => {
  const steps: string[] = [];
  await using t = await TestCloud.start({ failAt: (step) => steps.push(step), nodes: 2 });
  const { Vpcs } = await t.call('DescribeVpcs', {});
  const told = { t, id: Vpcs![0]!.VpcId as VpcId };
  const image = await t.registerImage();
  await t.launch(image, { MinCount: 3, MaxCount: 3 });
  await agrees(told, 'the first');
  const wholes = () => steps.filter((step) => step === 'cluster putVpcs').length;
  const before = wholes();
  const [id] = await t.launch(image, { MinCount: 2, MaxCount: 2 });
  await agrees(told, 'two more');
  const { Reservations } = await t.call('DescribeInstances', { InstanceIds: [id!] });
  const eni = Reservations![0]!.Instances![0]!.NetworkInterfaces![0]!;
  const NetworkInterfaceId = eni.NetworkInterfaceId!;
  const SourceDestCheck = { Value: false };
  await t.call('ModifyNetworkInterfaceAttribute', { NetworkInterfaceId, SourceDestCheck });
  await agrees(told, 'a router');
  const group = { GroupName: 'other', Description: 'other', VpcId: told.id };
  const { GroupId } = await t.call('CreateSecurityGroup', group);
  await t.call('ModifyInstanceAttribute', { InstanceId: id!, Groups: [GroupId!] });
  await agrees(told, 'other groups');
  const SecondaryPrivateIpAddressCount = 2;
  await t.call('AssignPrivateIpAddresses', { NetworkInterfaceId, SecondaryPrivateIpAddressCount });
  await agrees(told, 'more addresses');
  const { AllocationId } = await t.call('AllocateAddress', {});
  const { AssociationId } = await t.call('AssociateAddress', {
    ...{ AllocationId: AllocationId!, NetworkInterfaceId, AllowReassociation: true },
  });
  await agrees(told, 'a public address');
  await t.call('DisassociateAddress', { AssociationId: AssociationId! });
  await agrees(told, 'none');
  const tables = await t.call('DescribeRouteTables', {});
  const RouteTableId = tables.RouteTables![0]!.RouteTableId!;
  const DestinationCidrBlock = '198.51.100.0/24';
  await t.call('CreateRoute', { RouteTableId, DestinationCidrBlock, NetworkInterfaceId });
  await agrees(told, 'a route to a port');
  const kinds = t.cluster.vpcs.get(told.id)!.intent.subnets[0]!.routes.map((r) => r.target.kind);
  assert.ok(kinds.includes('interface'), 'of ports that have not changed, too');
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settle('terminated', async () => {
    const found = await t.call('DescribeInstances', { InstanceIds: [id as InstanceId] });
    return found.Reservations![0]!.Instances![0]!.State!.Name === 'terminated';
  });
  await agrees(told, 'one less');
  assert.equal(t.cluster.vpcs.get(told.id)!.intent.ports.length, 4);
  assert.equal(wholes(), before, 'and nothing was told whole');
});

test('a zone that knows another state is told all of it, and one that does not answer again', async () => {
  const failures = new Set<string>();
  const failAt = (step: string) => {
    if (failures.delete(step)) throw new Error(`planted at ${step}`);
  };
  await using t = await TestCloud.start({ failAt });
  const { Vpcs } = await t.call('DescribeVpcs', {});
  const told = { t, id: Vpcs![0]!.VpcId as VpcId };
  const image = await t.registerImage();
  await t.launch(image);
  await agrees(told, 'one');
  t.cluster.vpcs.delete(told.id);
  for (const step of ['cluster changeVpcs', 'cluster putVpcs']) failures.add(step);
  await t.launch(image);
  await agrees(told, 'two');
  assert.equal(failures.size, 0);
  for (const step of ['cluster changeVpcs', 'cluster putVpcs']) failures.add(step);
  await t.restart({ failAt });
  await t.launch(image);
  await agrees(told, 'three');
});
