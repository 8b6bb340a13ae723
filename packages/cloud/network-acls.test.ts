// Owns the tests of network ACLs and DHCP option sets through their actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VpcId } from '@ironbark/core/ids.ts';
import type { VpcIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

async function makeVpc(t: TestCloud, CidrBlock = '10.0.0.0/16') {
  const VpcId = (await t.call('CreateVpc', { CidrBlock })).Vpc!.VpcId as VpcId;
  const wish = { VpcId, CidrBlock: CidrBlock.replace('/16', '/24') };
  return { VpcId, SubnetId: (await t.call('CreateSubnet', wish)).Subnet!.SubnetId! };
}

/** What the zone was told of it last. */
function told(t: TestCloud, id: VpcId): VpcIntent | undefined {
  return t.cluster.vpcs.get(id)?.intent;
}

async function aclOf(t: TestCloud, SubnetId: string) {
  const Filters = [{ Name: 'association.subnet-id', Values: [SubnetId] }];
  const { NetworkAcls } = await t.call('DescribeNetworkAcls', { Filters });
  const [acl] = NetworkAcls!;
  const association = acl!.Associations!.find((one) => one.SubnetId === SubnetId)!;
  return { acl: acl!, id: acl!.NetworkAclId!, association: association.NetworkAclAssociationId! };
}

const TCP = { Protocol: 'tcp', RuleAction: 'allow', CidrBlock: '10.9.8.7/8' } as const;
const SSH = { ...TCP, RuleNumber: 10, Egress: false, PortRange: { From: 22, To: 22 } };

test('a network ACL of one’s own refuses all until it has entries, which nodes are told', async () => {
  await using t = await TestCloud.start();
  const { VpcId, SubnetId } = await makeVpc(t);
  const before = await aclOf(t, SubnetId);
  assert.equal(before.acl.IsDefault, true);
  const tags = [{ ResourceType: 'network-acl' as const, Tags: [{ Key: 'name', Value: 'one' }] }];
  const wish = { VpcId, TagSpecifications: tags, ClientToken: 'once' };
  await assert.rejects(t.call('CreateNetworkAcl', wish, true), refused('dry-run'));
  const made = (await t.call('CreateNetworkAcl', wish)).NetworkAcl!;
  const again = (await t.call('CreateNetworkAcl', wish)).NetworkAcl!;
  assert.equal(again.NetworkAclId, made.NetworkAclId);
  assert.deepEqual(
    made.Entries!.map((entry) => [entry.Egress, entry.RuleNumber, entry.RuleAction]),
    [
      [true, 32_767, 'deny'],
      [false, 32_767, 'deny'],
    ],
  );
  const NetworkAclId = made.NetworkAclId!;
  const { NewAssociationId } = await t.call('ReplaceNetworkAclAssociation', {
    AssociationId: before.association,
    NetworkAclId,
  });
  assert.deepEqual(
    [(await aclOf(t, SubnetId)).id, (await aclOf(t, SubnetId)).association],
    [NetworkAclId, NewAssociationId],
  );
  await t.settle('told of none', () => told(t, VpcId)?.subnets[0]?.acl.length === 0);
  await t.call('CreateNetworkAclEntry', { ...SSH, NetworkAclId });
  const icmp = { ...SSH, RuleNumber: 20, Protocol: '1', IcmpTypeCode: { Type: 8, Code: -1 } };
  const { PortRange: _none, ...echo } = icmp;
  await t.call('CreateNetworkAclEntry', { ...echo, Egress: true, NetworkAclId });
  await t.settle('told of both', () => told(t, VpcId)?.subnets[0]?.acl.length === 2);
  assert.deepEqual(told(t, VpcId)!.subnets[0]!.acl, [
    {
      ...{ ruleNumber: 20, isEgress: true, isAllowed: true, protocol: 1, cidr: '10.0.0.0/8' },
      ports: { from: 8, to: -1 },
    },
    {
      ...{ ruleNumber: 10, isEgress: false, isAllowed: true, protocol: 6, cidr: '10.0.0.0/8' },
      ports: { from: 22, to: 22 },
    },
  ]);
  const deny = { ...SSH, RuleAction: 'deny' as const, NetworkAclId };
  await t.call('ReplaceNetworkAclEntry', deny);
  const [entry] = (await aclOf(t, SubnetId)).acl.Entries!.filter((one) => one.RuleNumber === 10);
  assert.deepEqual([entry!.RuleAction, entry!.PortRange], ['deny', { From: 22, To: 22 }]);
  const found = await t.call('DescribeNetworkAcls', {
    Filters: [
      { Name: 'entry.port-range.from', Values: ['22'] },
      { Name: 'tag:name', Values: ['one'] },
    ],
  });
  assert.deepEqual(
    found.NetworkAcls!.map((acl) => acl.NetworkAclId),
    [NetworkAclId],
  );
  const page = await t.call('DescribeNetworkAcls', { MaxResults: 5 });
  assert.equal(page.NetworkAcls!.length, 3);
});

test('network ACLs go as EC2 lets them, and refuse what it refuses', async () => {
  await using t = await TestCloud.start();
  const { VpcId, SubnetId } = await makeVpc(t);
  const other = await makeVpc(t, '10.1.0.0/16');
  const { id: usual, association } = await aclOf(t, SubnetId);
  const NetworkAclId = (await t.call('CreateNetworkAcl', { VpcId })).NetworkAcl!.NetworkAclId!;
  const add = (changes: object) =>
    t.call('CreateNetworkAclEntry', { ...SSH, NetworkAclId, ...changes });
  await assert.rejects(add({ RuleNumber: 0 }), refused('invalid-parameter', 'request', '32766'));
  await assert.rejects(add({ RuleNumber: 32_767 }), refused('invalid-parameter', 'request'));
  await assert.rejects(add({ CidrBlock: '10.0.0.0' }), refused('invalid-parameter', 'request'));
  await assert.rejects(add({ Protocol: 'x' }), refused('invalid-parameter', 'request', 'protocol'));
  await assert.rejects(add({ PortRange: undefined }), refused('missing-parameter', 'request'));
  await assert.rejects(add({ PortRange: { From: 9, To: 8 } }), refused('invalid-parameter'));
  await assert.rejects(add({ Protocol: '1' }), refused('missing-parameter', 'request', 'Icmp'));
  await assert.rejects(add({ Ipv6CidrBlock: '::/0' }), refused('invalid-combination'));
  await add({});
  await assert.rejects(add({}), refused('duplicate', 'network-acl-entry', 'identified by 10'));
  const key = { NetworkAclId, RuleNumber: 11, Egress: false };
  const absent = refused('not-found', 'network-acl-entry');
  await assert.rejects(t.call('DeleteNetworkAclEntry', key), absent);
  await assert.rejects(t.call('ReplaceNetworkAclEntry', { ...SSH, ...key }), absent);
  await t.call('DeleteNetworkAclEntry', { ...key, RuleNumber: 10 });
  for (let at = 1; at <= 40; at += 1) await add({ RuleNumber: at });
  await assert.rejects(add({ RuleNumber: 41 }), refused('limit-exceeded', 'network-acl-entry'));

  const replace = (AssociationId: string, to: string) =>
    t.call('ReplaceNetworkAclAssociation', { AssociationId, NetworkAclId: to });
  const far = await aclOf(t, other.SubnetId);
  await assert.rejects(replace(association, far.id), refused('invalid-parameter', 'request'));
  const fresh = (await replace(association, NetworkAclId)).NewAssociationId!;
  await assert.rejects(
    replace(association, NetworkAclId),
    refused('not-found', 'network-acl-association'),
  );
  const remove = (id: string) => t.call('DeleteNetworkAcl', { NetworkAclId: id });
  await assert.rejects(remove(NetworkAclId), refused('dependency-violation', 'network-acl'));
  await assert.rejects(remove(usual), refused('invalid-parameter', 'request', 'default'));
  await replace(fresh, usual);
  await t.call('DeleteSubnet', { SubnetId });
  await assert.rejects(t.call('DeleteVpc', { VpcId }), refused('dependency-violation', 'vpc'));
  await remove(NetworkAclId);
  await t.call('DeleteVpc', { VpcId });
  await assert.rejects(remove(usual), refused('not-found', 'network-acl'));
});

test('a DHCP option set is what the guests of its VPCs are told', async () => {
  await using t = await TestCloud.start();
  const { VpcId } = await makeVpc(t);
  await t.settle('told', () => told(t, VpcId) !== undefined);
  const usual = told(t, VpcId)!;
  assert.deepEqual(usual.dhcp.domainNameServers, ['AmazonProvidedDNS']);
  const make = (...list: [string, ...string[]][]) =>
    t.call('CreateDhcpOptions', {
      DhcpConfigurations: list.map(([Key, ...Values]) => ({ Key, Values })),
    });
  const wrong = refused('invalid-parameter', 'request');
  await assert.rejects(make(), refused('missing-parameter', 'request'));
  await assert.rejects(make(['router', '10.0.0.1']), wrong);
  await assert.rejects(make(['ntp-servers', 'pool']), wrong);
  await assert.rejects(make(['domain-name', 'a b']), wrong);
  await assert.rejects(make(['domain-name', 'a.test'], ['domain-name', 'b.test']), wrong);
  const many = ['1.1.1.1', '1.1.1.2', '1.1.1.3', '1.1.1.4', '1.1.1.5'];
  await assert.rejects(make(['domain-name-servers', ...many]), wrong);
  await assert.rejects(make(['netbios-node-type', '3']), wrong);
  const { DhcpOptions } = await make(
    ['domain-name', 'corp.test'],
    ['domain-name-servers', '192.0.2.1', 'AmazonProvidedDNS'],
    ['ntp-servers', '192.0.2.2'],
    ['netbios-name-servers', '192.0.2.3'],
    ['netbios-node-type', '2'],
  );
  const DhcpOptionsId = DhcpOptions!.DhcpOptionsId!;
  const wish = { DhcpOptionsId, VpcId };
  await assert.rejects(t.call('AssociateDhcpOptions', wish, true), refused('dry-run'));
  await t.call('AssociateDhcpOptions', wish);
  await t.settle('told', () => told(t, VpcId)?.dhcp.domainName === 'corp.test');
  const { dhcp, nameDomain } = told(t, VpcId)!;
  assert.deepEqual(dhcp.domainNameServers, ['192.0.2.1', 'AmazonProvidedDNS']);
  assert.deepEqual(dhcp.ntpServers, ['192.0.2.2']);
  assert.deepEqual(dhcp.netbios, { servers: ['192.0.2.3'], nodeType: 2 });
  assert.equal(nameDomain, usual.dhcp.domainName, 'private names stay as they are');
  const Filters = [{ Name: 'dhcp-options-id', Values: [DhcpOptionsId] }];
  assert.equal((await t.call('DescribeVpcs', { Filters })).Vpcs![0]!.VpcId, VpcId);
  const byValue = [{ Name: 'value', Values: ['corp.test'] }];
  const found = (await t.call('DescribeDhcpOptions', { Filters: byValue })).DhcpOptions!;
  assert.deepEqual(found[0]!.DhcpConfigurations![0], {
    Key: 'domain-name',
    Values: [{ Value: 'corp.test' }],
  });
  await t.call('CreateTags', { Resources: [DhcpOptionsId], Tags: [{ Key: 'k', Value: 'v' }] });
  const remove = () => t.call('DeleteDhcpOptions', { DhcpOptionsId });
  await assert.rejects(remove(), refused('dependency-violation', 'dhcp-options'));
  await t.call('AssociateDhcpOptions', { DhcpOptionsId: 'default', VpcId });
  await t.settle('as before', () => told(t, VpcId)?.dhcp.domainName === usual.dhcp.domainName);
  await remove();
  await assert.rejects(remove(), refused('not-found', 'dhcp-options'));
  assert.deepEqual((await t.call('DescribeTags', {})).Tags, []);
});
