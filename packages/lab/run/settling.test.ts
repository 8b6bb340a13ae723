import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf, isSettled, leastCertain, MOST_ROUNDS } from './settling.ts';

test('one or two rounds settle nothing, however much they agree', () => {
  assert.equal(isSettled([]), false);
  assert.equal(isSettled([0.5]), false);
  assert.equal(isSettled([0.5, 0.5]), false);
});

test('three rounds that agree settle a row, three that do not leave it open', () => {
  assert.equal(isSettled([0.5, 0.51, 0.505]), true);
  assert.equal(isSettled([0.5, 0.6, 0.7]), false);
});

test('two rounds of three that agree by chance settle nothing', () => {
  assert.equal(isSettled([0.5, 0.502, 0.6]), false);
});

test('more rounds settle what three could not, and at some number it is enough', () => {
  const round = [0.5, 0.52, 0.54];
  assert.equal(isSettled(round), false);
  assert.equal(isSettled([...round, 0.52, 0.523, 0.518, 0.515]), true);
  const wild = Array.from({ length: MOST_ROUNDS }, (_, index) => 0.1 + index / 10);
  assert.equal(isSettled(wild.slice(1)), false);
  assert.equal(isSettled(wild), true);
});

test('what is expected of the one in the middle is a share of it', () => {
  assert.equal(errorOf([1, 1, 1]), 0);
  const [small, large] = [errorOf([1, 1.1, 1.2]), errorOf([10, 11, 12])];
  assert.ok(Math.abs(small - large) < 1e-9 && small > 0.05 && small < 0.1);
  assert.equal(errorOf([0, 0, 0]), 0);
});

test('what was measured least comes next, then what is least certain, with all that are held against the same', () => {
  const row = (name: string, key: string, ratios: number[]) => ({ row: name, key, ratios });
  const sure = row('sure', 'read', [0.5, 0.5, 0.5]);
  const wild = row('wild', 'write', [0.5, 0.6, 0.7]);
  const loose = row('loose', 'read', [0.5, 0.55, 0.52]);
  const other = row('other', 'write', [0.5, 0.54, 0.52]);
  assert.deepEqual(leastCertain([sure, loose, wild, other]), ['wild', 'other']);
  assert.deepEqual(leastCertain([sure, wild, row('new', 'read', [0.5])]), ['new']);
  assert.deepEqual(leastCertain([sure]), []);
});
