// Owns the test of where nodes reach the front end's own node, which must not come and go with the door.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRONT, JoinedZone } from './testing/joined-zone.ts';

test('the front end’s node keeps its address while the door cannot be opened', async () => {
  await using zone = await JoinedZone.start();
  await zone.token();
  // No host has it: the door stays shut.
  const address = '10.255.255.254';
  await zone.restart(async () => zone.rewrite(`UPDATE door SET host = '${address}'`));
  const findFront = async () => {
    const [node] = await zone.cluster.client.describeNodes([FRONT]);
    return node?.health === 'ready' ? node : undefined;
  };
  await zone.until('the first report', async () => (await findFront()) !== undefined);
  assert.match(zone.admin.problem ?? '', /10\.255\.255\.254/);
  assert.equal((await findFront())?.underlayAddress, address);
});
