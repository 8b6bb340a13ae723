import assert from 'node:assert/strict';
import { test } from 'node:test';
import { errorOf, isSettled, MOST_ROUNDS } from './settling.ts';

test('one or two rounds settle nothing, however much they agree', () => {
  assert.equal(isSettled([]), false);
  assert.equal(isSettled([0.5]), false);
  assert.equal(isSettled([0.5, 0.5]), false);
});

test('three rounds that agree settle a row, three that do not leave it open', () => {
  assert.equal(isSettled([0.5, 0.51, 0.505]), true);
  assert.equal(isSettled([0.5, 0.6, 0.7]), false);
});

test('more rounds settle what three could not, and at some number it is enough', () => {
  const round = [0.5, 0.52, 0.54];
  assert.equal(isSettled(round), false);
  assert.equal(isSettled([...round, 0.52, 0.53, 0.515]), true);
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
