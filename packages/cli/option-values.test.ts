import assert from 'node:assert/strict';
import { test } from 'node:test';
import { InvalidArgumentError } from 'commander';
import { parsePublicBlock } from './option-values.ts';

test('public addresses are a block with its length, large enough to give and small enough to look through', () => {
  for (const block of ['192.0.2.0/24', '10.1.0.0/16', '198.51.100.4/30']) {
    assert.equal(parsePublicBlock(block), block);
  }
  for (const text of ['192.0.2.0', '192.0.2.1/24', '10.0.0.0/8', '192.0.2.4/31', 'all', '']) {
    assert.throws(() => parsePublicBlock(text), InvalidArgumentError, text);
  }
});
