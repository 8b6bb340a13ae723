// Owns the tests of address choice and of block arithmetic.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { firstSubnet, parseBlock, parseIpv4, renderCidr, renderIpv4 } from '@ironbark/core/ipv4.ts';
import {
  countAssignable,
  findFreeAddress,
  isAssignable,
  privateDnsName,
  renderMac,
} from './addresses.ts';

const BLOCK = parseBlock('172.31.0.0/28')!;

test('the first four addresses and the last are never given out', () => {
  const given = new Set<number>();
  for (;;) {
    const address = findFreeAddress(BLOCK, (one) => given.has(one), 0);
    if (address === undefined) break;
    assert.ok(!given.has(address));
    given.add(address);
  }
  const hosts = [...given].map((address) => address - BLOCK.base);
  assert.deepEqual(hosts, [4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14]);
  assert.equal(countAssignable(BLOCK), 11);
});

test('the search starts where it is told and goes round', () => {
  const used = (host: number) => (address: number) => address === BLOCK.base + host;
  assert.equal(findFreeAddress(BLOCK, used(14), 14), BLOCK.base + 4);
  assert.equal(findFreeAddress(BLOCK, used(4), 15), BLOCK.base + 5);
  assert.equal(findFreeAddress(BLOCK, used(9), 8), BLOCK.base + 8);
  assert.equal(isAssignable(BLOCK, BLOCK.base + 3), false);
  assert.equal(isAssignable(BLOCK, BLOCK.base + 15), false);
  assert.equal(isAssignable(BLOCK, BLOCK.base + 16), false);
});

test('blocks and addresses are read strictly', () => {
  assert.equal(renderIpv4(parseIpv4('255.255.255.255')!), '255.255.255.255');
  for (const bad of ['1.2.3', '1.2.3.256', '01.2.3.4', '1.2.3.4 ', '', 'a.b.c.d']) {
    assert.equal(parseIpv4(bad), undefined, bad);
  }
  for (const bad of ['10.0.0.1/8', '10.0.0.0/33', '10.0.0.0', '10.0.0.0/8/8', '10.0.0.0/-1']) {
    assert.equal(parseBlock(bad), undefined, bad);
  }
  assert.equal(renderCidr(firstSubnet(parseBlock('10.0.0.0/8')!, 20)), '10.0.0.0/20');
  assert.equal(renderCidr(firstSubnet(parseBlock('10.0.0.0/24')!, 20)), '10.0.0.0/24');
});

test('names are those of EC2', () => {
  assert.equal(privateDnsName('172.31.0.4', 'us-east-1'), 'ip-172-31-0-4.ec2.internal');
  assert.equal(
    privateDnsName('172.31.0.4', 'eu-west-1'),
    'ip-172-31-0-4.eu-west-1.compute.internal',
  );
  assert.equal(renderMac(Buffer.from([1, 2, 255, 0, 16])), '02:01:02:ff:00:10');
});
