// Hosts that join a zone over TLS, and those that must not.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { newKeyPair } from '@ironbark/platform/certificates.ts';
import { CALL_SESSION } from '@ironbark/platform/http/call-session.ts';
import { NODE_PROTOCOL } from '@ironbark/protocol/internal/join-messages.ts';
import { TOKEN_LIFE_MS } from './app/join-tokens.ts';
import { ACCESS, FRONT, INSTANCE, JoinedZone } from './testing/joined-zone.ts';

test('a host joins with a token, answers calls, and fetches the images of its instances alone', async () => {
  await using zone = await JoinedZone.start();
  await using host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  await zone.place(host.nodeId, 'running');
  await zone.until('the document', () => host.node.intent.instances.length === 1);
  const { bytes } = await zone.cluster.client.getConsoleOutput(INSTANCE);
  assert.equal(Buffer.from(bytes).toString(), `console of ${INSTANCE}`);
  const { body } = await host.images().getObject({ bucket: 'images', key: 'root' });
  assert.equal(Buffer.concat(await body.toArray()).toString(), 'images/root');
  for (const key of ['other', 'root2']) {
    const refused = host.images().getObject({ bucket: 'images', key });
    await assert.rejects(refused, { kind: 'not-authorized' });
  }
  const [summary] = (await zone.cluster.client.describeNodes()).filter(
    ({ nodeId }) => nodeId === host.nodeId,
  );
  assert.equal(summary?.reachesVolumes, false);
  const asked = { id: 'vol-00000000000000001', opening: 1 };
  const { sizeBytes, ...before } = { ...ACCESS, key: host.nodeId };
  assert.deepEqual(
    await host.ask('findGate', asked),
    before,
    'as who asks in the old way reads it',
  );
  const withSize = await host.ask('findGate', { ...asked, withSize: true });
  assert.deepEqual(withSize, { ...before, sizeBytes });
});

test('a token is good for one host, and nobody else’s is', async () => {
  await using zone = await JoinedZone.start();
  const token = await zone.token();
  await using _host = await zone.join('n1', token);
  await assert.rejects(zone.join('n2', token), { message: /not known here, or was used already/ });
  const next = await zone.token();
  const wrong = { ...next, secret: 'a'.repeat(48) };
  await assert.rejects(zone.join('n2', wrong), { kind: 'not-authorized' });
  await assert.rejects(zone.join('n1', next), { kind: 'duplicate' }, 'a name that is taken');
  await using _other = await zone.join('n2', next);
  assert.equal((await zone.nodes()).length, 3);
});

test('a token that was guessed at five times is gone', async () => {
  await using zone = await JoinedZone.start();
  const token = await zone.token();
  for (let time = 0; time < 5; time += 1) {
    const wrong = { ...token, secret: `${time}`.repeat(48) };
    await assert.rejects(zone.join('n1', wrong), { kind: 'not-authorized' });
  }
  await assert.rejects(zone.join('n1', token), { kind: 'not-authorized' });
});

test('whoever guesses on and on is not listened to for a minute', async () => {
  await using zone = await JoinedZone.start();
  const token = await zone.token();
  const guess = (id: string) => zone.join('n1', { ...token, id });
  for (let time = 0; time < 30; time += 1) {
    await assert.rejects(guess(String(time).padStart(16, '0')), { kind: 'not-authorized' });
  }
  await assert.rejects(zone.join('n1', token), { kind: 'throttled' });
  const { publicKey } = newKeyPair();
  const wrong = { tokenId: '0'.repeat(16), secret: token.secret, name: 'n1', publicKey };
  const request = { protocol: NODE_PROTOCOL, version: '1.2.3', ...wrong };
  const elsewhere = zone.ask(token, 'join', request, '127.0.0.2');
  await assert.rejects(elsewhere, { kind: 'not-authorized' }, 'others are listened to');
  zone.clock.aheadMs += 61_000;
  await using _host = await zone.join('n1', token);
});

test('a token expires', async () => {
  await using zone = await JoinedZone.start();
  const token = await zone.token();
  zone.clock.aheadMs += TOKEN_LIFE_MS;
  await assert.rejects(zone.join('n1', token), { message: /expired/ });
});

test('another version is told so, whatever else it says', async () => {
  await using zone = await JoinedZone.start();
  const token = await zone.token();
  const request = { protocol: NODE_PROTOCOL + 1, version: '9.9', somethingNew: true };
  await assert.rejects(zone.ask(token, 'join', request), {
    message: /has Ironbark 9\.9 and the front end 1\.2\.3/,
  });
});

