// Owns the tests of security groups through their actions.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { refused } from './testing/refused.ts';
import { TestCloud } from './testing/test-cloud.ts';

const NONE = '0123456789abcdef0';
const SSH = { IpProtocol: 'tcp', FromPort: 22, ToPort: 22 };
const ssh = (CidrIp: string, Description?: string) => ({
  ...SSH,
  IpRanges: [{ CidrIp, ...(Description === undefined ? {} : { Description }) }],
});

async function makeGroup(t: TestCloud, GroupName = 'web'): Promise<string> {
  const made = await t.call('CreateSecurityGroup', { GroupName, Description: 'for the web' });
  return made.GroupId!;
}

test('a group begins with one rule that lets everything out, and its rules come and go', async () => {
  await using t = await TestCloud.start();
  const GroupId = await makeGroup(t);
  const show = async () => {
    const { SecurityGroups } = await t.call('DescribeSecurityGroups', { GroupIds: [GroupId] });
    return SecurityGroups![0]!;
  };
  assert.equal((await show()).IpPermissionsEgress![0]!.IpRanges![0]!.CidrIp, '0.0.0.0/0');
  const made = await t.call('AuthorizeSecurityGroupIngress', {
    GroupId,
    IpPermissions: [
      {
        ...SSH,
        IpRanges: [{ CidrIp: '10.0.0.7/8', Description: 'ours' }, { CidrIp: '192.0.2.0/24' }],
      },
      { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId }] },
    ],
    TagSpecifications: [
      { ResourceType: 'security-group-rule', Tags: [{ Key: 'who', Value: 'me' }] },
    ],
  });
  assert.equal(made.SecurityGroupRules!.length, 3);
  const { IpPermissions } = await show();
  const ranges = IpPermissions!.find((one) => one.FromPort === 22)!.IpRanges!;
  assert.deepEqual(ranges.map((range) => range.CidrIp).sort(), ['10.0.0.0/8', '192.0.2.0/24']);
  const filtered = await t.call('DescribeSecurityGroups', {
    Filters: [{ Name: 'ip-permission.cidr', Values: ['192.0.2.*'] }],
  });
  assert.deepEqual(
    filtered.SecurityGroups!.map((group) => group.GroupId),
    [GroupId],
  );
  const tagged = await t.call('DescribeSecurityGroupRules', {
    Filters: [{ Name: 'tag:who', Values: ['me'] }],
  });
  assert.equal(tagged.SecurityGroupRules!.length, 3);
  const [first, ...others] = made.SecurityGroupRules!.map((rule) => rule.SecurityGroupRuleId!);
  await t.call('RevokeSecurityGroupIngress', { GroupId, SecurityGroupRuleIds: [first!] });
  const revoked = await t.call('RevokeSecurityGroupIngress', {
    GroupId,
    IpPermissions: [ssh('192.0.2.0/24'), { IpProtocol: '-1', UserIdGroupPairs: [{ GroupId }] }],
  });
  assert.deepEqual(
    revoked.RevokedSecurityGroupRules!.map((rule) => rule.SecurityGroupRuleId).sort(),
    others.sort(),
  );
  assert.deepEqual((await show()).IpPermissions, []);
  assert.deepEqual((await t.call('DescribeTags', {})).Tags, []);
});

