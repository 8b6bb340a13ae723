import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PARAVIRTUAL } from '@ironbark/core/io-profile.ts';
import { explainNic, type LiveNic } from './live-network.ts';

const NONE = { inBytes: 0, outBytes: 0, inPackets: 0, outPackets: 0 };
const PATH = { inBitsPerSecond: 1e9, outBitsPerSecond: 1e9 };

function look(megabitsOut: number, packetBytes: number, more: Partial<LiveNic> = {}) {
  const outBytes = megabitsOut * 125_000;
  return explainNic({
    ...{ before: NONE, after: { ...NONE, outBytes, outPackets: outBytes / packetBytes } },
    ...{ seconds: 1, profile: PARAVIRTUAL, vcpus: 2, queues: 1, path: PATH },
    ...{ processor: { guest: 0.3, serving: 0.2 }, ...more },
  })!;
}

test('a card is held against the host’s path, the way that it is used more', () => {
  const { direction, efficiency, megabitsPerSecond } = look(250, 60_000);
  assert.deepEqual([direction, efficiency, megabitsPerSecond], ['transmit', 0.25, 250]);
  const after = { ...NONE, inBytes: 125e6, inPackets: 1 };
  assert.equal(look(0, 1, { after }).direction, 'receive');
  assert.match(look(990, 60_000).explanation.sentence, /no gap/);
});

test('whoever has no more to give is named, and nobody where all have', () => {
  const guest = { processor: { guest: 0.97, serving: 0.2 } };
  assert.equal(look(250, 60_000, guest).explanation.cause?.name, 'starved-guest');
  assert.equal(look(250, 1_500, guest).explanation.cause?.name, 'small-frames');
  const serving = { processor: { guest: 0.2, serving: 0.97 } };
  assert.equal(look(250, 60_000, serving).explanation.cause?.name, 'single-queue');
  const idle = look(250, 1_500).explanation;
  assert.deepEqual([idle.cause, /ask for no more/.test(idle.sentence)], [undefined, true]);
});

test('what is not known is said: the path, the processors, a card that moved nothing or began anew', () => {
  const { path: _path, ...without } = { path: PATH, processor: { guest: 0.97, serving: 0 } };
  const unmeasured = look(250, 60_000, { ...without, path: undefined } as never);
  assert.deepEqual(
    [unmeasured.efficiency, unmeasured.explanation.cause?.name],
    [undefined, 'starved-guest'],
  );
  const idle = { processor: { guest: 0.1, serving: 0.1 }, path: undefined } as never;
  assert.match(look(250, 60_000, idle).explanation.sentence, /was not measured/);
  assert.match(look(0, 1).explanation.sentence, /Nothing was sent/);
  assert.equal(explainNic({ ...nicThatBeganAnew() }), undefined);
});

function nicThatBeganAnew(): LiveNic {
  const rest = { seconds: 1, profile: PARAVIRTUAL, vcpus: 1, queues: 1 };
  return { before: { ...NONE, outBytes: 5 }, after: NONE, ...rest };
}
