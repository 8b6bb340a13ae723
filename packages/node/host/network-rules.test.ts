import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloudRules, cloudRuleSet } from './network-rules.ts';

test('the port for volumes is open to guests that have one over NBD, each by its own address', () => {
  const subnet = { bridge: 'ib0', cidr: '172.31.0.0/20', gatewayIp: '172.31.0.1' };
  const nbdGuests = ['172.31.0.9'];
  const subnets = [{ ...subnet, vpcCidr: '172.31.0.0/16', nbdGuests }];
  const { text } = cloudRuleSet({ table: 'x', subnets, metadataPort: 1, hostPorts: [] });
  const input = text.split('chain input')[1]!.split('chain forward')[0]!;
  const rule = 'iifname "ib0" ip saddr 172.31.0.9 ip daddr 172.31.0.1 tcp dport { 10809 } accept';
  assert.ok(input.includes(rule) && input.indexOf(rule) < input.indexOf('\nreject'));
  const others = input
    .replace(rule, '')
    .split('\n')
    .filter((line) => line.includes('10809'));
  assert.deepEqual(
    others.map((line) => line.split(' ').at(-1)),
    ['drop'],
  );
});

function rulesOf(...bridges: string[]): string {
  const subnets = bridges.map((bridge, at) => ({
    bridge,
    cidr: `172.31.${at * 16}.0/20`,
    gatewayIp: `172.31.${at * 16}.1`,
    vpcCidr: '172.31.0.0/16',
  }));
  const rules: CloudRules = { table: 'ironbark_x', subnets, metadataPort: 8775, hostPorts: [] };
  return cloudRuleSet(rules).text;
}

test('A31: packets between the subnets of different accounts are dropped before any are let through', () => {
  const forward = rulesOf('ib0', 'ib1', 'ib2').split('chain forward')[1]!;
  const accepted = forward.indexOf('accept\n', forward.indexOf('policy accept') + 14);
  for (const line of [
    'iifname "ib0" oifname { "ib1", "ib2" } drop',
    'iifname "ib1" oifname { "ib0", "ib2" } drop',
    'iifname "ib2" oifname { "ib0", "ib1" } drop',
  ]) {
    assert.ok(forward.includes(line), line);
    assert.ok(forward.indexOf(line) < accepted, line);
  }
});

test('one subnet alone is not cut off from itself', () => {
  assert.doesNotMatch(rulesOf('ib0'), /oifname \{[^}]*\} drop/);
});

test('over a way to a peer that no subnet has nothing goes, and nothing of any reaches the node', () => {
  const subnet = { bridge: 'ib0', cidr: '10.0.0.0/24', gatewayIp: '10.0.0.1' };
  const peers = [{ link: 'ib1p2', own: ['10.0.0.0/16'], theirs: ['10.9.0.0/16'] }];
  const subnets = [{ ...subnet, vpcCidr: '10.0.0.0/16', peers }];
  const shape = { table: 'x', anyPeerLink: 'ib1p*', metadataPort: 1, hostPorts: [] };
  const { text } = cloudRuleSet({ ...shape, subnets });
  for (const end of ['iifname', 'oifname']) {
    assert.ok(text.includes(`\n${end} "ib1p*" ${end} != { "ib1p2" } drop\n`));
  }
  assert.ok(text.split('chain input')[1]!.includes('\niifname "ib1p*" drop\n'));
  const none = cloudRuleSet({ ...shape, subnets: [{ ...subnet, vpcCidr: '10.0.0.0/16' }] });
  assert.ok(none.text.includes('\noifname "ib1p*" drop\n'));
});
