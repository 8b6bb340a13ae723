// Owns the tests of peerings between VPCs through their actions: who may do what, what is shown, and what nodes are told.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VpcId } from '@ironbark/core/ids.ts';
import { isPeeringShown, peeringMessage, peeringStateOf } from './app/peering-view.ts';
import type { VpcPeeringRow } from './store/network-schema.ts';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

const [ONE, OTHER] = ['111111111111', '222222222222'];
const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

async function makeVpc(t: TestCloud, CidrBlock: string, as?: Principal): Promise<VpcId> {
  const { Vpc } = await (as === undefined
    ? t.call('CreateVpc', { CidrBlock })
    : t.callAs(as, 'CreateVpc', { CidrBlock }));
  return Vpc!.VpcId as VpcId;
}
type Principal = Awaited<ReturnType<TestCloud['addAccount']>>;

async function ask(t: TestCloud, VpcId: VpcId, PeerVpcId: VpcId, more: object = {}) {
  const input = { VpcId, PeerVpcId, ...more };
  const { VpcPeeringConnection } = await t.call('CreateVpcPeeringConnection', input);
  assert.equal(VpcPeeringConnection!.Status!.Code, 'initiating-request');
  return VpcPeeringConnection!.VpcPeeringConnectionId!;
}

async function show(t: TestCloud, id: string) {
  const input = { VpcPeeringConnectionIds: [id] };
  return (await t.call('DescribeVpcPeeringConnections', input)).VpcPeeringConnections![0]!;
}

test('a peering is asked for, accepted and routed over, and nodes are told of it until it is deleted', async () => {
  await using t = await TestCloud.start();
  const [one, two] = [await makeVpc(t, '10.1.0.0/16'), await makeVpc(t, '10.2.0.0/16')];
  await t.call('CreateSubnet', { VpcId: one, CidrBlock: '10.1.1.0/24' });
  const tags = [{ ResourceType: 'vpc-peering-connection', Tags: [{ Key: 'a', Value: 'b' }] }];
  const id = await ask(t, one, two, { TagSpecifications: tags });
  assert.equal((await show(t, id)).Status!.Code, 'pending-acceptance');
  await assert.rejects(ask(t, two, one), refused('duplicate', 'vpc-peering-connection', id));
  const Filters = [{ Name: 'vpc-id', Values: [one] }];
  const { RouteTables } = await t.call('DescribeRouteTables', { Filters });
  const RouteTableId = RouteTables![0]!.RouteTableId!;
  const DestinationCidrBlock = '10.2.0.0/16';
  await t.call('CreateRoute', { RouteTableId, DestinationCidrBlock, VpcPeeringConnectionId: id });
  const route = async () => {
    const over = [{ Name: 'route.vpc-peering-connection-id', Values: [id] }];
    const found = await t.call('DescribeRouteTables', { Filters: over });
    return found.RouteTables![0]!.Routes!.find((each) => each.VpcPeeringConnectionId === id)!.State;
  };
  assert.equal(await route(), 'blackhole');
  const accepted = await t.call('AcceptVpcPeeringConnection', { VpcPeeringConnectionId: id });
  assert.equal(accepted.VpcPeeringConnection!.Status!.Code, 'active');
  assert.equal(await route(), 'active');
  const { AccepterVpcInfo, Tags } = await show(t, id);
  assert.equal(AccepterVpcInfo!.CidrBlock, '10.2.0.0/16');
  assert.deepEqual(Tags, [{ Key: 'a', Value: 'b' }]);
  const told = (vpc: VpcId) => t.cluster.vpcs.get(vpc)?.intent;
  const target = () => told(one)?.subnets[0]?.routes.at(-1)?.target;
  await t.settle('told', () => told(one)?.peers?.[0] === two && told(two)?.peers?.[0] === one);
  assert.deepEqual(target(), { kind: 'peering', vpcId: two });
  await assert.rejects(t.call('DeleteVpc', { VpcId: two }), refused('dependency-violation', 'vpc'));
  await assert.rejects(
    t.call('AssociateVpcCidrBlock', { VpcId: one, CidrBlock: '10.2.128.0/24' }),
    refused('invalid-parameter', 'vpc', `overlaps a block of ${two}`),
  );
  await t.call('DeleteVpcPeeringConnection', { VpcPeeringConnectionId: id });
  assert.equal((await show(t, id)).Status!.Code, 'deleted');
  assert.equal(await route(), 'blackhole');
  await t.settle('told', () => told(one)?.peers === undefined && told(two)?.peers === undefined);
  assert.deepEqual(target(), { kind: 'blackhole' });
  const again = { RouteTableId, DestinationCidrBlock: '10.3.0.0/16', VpcPeeringConnectionId: id };
  await assert.rejects(
    t.call('CreateRoute', again),
    refused('not-found', 'vpc-peering-connection', id),
  );
  await t.call('DeleteVpc', { VpcId: two });
});

