// Owns the test of how much of the door strangers can hold.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { dialFront } from '@ironbark/platform/http/tls-listener.ts';
import { JoinedZone } from '../testing/joined-zone.ts';

/** As the door allows one address without a certificate. */
const STRANGERS = 8;

test('strangers who say nothing hold a few connections, and none of a node’s', async () => {
  await using zone = await JoinedZone.start();
  await using host = await zone.join('n1');
  const { at } = await zone.token();
  const silent: TLSSocket[] = [];
  for (let number = 0; number < STRANGERS; number += 1) {
    silent.push(await dialFront({ ...at, protocol: 'http/1.1' }));
  }
  const next = await dialFront({ ...at, protocol: 'http/1.1' });
  if (!next.destroyed) await once(next, 'close');
  assert.deepEqual(await host.ask('hello'), { isNode: true });
  await host.connect();
  await zone.untilState('n1', 'ready');
  for (const socket of silent) socket.destroy();
});
