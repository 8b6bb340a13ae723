// Owns the test of asking a front end of another version for a gate.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { id, integer, object } from './checks.ts';
import { askForGate, type GateKey } from './gate-wire.ts';

const KEY: GateKey = { id: 'vol-00000000000000001' as VolumeId, opening: 1 };
const ACCESS = { port: 1, user: 'attachment', key: 'a'.repeat(64) };

test('a front end that does not know of a gate’s length is asked as before', async () => {
  const before = object<GateKey>({ id: id('vol'), opening: integer(1, 9) });
  const call = async (_verb: string, input: unknown) => {
    assert.deepEqual(before(input, ''), KEY);
    return ACCESS;
  };
  assert.deepEqual(await askForGate({ call }, KEY), ACCESS);
});
