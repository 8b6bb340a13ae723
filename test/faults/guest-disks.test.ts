// Volumes that guests drive themselves: a guest reaches those that are attached to it and no other, from the same subnet,
// with whatever it knows, and none of them once they are closed. Guests are played at their ports.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { whyNoNamespaces } from '@ironbark/node/testing/guest-namespace.ts';
import type { GuestDisk } from '@ironbark/protocol/internal/guest-targets.ts';
import { GuestDiskLab } from '../support/guest-disk-lab.ts';
import { bestShare, STALL_GUARD } from '../support/wire-writes.ts';

const skip = whyNoNamespaces();
/** Places of guests in the subnet. */
const [OWNER, OTHER, STRANGER, FIRST, SECOND, THIRD] = [5, 6, 7, 8, 9, 10] as const;
const LOOK = 'read 0 512';

let lab: GuestDiskLab;
let owned: GuestDisk;

before(async () => {
  if (skip === false) lab = await GuestDiskLab.make('disks');
});
after(async () => await lab?.[Symbol.asyncDispose]());

test('over NBD a guest reads and writes what is attached to it, and that is counted', {
  skip,
}, async () => {
  await lab.plug(OWNER);
  owned = await lab.open(1, OWNER, 'nbd');
  await lab.io(OWNER, keyOf(owned), 'write -P 0x5a 1M 1M', 'flush', 'read -P 0x5a 1M 1M');
  await lab.io(OWNER, keyOf(owned), 'write -z 1M 64k', 'discard 2M 64k', 'read -P 0 1M 64k');
  const { work, sizeBytes, isOpen } = await lab.targets.inspect(owned);
  assert.deepEqual([isOpen, sizeBytes], [true, 16 << 20]);
  const { readBytes, writeBytes, writeOps, writeNs, failedOps } = work!.counters;
  assert.ok(readBytes >= (1 << 20) + (64 << 10), `read ${readBytes}`);
  assert.equal(writeBytes, (1 << 20) + (64 << 10));
  assert.ok(writeOps >= 2 && writeNs > 0);
  assert.equal(failedOps, 0);
});

test('over NBD two writes in flight fill the wire', { skip }, async (t) => {
  const share = await bestShare(() => lab.measureWrites(OWNER, keyOf(owned), 2));
  t.diagnostic(`${share.toFixed(2)} of the wire`);
  assert.ok(share >= STALL_GUARD, `${share} of the wire`);
});

test('over NBD another guest of the subnet gets nothing with the key, nor with a volume of its own', {
  skip,
}, async () => {
  await assert.rejects(
    lab.io(STRANGER, keyOf(owned), LOOK),
    /refused/i,
    'the port is closed to it',
  );
  await lab.plug(OTHER);
  const others = await lab.open(2, OTHER, 'nbd');
  await lab.io(OTHER, keyOf(others), LOOK);
  await assert.rejects(lab.io(OTHER, keyOf(owned), LOOK), /export|not/i);
  await assert.rejects(lab.io(OWNER, keyOf(others), LOOK), /export|not/i);
  await assert.rejects(lab.io(OTHER, owned.volumeId, LOOK), /export|not/i, 'no name but the key');
  const told = await lab.list(OTHER);
  assert.match(told, /^NBDMAGICIHAVEOPT/);
  assert.equal(told.length, 18 + 20, 'the greeting, and the end of a list without a name');
});

test('over NBD a key opens nothing once its disk is closed', { skip }, async () => {
  await lab.targets.close(owned, { isForced: false });
  await assert.rejects(lab.io(OWNER, keyOf(owned), LOOK));
  assert.equal((await lab.targets.inspect(owned)).isOpen, false);
});

test('over AoE a guest of the subnet is answered by its own disks alone', { skip }, async () => {
  assert.ok(await lab.isIgnored(FIRST, { shelf: FIRST, slot: 3 }), 'its port is closed');
  const first = await lab.open(3, FIRST, 'aoe');
  assert.ok(await lab.isAnswered(FIRST, first));
  assert.ok(await lab.isIgnored(THIRD, first), 'no frame leaves a guest without a volume');
  assert.ok(await lab.isIgnored(SECOND, first));
  const second = await lab.open(4, SECOND, 'aoe');
  assert.ok(await lab.isAnswered(SECOND, second));
  assert.ok(await lab.isIgnored(SECOND, first), 'one with a volume of its own');
  const { work } = await lab.targets.inspect(first);
  assert.ok(work!.counters.readOps >= 1 && work!.counters.readNs > 0, 'it is counted');
  await lab.targets.close(first, { isForced: false });
  assert.ok(await lab.isIgnored(FIRST, first));
});

function keyOf({ nbd }: GuestDisk): string {
  return nbd!.key;
}