test('a removed node’s certificate is worth nothing; a node that is used is not removed', async () => {
  await using zone = await JoinedZone.start();
  await using host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  await zone.place(host.nodeId, 'running');
  await assert.rejects(zone.admin.removeNode({ name: 'n1' }), { kind: 'in-use' });
  await zone.place(host.nodeId, 'terminated');
  const isOver = async () =>
    (await zone.cluster.client.changesSince(0)).instances.some(
      ({ observation }) => observation.power === 'terminated',
    );
  await zone.until('the end of the instance', isOver);
  await zone.cluster.client.forgetInstances([INSTANCE]);
  const { nodesGeneration } = await zone.cluster.client.changesSince(0);
  await zone.admin.removeNode({ name: 'n1' });
  assert.ok((await zone.cluster.client.changesSince(0)).nodesGeneration > nodesGeneration);
  await host.ended;
  assert.deepEqual(
    (await zone.nodes()).map(({ name }) => name),
    ['host-of-node-front'],
  );
  const socket = await host.dial(CALL_SESSION);
  if (!socket.destroyed) await once(socket, 'close');
  await assert.rejects(host.images().getObject({ bucket: 'images', key: 'root' }));
  assert.deepEqual(await host.ask('hello'), { isNode: false });
  for (const verb of ['leave', 'findGate']) await assert.rejects(host.ask(verb), /no such call/);
});

test('a node speaks of itself alone', async () => {
  await using zone = await JoinedZone.start();
  await using honest = await zone.join('n1');
  await using liar = await zone.join('n2');
  await zone.untilState('n2', 'ready');
  const getReport = liar.node.getReport.bind(liar.node);
  for (const lie of [
    { nodeId: honest.nodeId },
    { nodeId: FRONT },
    { hostname: 'x'.repeat(9_999) },
  ]) {
    liar.node.getReport = async () => ({ ...(await getReport()), ...lie });
    zone.clock.aheadMs += 31_000;
    honest.node.notify();
    liar.node.notify();
    await zone.untilState('n2', 'away');
    await zone.untilState('n1', 'ready');
  }
  // It says that another one's instance is over.
  await zone.place(honest.nodeId, 'running');
  const seen = async () => (await zone.cluster.client.changesSince(0)).instances;
  await zone.until('the instance', async () => (await seen()).length === 1);
  const [{ observation }] = (await seen()) as [Awaited<ReturnType<typeof seen>>[number]];
  liar.node.getReport = async () => ({
    ...(await getReport()),
    instances: [{ ...observation, power: 'terminated' as const }],
  });
  liar.node.notify();
  await zone.untilState('n2', 'ready');
  assert.deepEqual(
    (await seen()).map((each) => [each.nodeId, each.observation.power]),
    [[honest.nodeId, 'running']],
  );
});

test('a node that is away comes back to its place; the front end does so, too', async () => {
  await using zone = await JoinedZone.start();
  await using host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  await host.hangUp();
  zone.clock.aheadMs += 31_000;
  await zone.untilState('n1', 'away');
  await host.connect();
  await zone.untilState('n1', 'ready');
  await zone.restart();
  await host.connect();
  await zone.untilState('n1', 'ready');
});

test('a front end whose port is taken starts all the same, says so, and opens the door later', async () => {
  await using zone = await JoinedZone.start();
  await using host = await zone.join('n1');
  const taker = createServer();
  await zone.restart(async (port) => {
    taker.listen(port, '127.0.0.1');
    await once(taker, 'listening');
  });
  assert.match(zone.admin.problem ?? '', /cannot come in: Cannot listen on 127\.0\.0\.1/);
  await assert.rejects(zone.token(), { kind: 'unavailable' });
  taker.close();
  await once(taker, 'close');
  await zone.token();
  assert.equal(zone.admin.problem, undefined);
  await host.connect();
  await zone.untilState('n1', 'ready');
});

test('a drained node says so until it is resumed', async () => {
  await using zone = await JoinedZone.start();
  await using host = await zone.join('n1');
  await zone.untilState('n1', 'ready');
  const generation = async () => (await zone.cluster.client.changesSince(0)).nodesGeneration;
  const before = await generation();
  assert.equal((await zone.admin.drainNode({ name: host.nodeId })).state, 'draining');
  assert.ok((await generation()) > before, 'whoever places instances hears of it');
  await zone.restart();
  await host.connect();
  await zone.untilState('n1', 'draining');
  assert.equal((await zone.admin.resumeNode({ name: 'n1' })).state, 'ready');
  await assert.rejects(zone.admin.drainNode({ name: 'n7' }), { kind: 'not-found' });
  await assert.rejects(zone.admin.removeNode({ name: FRONT }), { kind: 'operation-not-permitted' });
});

test('no node is named like another one’s id, and one that is so named keeps nobody from leaving', async () => {
  await using zone = await JoinedZone.start();
  await using host = await zone.join('n1');
  const token = await zone.token();
  await assert.rejects(zone.join(host.nodeId, token), { kind: 'invalid-parameter' });
  await using _other = await zone.join('n2', token);
  await zone.restart(async () =>
    zone.rewrite(`UPDATE joined_node SET name = '${host.nodeId}' WHERE name = 'n2'`),
  );
  await host.ask('leave');
  assert.deepEqual(
    (await zone.nodes()).map(({ nodeId }) => nodeId).filter((id) => id === host.nodeId),
    [],
  );
});
