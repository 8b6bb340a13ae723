// Owns the tests of reading and writing IPv6 addresses.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cidr6Contains,
  cidrs6Overlap,
  isGuestNetwork6,
  linkLocalOf,
  parseBlock6,
  parseCidr6,
  parseIpv6,
  renderCidr6,
  renderIpv6,
} from './ipv6.ts';

test('addresses are written as RFC 5952 says, however they were given', () => {
  const cases = [
    ['2001:0DB8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['fd00:0:0:1:0:0:0:5', 'fd00:0:0:1::5'],
    ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
    ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
    ['1:2:3:4:5:6:7::', '1:2:3:4:5:6:7:0'],
  ] as const;
  for (const [given, written] of cases) assert.equal(renderIpv6(parseIpv6(given)!), written);
});

test('what is no address is none', () => {
  const texts = [
    '',
    ':',
    ':::',
    '1:2',
    '1::2::3',
    '12345::',
    'g::',
    '1:2:3:4:5:6:7:8:9',
    '1.2.3.4',
  ];
  for (const text of [...texts, 'fe80::1%eth0', '::ffff:1.2.3.4', '1:2:3:4:5:6:7:8::', ' ::1']) {
    assert.equal(parseIpv6(text), undefined, text);
  }
});

test('networks clear what is after their length, blocks have nothing there', () => {
  assert.equal(renderCidr6(parseCidr6('fd12:3456:789a:bcff::5/56')!), 'fd12:3456:789a:bc00::/56');
  assert.equal(parseBlock6('fd12:3456:789a:bcff::/56'), undefined);
  assert.equal(renderCidr6(parseBlock6('::/0')!), '::/0');
  for (const text of ['fd00::', 'fd00::/129', 'fd00::/', 'fd00::/-1', 'fd00::/5/6']) {
    assert.equal(parseCidr6(text), undefined, text);
  }
});

test('a network contains and overlaps others', () => {
  const [vpc, subnet, other] = ['fd00:0:0:100::/56', 'fd00:0:0:1ff::/64', 'fd00:0:0:200::/64'].map(
    (text) => parseBlock6(text)!,
  );
  assert.ok(cidr6Contains(vpc!, subnet!) && !cidr6Contains(subnet!, vpc!));
  assert.ok(cidrs6Overlap(subnet!, vpc!) && !cidrs6Overlap(vpc!, other!));
});

test('guests have unique local and global unicast addresses', () => {
  assert.ok(['fd00::/8', '2001:db8::/32'].every((text) => isGuestNetwork6(parseBlock6(text)!)));
  const others = ['fe80::/64', 'ff00::/8', '::/0', '::1/128', '64:ff9b::/96'];
  assert.ok(others.every((text) => !isGuestNetwork6(parseBlock6(text)!)));
});

test('a link-local address follows from the MAC', () => {
  assert.equal(linkLocalOf('06:00:00:00:00:01'), 'fe80::400:ff:fe00:1');
});
