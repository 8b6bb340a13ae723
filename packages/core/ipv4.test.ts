import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  cidrContains,
  cidrsOverlap,
  maskOf,
  parseCidr,
  parseIpv4,
  renderCidr,
  renderIpv4,
} from './ipv4.ts';

test('addresses are read and written back, also above 127', () => {
  for (const text of ['0.0.0.0', '10.0.0.1', '172.31.255.254', '255.255.255.255']) {
    assert.equal(renderIpv4(parseIpv4(text)!), text);
  }
});

test('what is not four small decimal numbers is refused', () => {
  for (const text of [
    '',
    '1.2.3',
    '1.2.3.4.5',
    '256.0.0.1',
    '01.2.3.4',
    '1.2.3.x',
    '-1.2.3.4',
    ' 1.2.3.4',
  ]) {
    assert.equal(parseIpv4(text), undefined, text);
  }
});

test('networks lose their host bits', () => {
  assert.equal(renderCidr(parseCidr('172.31.5.9/16')!), '172.31.0.0/16');
  assert.equal(renderCidr(parseCidr('192.0.2.2')!), '192.0.2.2/32');
  assert.equal(renderCidr(parseCidr('1.2.3.4/0')!), '0.0.0.0/0');
  assert.equal(renderIpv4(maskOf(20)), '255.255.240.0');
  for (const text of ['10.0.0.0/33', '10.0.0.0/', '10.0.0.0/8/8', '10.0.0/8']) {
    assert.equal(parseCidr(text), undefined, text);
  }
});

test('networks overlap when one contains the other', () => {
  const overlap = (a: string, b: string) => cidrsOverlap(parseCidr(a)!, parseCidr(b)!);
  assert.equal(overlap('172.31.0.0/16', '172.31.16.0/20'), true);
  assert.equal(overlap('172.31.16.0/20', '172.31.0.0/16'), true);
  assert.equal(overlap('172.31.0.0/20', '172.31.16.0/20'), false);
  assert.equal(overlap('0.0.0.0/0', '10.0.0.0/8'), true);
  assert.equal(cidrContains(parseCidr('10.0.0.0/8')!, parseCidr('10.1.2.3')!), true);
  assert.equal(cidrContains(parseCidr('10.1.2.3')!, parseCidr('10.0.0.0/8')!), false);
});
