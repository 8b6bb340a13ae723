// Owns the test of a node whose guests do not all end.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { endJoinedNode } from './end-joined-node.ts';

test('a guest that does not end keeps neither volumes nor network, and the node has not ended', async () => {
  const ended: string[] = [];
  const stuck = new Error('a guest does not end');
  const ending = endJoinedNode({
    guests: () => Promise.reject(stuck),
    volumes: async () => void ended.push('volumes'),
    network: async () => void ended.push('network'),
  });
  await assert.rejects(ending, { errors: [stuck] });
  assert.deepEqual(ended, ['volumes', 'network']);
});
