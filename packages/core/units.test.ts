import assert from 'node:assert/strict';
import { test } from 'node:test';
import { renderCount } from './units.ts';

test('one is singular, none and several are plural', () => {
  assert.equal(renderCount(0, 'images'), '0 images');
  assert.equal(renderCount(1, 'images'), '1 image');
  assert.equal(renderCount(1, 'key pairs'), '1 key pair');
  assert.equal(renderCount(2, 'images'), '2 images');
});
