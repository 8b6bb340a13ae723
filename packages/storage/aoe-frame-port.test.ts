import assert from 'node:assert/strict';
import { closeSync, writeSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { check, openLibC } from '@ironbark/platform/libc.ts';
import { BATCH, FramePort } from './drivers/aoe/frame-port.ts';
import { FrameSlots } from './drivers/aoe/frame-slots.ts';

// From linux/socket.h.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;

/** Two ends that stand for an interface and its other side: what is written is one frame. */
function openPair(t: TestContext): [number, number] {
  const { library } = openLibC();
  const open = library.func('int socketpair(int family, int type, int protocol, void *fds)');
  const fds = Buffer.alloc(8);
  check(open(AF_UNIX, SOCK_DGRAM, 0, fds) as number, 'socketpair');
  const ends: [number, number] = [fds.readInt32LE(0), fds.readInt32LE(4)];
  t.after(() => ends.forEach((fd) => void closeSync(fd)));
  return ends;
}

test('a slot that is missing between two others is waited for, and no frame comes without one', (t) => {
  const [here, there] = openPair(t);
  // One more than wait: it takes the place of the first that comes, and nothing that of the second.
  const slots = new FrameSlots(BATCH + 1);
  const port = new FramePort({ fd: here, mac: 0, mtuBytes: 1_500 }, slots);
  const send = (names: string[]) => {
    for (const name of names) writeSync(there, name);
  };
  const kept: number[] = [];
  const came: string[] = [];
  const read = (slot: number, length: number) => {
    assert.ok(slot >= 0, `slot ${slot}`);
    came.push(slots.frame(slot, length).toString());
  };
  send(['a', 'b', 'c']);
  port.receive((slot, length) => {
    read(slot, length);
    // As one that is answered at once; the others are worked on.
    if (came.length === 2) slots.give(slot);
    else kept.push(slot);
  });
  const more = Array.from({ length: BATCH }, (_, n) => `frame ${n}`);
  send(more);
  while (came.length < 3 + more.length) {
    const count = port.receive((slot, length) => {
      read(slot, length);
      slots.give(slot);
    });
    assert.ok(count > 0, 'all that were sent come');
  }
  assert.deepEqual(came, ['a', 'b', 'c', ...more]);
  assert.equal(new Set(kept).size, 2);
});
