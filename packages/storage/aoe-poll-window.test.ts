import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PollWindow } from './drivers/aoe/poll-window.ts';

/** Sleeps of these lengths, one after the other. */
function after(window: PollWindow, sleepsMs: readonly number[], fromMs = 0): number {
  let nowMs = fromMs;
  for (const sleepMs of sleepsMs) {
    window.sleeps(nowMs);
    nowMs += sleepMs;
    window.wakes(nowMs);
  }
  return nowMs;
}

const short = (count: number) => Array.from({ length: count }, () => 0.05);
const long = (count: number) => Array.from({ length: count }, () => 5);

test('a target that is seldom asked sleeps at once', () => {
  const window = new PollWindow();
  window.wakes(0);
  assert.equal(window.asks, 0);
  after(window, long(10));
  assert.equal(window.asks, 0);
});

test('short sleeps make it ask again, within a limit, and long ones end that', () => {
  const window = new PollWindow();
  after(window, short(1));
  const first = window.asks;
  assert.ok(first > 0);
  after(window, short(20));
  const most = window.asks;
  assert.ok(most > first && most <= 100);
  after(window, long(1));
  assert.ok(window.asks < most);
  after(window, long(10));
  assert.equal(window.asks, 0);
});

test('whoever takes the processor from it has it sleep for a while, however short its sleeps are', () => {
  const window = new PollWindow();
  const nowMs = after(window, short(20));
  window.wasDisplaced(1, nowMs);
  assert.equal(window.asks, 0);
  const laterMs = after(window, short(20), nowMs);
  assert.equal(window.asks, 0);
  window.wasDisplaced(1, laterMs);
  after(window, short(2), nowMs + 101);
  assert.ok(window.asks > 0, 'an old displacement counts no more');
});
