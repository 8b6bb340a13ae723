// Owns the tests of what DHCP option sets may say: nodes refuse a whole document for one address that they do not take.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { vpcCheck } from '@ironbark/protocol/internal/wire/vpc-checks.ts';
import { composeDhcp, parseConfigurations } from './app/dhcp-options.ts';
import type { DhcpOptionsRow } from './store/network-schema.ts';
import { refused } from './testing/refused.ts';

const ADDRESSES = [
  ...['0.0.0.0', '0.1.2.3', '1.1.1.1', '10.0.0.2', '126.255.255.255', '127.0.0.1', '128.0.0.1'],
  ...['169.253.0.1', '169.254.169.123', '169.254.169.253', '192.0.2.1', '203.0.113.255'],
  ...['223.255.255.255', '224.0.0.1', '239.1.1.1', '240.0.0.1', '255.255.255.255'],
];
const KEYS = ['domain-name-servers', 'ntp-servers', 'netbios-name-servers'];

const rowOf = (configurations: object) =>
  ({ configurations: JSON.stringify(configurations) }) as DhcpOptionsRow;

function tell(row: DhcpOptionsRow) {
  const dhcp = composeDhcp(row, 'ec2.internal');
  vpcCheck(
    {
      ...{ id: 'vpc-0123456789abcdef0', networkNumber: 1, cidrs: ['10.0.0.0/16'], hasDns: true },
      ...{ subnets: [], groups: [], ports: [], dhcp },
    },
    'vpc',
  );
  return dhcp;
}

test('what a set is let say, nodes take', () => {
  const taken = KEYS.flatMap((Key) =>
    ADDRESSES.filter((address) => {
      const given = [{ Key, Values: [address] }];
      try {
        tell(rowOf(parseConfigurations(given)));
        return true;
      } catch (error) {
        assert.ok(refused('invalid-parameter', 'request', 'hosts can have')(error));
        return false;
      }
    }),
  );
  const good = ['1.1.1.1', '10.0.0.2', '126.255.255.255', '128.0.0.1', '169.253.0.1'];
  const all = [...good, '192.0.2.1', '203.0.113.255', '223.255.255.255'];
  assert.deepEqual(taken, [...all, ...all, ...all]);
  const more = [
    { Key: 'domain-name', Values: ['a.test', 'b.test', 'c.test', 'd.test'] },
    { Key: 'domain-name-servers', Values: ['AmazonProvidedDNS'] },
    ...['1', '2', '4', '8'].map((type) => ({ Key: 'netbios-node-type', Values: [type] })),
  ];
  for (const one of more) tell(rowOf(parseConfigurations([one])));
});

test('of a set of an earlier version nodes are told what they take', () => {
  const values = ['127.0.0.1', '192.0.2.1', '224.0.0.1'];
  const told = tell(rowOf(KEYS.map((key) => ({ key, values }))));
  assert.deepEqual(told.domainNameServers, ['192.0.2.1']);
  assert.deepEqual(told.ntpServers, ['192.0.2.1']);
  assert.deepEqual(told.netbios, { servers: ['192.0.2.1'] });
});
