import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type CloudRules, cloudRuleSet } from './network-rules.ts';

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