test('a group is refused where EC2 refuses it, with EC2’s words', async () => {
  await using t = await TestCloud.start();
  const GroupId = await makeGroup(t);
  const allow = (...IpPermissions: object[]) =>
    t.call('AuthorizeSecurityGroupIngress', { GroupId, IpPermissions });
  await allow(ssh('10.0.0.0/8'));
  await assert.rejects(makeGroup(t), refused('duplicate', 'security-group'));
  await assert.rejects(
    makeGroup(t, 'default'),
    refused('invalid-parameter', undefined, 'reserved'),
  );
  await assert.rejects(allow(ssh('10.0.0.0/8')), refused('duplicate', 'permission', '10.0.0.0/8'));
  await assert.rejects(allow(ssh('10.0.0.0/33')), refused('invalid-parameter', undefined, '/33'));
  await assert.rejects(
    allow(ssh('9.0.0.0/8'), ssh('9.0.0.0/8')),
    refused('invalid-parameter', undefined, 'multiple times'),
  );
  const any = [{ CidrIp: '0.0.0.0/0' }];
  await assert.rejects(
    allow({ IpProtocol: 'tcp', IpRanges: any }),
    refused('invalid-parameter', undefined, 'both from and to'),
  );
  await assert.rejects(
    allow({ IpProtocol: 'udp', FromPort: 1, ToPort: 70_000, IpRanges: any }),
    refused('invalid-parameter', undefined, '70000'),
  );
  await assert.rejects(
    allow({ IpProtocol: '-1', PrefixListIds: [{ PrefixListId: 'pl-12345678' }] }),
    refused('unsupported', undefined, 'prefix list'),
  );
  await assert.rejects(
    allow({ IpProtocol: '-1', UserIdGroupPairs: [{ GroupId: `sg-${NONE}` }] }),
    refused('not-found', 'security-group'),
  );
  // As Terraform does with every group that it makes.
  const overIpv6 = { IpProtocol: '-1', Ipv6Ranges: [{ CidrIpv6: '::/0' }] };
  await assert.rejects(
    t.call('RevokeSecurityGroupEgress', { GroupId, IpPermissions: [overIpv6] }),
    refused('not-found', 'permission'),
  );
  await assert.rejects(
    t.call('RevokeSecurityGroupIngress', { GroupId, IpPermissions: [ssh('8.0.0.0/8')] }),
    refused('not-found', 'permission'),
  );
  const many = Array.from({ length: 60 }, (_, n) => ssh(`11.0.${n}.0/24`));
  await assert.rejects(allow(...many), refused('limit-exceeded', 'security-group-rule'));
});

test('a group stays while an interface is in it or another group names it', async () => {
  await using t = await TestCloud.start();
  const image = await t.registerImage();
  const [web, db] = [await makeGroup(t), await makeGroup(t, 'db')];
  await t.call('AuthorizeSecurityGroupIngress', {
    GroupId: db,
    IpPermissions: [{ ...SSH, UserIdGroupPairs: [{ GroupId: web }] }],
  });
  const [id] = await t.launch(image, { SecurityGroupIds: [db] });
  const remove = (GroupId: string) => t.call('DeleteSecurityGroup', { GroupId });
  await assert.rejects(remove(web), refused('dependency-violation', 'security-group'));
  await assert.rejects(remove(db), refused('dependency-violation', 'security-group'));
  await t.settleState(id!, 'running');
  const { SecurityGroups } = await t.call('DescribeSecurityGroups', { GroupNames: ['default'] });
  const [normal] = SecurityGroups!;
  await assert.rejects(remove(normal!.GroupId!), refused('operation-not-permitted'));
  await t.call('ModifyInstanceAttribute', { InstanceId: id!, Groups: [normal!.GroupId!, web] });
  await remove(db);
  const shown = (await t.describe(id!)).SecurityGroups!.map((group) => group.GroupName);
  assert.deepEqual(shown.sort(), ['default', 'web']);
  await t.settle('the guest hears of it', () => {
    const { metadata } = t.cluster.getIntent(id! as `i-${string}`);
    return metadata.securityGroups.includes('web');
  });
  await t.call('TerminateInstances', { InstanceIds: [id!] });
  await t.settleState(id!, 'terminated');
  await t.settle('released', async () => {
    const { NetworkInterfaces } = await t.call('DescribeNetworkInterfaces', {});
    return NetworkInterfaces!.length === 0;
  });
  await remove(web);
});

test('rules are changed in place, and described anew', async () => {
  await using t = await TestCloud.start();
  const GroupId = await makeGroup(t);
  const made = await t.call('AuthorizeSecurityGroupEgress', {
    GroupId,
    IpPermissions: [ssh('10.0.0.0/8', 'old')],
  });
  const id = made.SecurityGroupRules![0]!.SecurityGroupRuleId!;
  const show = async () => {
    const ids = { SecurityGroupRuleIds: [id] };
    return (await t.call('DescribeSecurityGroupRules', ids)).SecurityGroupRules![0]!;
  };
  await t.call('UpdateSecurityGroupRuleDescriptionsEgress', {
    GroupId,
    IpPermissions: [ssh('10.0.0.0/8', 'new')],
  });
  assert.equal((await show()).Description, 'new');
  const SecurityGroupRule = { ...SSH, ToPort: 23, CidrIpv4: '192.0.2.0/24', Description: 'both' };
  await t.call('ModifySecurityGroupRules', {
    GroupId,
    SecurityGroupRules: [{ SecurityGroupRuleId: id, SecurityGroupRule }],
  });
  const { ToPort, CidrIpv4, Description, IsEgress } = await show();
  assert.deepEqual([ToPort, CidrIpv4, Description, IsEgress], [23, '192.0.2.0/24', 'both', true]);
  await t.settle('the nodes hear of it', () => {
    const [vpc] = t.cluster.vpcs.values();
    const group = vpc?.intent.groups.find((one) => one.id === GroupId);
    return group?.egress.some((rule) => rule.ports?.to === 23) === true;
  });
});