test('of two accounts only the one that was asked says yes or no, and either ends it', async () => {
  await using t = await TestCloud.start();
  const other = await t.addAccount('other');
  const PeerOwnerId = other.accountId;
  const own = await makeVpc(t, '10.1.0.0/16');
  const theirs = await makeVpc(t, '10.2.0.0/16', other);
  const id = await ask(t, own, theirs, { PeerOwnerId });
  const VpcPeeringConnectionId = id;
  assert.equal((await show(t, id)).AccepterVpcInfo!.CidrBlock, undefined);
  for (const action of ['AcceptVpcPeeringConnection', 'RejectVpcPeeringConnection'] as const) {
    await assert.rejects(
      t.call(action, { VpcPeeringConnectionId }),
      refused('operation-not-permitted', 'vpc-peering-connection'),
    );
  }
  await assert.rejects(
    t.callAs(other, 'DeleteVpcPeeringConnection', { VpcPeeringConnectionId }),
    refused('operation-not-permitted', 'vpc-peering-connection'),
  );
  await t.callAs(other, 'RejectVpcPeeringConnection', { VpcPeeringConnectionId });
  assert.equal((await show(t, id)).Status!.Message, `Rejected by ${PeerOwnerId}`);
  await assert.rejects(
    t.callAs(other, 'AcceptVpcPeeringConnection', { VpcPeeringConnectionId }),
    refused('incorrect-state', 'vpc-peering-connection', 'from rejected to active'),
  );
  const second = await ask(t, own, theirs, { PeerOwnerId });
  await t.callAs(other, 'AcceptVpcPeeringConnection', { VpcPeeringConnectionId: second });
  assert.equal((await show(t, second)).AccepterVpcInfo!.CidrBlock, '10.2.0.0/16');
  const stranger = await t.addAccount('stranger');
  // Each side has tags of its own.
  const tag = { Resources: [second], Tags: [{ Key: 'a', Value: 'theirs' }] };
  await t.callAs(other, 'CreateTags', tag);
  const seen = await t.callAs(other, 'DescribeVpcPeeringConnections', {
    VpcPeeringConnectionIds: [second],
  });
  assert.deepEqual(seen.VpcPeeringConnections![0]!.Tags, tag.Tags);
  assert.notDeepEqual((await show(t, second)).Tags, tag.Tags);
  await assert.rejects(
    t.callAs(stranger, 'CreateTags', tag),
    refused('not-found', 'vpc-peering-connection'),
  );
  await assert.rejects(
    t.callAs(stranger, 'DeleteVpcPeeringConnection', { VpcPeeringConnectionId: second }),
    refused('not-found', 'vpc-peering-connection'),
  );
  assert.deepEqual(await t.callAs(stranger, 'DescribeVpcPeeringConnections', {}), {
    VpcPeeringConnections: [],
  });
  await t.callAs(other, 'DeleteVpcPeeringConnection', { VpcPeeringConnectionId: second });
  assert.equal((await show(t, second)).Status!.Message, `Deleted by ${PeerOwnerId}`);
});

