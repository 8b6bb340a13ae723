import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { GroupRuleIntent } from '@ironbark/protocol/internal/network-messages.ts';
import { ALL_IN, fromCidr, group, groupId, vpcId } from '../testing/vpc-intent.ts';
import { renderGroupRule } from './group-match.ts';
import { noGroupRules, renderGroupChange } from './group-rule-text.ts';
import { planGroupRules } from './group-rules.ts';

const KEPT = 'ct mark set ct mark or 0x00200000 accept';
const render = (rule: GroupRuleIntent, isOpenBack = false) =>
  renderGroupRule(rule, { family: 'ip', direction: 'ingress', isOpenBack });
const from = (cidr: string): GroupRuleIntent['peer'] => ({ kind: 'cidr', cidr });

test('a rule is what EC2 means by it', () => {
  const peer = from('10.0.0.7/24');
  const cases: [GroupRuleIntent, string][] = [
    [{ protocol: -1, peer }, `ip saddr 10.0.0.0/24 ${KEPT}`],
    [
      { protocol: 6, peer, ports: { from: 22, to: 22 } },
      `ip saddr 10.0.0.0/24 meta l4proto 6 th dport 22 ${KEPT}`,
    ],
    [
      { protocol: 17, peer: from('0.0.0.0/0'), ports: { from: 1, to: 9 } },
      `meta l4proto 17 th dport 1-9 ${KEPT}`,
    ],
    [
      { protocol: 6, peer, ports: { from: 0, to: 65_535 } },
      `ip saddr 10.0.0.0/24 meta l4proto 6 ${KEPT}`,
    ],
    [{ protocol: 1, peer, ports: { from: 8, to: -1 } }, `ip saddr 10.0.0.0/24 icmp type 8 ${KEPT}`],
    [
      { protocol: 1, peer, ports: { from: 3, to: 4 } },
      `ip saddr 10.0.0.0/24 icmp type 3 icmp code 4 ${KEPT}`,
    ],
    [
      { protocol: 1, peer, ports: { from: -1, to: -1 } },
      `ip saddr 10.0.0.0/24 meta l4proto 1 ${KEPT}`,
    ],
    [{ protocol: 50, peer }, `ip saddr 10.0.0.0/24 meta l4proto 50 ${KEPT}`],
    [
      { protocol: 6, peer: { kind: 'group', groupId: groupId(1) }, ports: { from: 1, to: 1 } },
      `ip saddr @members-${groupId(1)} meta l4proto 6 th dport 1 ${KEPT}`,
    ],
  ];
  for (const [rule, text] of cases) assert.deepEqual(render(rule), [text]);
  assert.deepEqual(render({ protocol: 58, peer }), []);
});

test('flows from everywhere are not remembered where everything may go back', () => {
  assert.deepEqual(render(fromCidr(6, 80), true), ['meta l4proto 6 th dport 80 accept']);
  assert.deepEqual(render(ALL_IN, true), ['meta l4proto { 6, 17 } accept', KEPT]);
  const few = fromCidr(6, 80, '10.0.0.0/8');
  assert.deepEqual(render(few, true), render(few, false));
});

test('a port that comes changes elements, and no rule', () => {
  const vpc = (count: number) => ({
    ...{ id: vpcId(1), networkNumber: 1, cidrs: ['10.0.0.0/16'], hasDns: true },
    dhcp: { domainName: 'x', domainNameServers: [], ntpServers: [] },
    subnets: [
      { id: 'subnet-1' as const, cidr: '10.0.0.0/20', gatewayIp: '10.0.0.1', routes: [], acl: [] },
    ],
    groups: [group(1, [{ protocol: -1, peer: { kind: 'group', groupId: groupId(1) } }])],
    ports: Array.from({ length: count }, (_, at) => ({
      ...{ interfaceId: `eni-${at}` as const, subnetId: 'subnet-1' as const, nodeId: undefined },
      ...{ macAddress: '', privateIps: [`10.0.0.${at + 5}`], publicIps: [], checksSource: true },
      groupIds: [groupId(1)],
    })),
  });
  const plan = (count: number) => {
    const vpcs = [vpc(count)];
    return planGroupRules({ vpcs, known: vpcs, isLocal: () => true });
  };
  const lines = renderGroupChange('t', plan(3), plan(4))!.text.trim().split('\n');
  assert.deepEqual(
    lines.map((line) => line.split(' ').slice(0, 2).join(' ')),
    ['add element', 'add element', 'add element'],
  );
  assert.equal(renderGroupChange('t', plan(3), plan(3))!.text, '');
  assert.equal(renderGroupChange('t', noGroupRules('ip'), plan(1)), undefined, 'all of it anew');
});