test('a rule that is changed is whole, with one other end, and EC2 says what is missing', async () => {
  await using t = await TestCloud.start();
  const GroupId = await makeGroup(t);
  const IpPermissions = [ssh('10.0.0.0/8', 'old')];
  const made = await t.call('AuthorizeSecurityGroupIngress', { GroupId, IpPermissions });
  const SecurityGroupRuleId = made.SecurityGroupRules![0]!.SecurityGroupRuleId!;
  const change = (SecurityGroupRule: object) =>
    t.call('ModifySecurityGroupRules', {
      GroupId,
      SecurityGroupRules: [{ SecurityGroupRuleId, SecurityGroupRule }],
    });
  const end = { CidrIpv4: '192.0.2.0/24' };
  const refusals = [
    [{ FromPort: 1, ToPort: 2, ...end }, 'invalid-parameter', "'null' for protocol"],
    [{ IpProtocol: 'udp', ToPort: 2, ...end }, 'invalid-parameter', 'both from and to ports'],
    [SSH, 'missing-parameter', 'exactly one of'],
    [{ ...SSH, ...end, CidrIpv6: '::/0' }, 'invalid-combination', 'Only one of'],
  ] as const;
  for (const [rule, kind, text] of refusals) {
    await assert.rejects(change(rule), refused(kind, 'request', text));
  }
  const rulesOf = (group: string) =>
    t.call('DescribeSecurityGroupRules', { Filters: [{ Name: 'group-id', Values: [group] }] });
  await assert.rejects(rulesOf('foobar'), refused('malformed-id', 'security-group', 'malformed'));
  assert.deepEqual((await rulesOf('sg-0')).SecurityGroupRules, []);
  assert.equal((await rulesOf(`${GroupId.slice(0, 8)}*`)).SecurityGroupRules!.length, 2);
});

test('the groups for a VPC are its own, in pages', async () => {
  await using t = await TestCloud.start();
  const { Vpcs } = await t.call('DescribeVpcs', {});
  const VpcId = Vpcs![0]!.VpcId!;
  const { Vpc } = await t.call('CreateVpc', { CidrBlock: '10.9.0.0/16' });
  await t.call('CreateSecurityGroup', {
    ...{ GroupName: 'elsewhere', Description: 'in another', VpcId: Vpc!.VpcId! },
  });
  const web = await makeGroup(t);
  await t.call('CreateTags', { Resources: [web], Tags: [{ Key: 'part', Value: 'web' }] });
  const namesOf = async (input: object) => {
    const found = await t.call('GetSecurityGroupsForVpc', { VpcId, ...input });
    return [found.SecurityGroupForVpcs!.map((one) => one.GroupName), found.NextToken] as const;
  };
  assert.deepEqual((await namesOf({}))[0].toSorted(), ['default', 'web']);
  for (const name of ['a', 'b', 'c', 'd']) await makeGroup(t, name);
  const [first, NextToken] = await namesOf({ MaxResults: 5 });
  const [second] = await namesOf({ MaxResults: 5, NextToken });
  assert.deepEqual([...first, ...second].toSorted(), ['a', 'b', 'c', 'd', 'default', 'web']);
  const Filters = [{ Name: 'tag:part', Values: ['web'] }];
  assert.deepEqual(await namesOf({ Filters }), [['web'], undefined]);
  const absent = t.call('GetSecurityGroupsForVpc', { VpcId: `vpc-${NONE}` });
  await assert.rejects(absent, refused('not-found', 'vpc'));
});