test('what overlaps, or is not there, fails; another region is refused by name', async () => {
  await using t = await TestCloud.start();
  const [one, same] = [await makeVpc(t, '10.1.0.0/16'), await makeVpc(t, '10.1.128.0/24')];
  const overlapping = await ask(t, one, same);
  const absent = await ask(t, one, 'vpc-0123456789abcdef0', { PeerOwnerId: '999999999999' });
  for (const id of [overlapping, absent]) {
    assert.equal((await show(t, id)).Status!.Code, 'failed');
    await assert.rejects(
      t.call('DeleteVpcPeeringConnection', { VpcPeeringConnectionId: id }),
      refused('incorrect-state', 'vpc-peering-connection'),
    );
  }
  await assert.rejects(ask(t, one, 'vpc-0123456789abcdef0'), refused('not-found', 'vpc'));
  await assert.rejects(
    ask(t, one, same, { PeerRegion: 'eu-west-1' }),
    refused('unsupported', 'action', 'another region'),
  );
  const Filters = [{ Name: 'status-code', Values: ['failed'] }];
  const found = await t.call('DescribeVpcPeeringConnections', { Filters, MaxResults: 5 });
  assert.equal(found.VpcPeeringConnections!.length, 2);
});

test('a VPC is not peered with two others of the same addresses', async () => {
  await using t = await TestCloud.start();
  const own = await makeVpc(t, '10.1.0.0/16');
  const [one, same] = [await makeVpc(t, '10.2.0.0/16'), await makeVpc(t, '10.2.128.0/24')];
  const accept = (id: string) =>
    t.call('AcceptVpcPeeringConnection', { VpcPeeringConnectionId: id });
  const byName = refused('unsupported', 'action', 'the same addresses');
  await accept(await ask(t, own, one));
  const second = await ask(t, own, same);
  await assert.rejects(accept(second), byName);
  assert.equal((await show(t, second)).Status!.Code, 'pending-acceptance');
  const apart = await makeVpc(t, '10.3.0.0/16');
  await accept(await ask(t, apart, own));
  const more = { VpcId: apart, CidrBlock: '10.2.0.0/24' };
  await assert.rejects(t.call('AssociateVpcCidrBlock', more), byName);
  await t.call('AssociateVpcCidrBlock', { ...more, CidrBlock: '10.4.0.0/24' });
});

test('of requests that failed an account has so many, and an owner is an account', async () => {
  await using t = await TestCloud.start();
  const own = await makeVpc(t, '10.1.0.0/16');
  const absent = 'vpc-0123456789abcdef0';
  await assert.rejects(
    ask(t, own, absent, { PeerOwnerId: 'someone' }),
    refused('invalid-parameter', 'request', 'peerOwnerId'),
  );
  let last = '';
  for (let made = 0; made < 130; made += 1) {
    last = await ask(t, own, absent, { PeerOwnerId: '999999999999' });
  }
  const found = (await t.call('DescribeVpcPeeringConnections', {})).VpcPeeringConnections!;
  assert.equal(found.length, 125);
  assert.ok(found.some((each) => each.VpcPeeringConnectionId === last));
});

test('what has ended is shown for as long as AWS shows it, to each side', () => {
  const asked = { accountId: ONE, accepterAccountId: OTHER, createdAt: 0 };
  const row = (status: VpcPeeringRow['status'], endedBy: string | null = null) =>
    ({ ...asked, status, endedBy, endedAt: 0 }) as VpcPeeringRow;
  const until = (one: VpcPeeringRow, account: string) => {
    let ms = 0;
    while (isPeeringShown(one, account, ms) && ms < 30 * DAY_MS) ms += HOUR_MS;
    return ms / HOUR_MS;
  };
  const cases = [
    [row('failed'), 2, 0],
    [row('rejected', OTHER), 48, 2],
    [row('deleted', ONE), 2, 48],
    [row('pending-acceptance'), 9 * 24, 9 * 24],
    [row('active'), 30 * 24, 30 * 24],
  ] as const;
  for (const [one, asker, asked_] of cases) {
    assert.deepEqual([until(one, ONE!), until(one, OTHER!)], [asker, asked_], one.status);
  }
  const open = row('pending-acceptance');
  assert.equal(peeringStateOf(open, 7 * DAY_MS - 1), 'pending-acceptance');
  assert.equal(peeringStateOf(open, 7 * DAY_MS), 'expired');
  assert.equal(peeringMessage(open, 'expired'), 'Expired');
});
