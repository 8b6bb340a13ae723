// Owns the tests of what is told of addresses that have come.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { arpFrame } from '../testing/frames.ts';
import { renderAnnouncement } from './announce-addresses.ts';

test('an address is announced to all by a request for itself, which nobody has to answer', () => {
  const [fromMac, ip] = ['02:00:00:00:00:07', '203.0.113.9'];
  const frame = renderAnnouncement(fromMac, ip);
  const addresses = { fromMac, toMac: 'ff:ff:ff:ff:ff:ff', fromIp: ip, toIp: ip };
  const asked = arpFrame(addresses, fromMac, 1);
  // The hardware address that is asked for is not known.
  asked.fill(0, 32, 38);
  assert.equal(frame.toString('hex'), asked.toString('hex'));
});
