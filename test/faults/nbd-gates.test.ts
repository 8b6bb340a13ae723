// A volume opened from another host, here a network name space: with TLS, by its attachment alone, and without the
// stall that QEMU's NBD server has over TCP before version 8.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { whyNoNamespaces } from '@ironbark/node/testing/guest-namespace.ts';
import type { NbdGate } from '@ironbark/protocol/internal/nbd-gates.ts';
import { GateLab, VOLUME } from '../support/gate-lab.ts';
import { bestShare, STALL_GUARD } from '../support/wire-writes.ts';

const skip = whyNoNamespaces();

let lab: GateLab;
let gate: NbdGate;

before(async () => {
  if (skip !== false) return;
  lab = await GateLab.make();
  gate = await lab.gates.open(VOLUME, lab.place);
});
after(async () => await lab?.[Symbol.asyncDispose]());

test('another host reads and writes a volume through its gate', { skip }, async () => {
  await lab.io(gate, gate, 'read -P 0 0 1M', 'write -P 0x5a 48M 1M', 'flush');
  await lab.io(gate, gate, 'read -P 0x5a 48M 1M', 'read -P 0 50M 1M');
  assert.ok((await lab.harness.read(VOLUME, 48 << 20, 1 << 20)).every((byte) => byte === 0x5a));
  assert.deepEqual(await lab.gates.open(VOLUME, lab.place), gate, 'opened again it is the same');
  assert.deepEqual(await lab.gates.list(), [VOLUME]);
});

for (const depth of [2, 4]) {
  test(`with ${depth} writes in flight the wire is full`, { skip }, async (t) => {
    const share = await bestShare(() => lab.measureWrites(gate, depth));
    t.diagnostic(`${share.toFixed(2)} of the wire`);
    assert.ok(share >= STALL_GUARD, `${share} of the wire`);
  });
}

test('nobody comes in without TLS, with another key, or with a key of before', {
  skip,
}, async () => {
  const look = 'read 0 512';
  await assert.rejects(lab.io(gate, undefined, look), /TLS/i);
  const other = { user: gate.user, key: 'ab'.repeat(32) };
  await assert.rejects(lab.io(gate, other, look));
  await assert.rejects(lab.io(gate, { ...gate, user: 'somebody' }, look));
  await lab.gates.close(VOLUME);
  assert.deepEqual(await lab.gates.list(), []);
  await assert.rejects(lab.io(gate, gate, look), /refused/i);
  const next = await lab.gates.open(VOLUME, lab.place);
  assert.notEqual(next.key, gate.key);
  await assert.rejects(lab.io(next, gate, look));
  await lab.io(next, next, 'read -P 0x5a 48M 1M');
});
