import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { systemRandom } from '@ironbark/platform/random.ts';
import { isMacOf, macOf, sealedBlocks } from './sealed-blocks.ts';

const KEY = randomBytes(32);
const form = sealedBlocks(KEY, systemRandom);
const plain = Buffer.from('what nobody else is to read');
const name = form.identify(plain);
const face = { scope: '000000000001-sealed', name, encoding: 'raw' } as const;

test('a block comes back as it was', () => {
  assert.deepEqual(form.open(face, form.seal(face, plain)), plain);
});

test('the same bytes have the same name in an account and another one elsewhere', () => {
  assert.equal(sealedBlocks(KEY, systemRandom).identify(plain), name);
  assert.notEqual(sealedBlocks(randomBytes(32), systemRandom).identify(plain), name);
});

test('no two objects are under the same key, also of the same bytes', () => {
  assert.notDeepEqual(form.seal(face, plain), form.seal(face, plain));
});

test('a changed byte, another place and another key are noticed', () => {
  const sealed = form.seal(face, plain);
  for (const at of [0, 31, 32, sealed.length - 1]) {
    const changed = Buffer.from(sealed);
    changed[at]! ^= 1;
    assert.equal(form.open(face, changed), undefined, `byte ${at}`);
  }
  assert.equal(form.open({ ...face, name: '0'.repeat(64) }, sealed), undefined);
  assert.equal(form.open({ ...face, scope: '000000000002-sealed' }, sealed), undefined);
  assert.equal(form.open({ ...face, encoding: 'zstd' }, sealed), undefined);
  assert.equal(sealedBlocks(randomBytes(32), systemRandom).open(face, sealed), undefined);
  assert.equal(form.open(face, sealed.subarray(0, 20)), undefined);
});

test('a manifest’s proof is good for that manifest and that account', () => {
  const mac = macOf(KEY, 'one');
  assert.equal(isMacOf(KEY, 'one', mac), true);
  assert.equal(isMacOf(KEY, 'two', mac), false);
  assert.equal(isMacOf(randomBytes(32), 'one', mac), false);
  assert.equal(isMacOf(KEY, 'one', ''), false);
});
