import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Readable } from 'node:stream';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import { isServiceError, ServiceError } from '@ironbark/core/errors.ts';
import { type Identity, issueCertificate, makeAuthority, newKeyPair } from '../certificates.ts';
import { systemClock, waitFor } from '../clock.ts';
import { createLogger } from '../logger.ts';
import { systemRandom } from '../random.ts';
import { type CallHandlerOptions, createCallHandler } from './call-server.ts';
import { answerCalls, CALL_SESSION, type CallSession, openCallSession } from './call-session.ts';
import { dialFront, FRONT_NAME, findPeer, listenTls, readChain } from './tls-listener.ts';

const issuing = { clock: systemClock, random: systemRandom };
const logger = createLogger({ write: () => {}, nowMs: () => 0 });
const authority = makeAuthority('Ironbark test', issuing);
const front = issue(authority, FRONT_NAME, 'server');
const node = issue(authority, 'node-1', 'client');

function issue(by: Identity, name: string, use: 'server' | 'client'): Identity {
  const { key, publicKey } = newKeyPair();
  return { key, certificate: issueCertificate(by, { name, use, publicKey }, issuing) };
}

async function listenAs(
  identity: Identity,
  onConnection: (socket: TLSSocket) => void,
  limits: { maxHandshakes?: number } = {},
) {
  return await listenTls({
    ...limits,
    address: { host: '127.0.0.1', port: 0 },
    ...{ identity, authority: authority.certificate, onConnection },
    protocols: [CALL_SESSION],
  });
}

function dialOptions(port: number) {
  const at = { host: '127.0.0.1', port, timeoutMs: 5_000, clock: systemClock };
  return { ...at, protocol: CALL_SESSION, authority: authority.certificate };
}

async function open(options: Partial<CallHandlerOptions>, timeoutMs = 5_000) {
  const taken = Promise.withResolvers<TLSSocket>();
  const listener = await listenAs(front, taken.resolve);
  const socket = await dialFront({ ...dialOptions(listener.port), identity: node });
  const stop = new AbortController();
  const handler = createCallHandler({ logger, verbs: {}, maxInputBytes: 1_000, ...options });
  const answered = answerCalls(socket, handler, { clock: systemClock, signal: stop.signal });
  const limits = { clock: systemClock, timeoutMs, maxAnswerBytes: 10_000 };
  const session: CallSession = openCallSession(await taken.promise, limits);
  const dispose = async () => {
    stop.abort();
    await answered;
    await listener[Symbol.asyncDispose]();
  };
  return { session, stop, answered, [Symbol.asyncDispose]: dispose };
}

test('who was dialled calls who has dialled, many at a time', async () => {
  const refusal = {
    kind: 'not-found',
    resource: 'instance',
    message: 'none',
    details: {},
  } as const;
  await using wire = await open({
    verbs: {
      double: async (input) => (input as { n: number }).n * 2,
      nothing: async () => undefined,
      long: async () => 'x'.repeat(20_000),
      refuse: async () => {
        throw new ServiceError(refusal);
      },
    },
  });
  const { session } = wire;
  const answers = await Promise.all([1, 2, 3].map((n) => session.call('double', { n })));
  assert.deepEqual(answers, [2, 4, 6]);
  assert.equal(await session.call('nothing'), null);
  await assert.rejects(session.call('refuse'), (error) => isServiceError(error, 'not-found'));
  await assert.rejects(session.call('absent'), /no such call/);
  await assert.rejects(session.call('long'), /more than 10000 bytes/);
  await assert.rejects(session.call('double', { n: 'x'.repeat(2_000) }), /more than 1000 bytes/);
  assert.equal(await session.call('double', { n: 4 }), 8, 'and goes on');
});

test('changes are told as they happen, and the end of the other side ends the session', async () => {
  const listeners = new Set<() => void>();
  await using wire = await open({
    onChange: (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    verbs: { hang: () => new Promise(() => {}) },
  });
  let told = 0;
  wire.session.watch(() => {
    told += 1;
  });
  const wait = { clock: systemClock, timeoutMs: 5_000, intervalMs: 2 };
  await waitFor(() => told === 1, { ...wait, what: 'the first word' });
  for (const listener of listeners) listener();
  await waitFor(() => told === 2, { ...wait, what: 'a change' });
  const hanging = assert.rejects(wire.session.call('hang'));
  wire.stop.abort();
  await wire.session.ended;
  await hanging;
  await waitFor(() => listeners.size === 0, { ...wait, what: 'nobody listens' });
});

test('an answer that trickles is given up when its time is over, and its stream ends', async () => {
  const body = new Readable({ read: () => {} }).on('error', () => {});
  const drip = setInterval(() => body.push(' '.repeat(50)), 10);
  const ended = new Promise<void>((resolve) => body.once('close', () => resolve()));
  void ended.then(() => clearInterval(drip));
  const trickle = async () => ({ answer: null, body });
  await using wire = await open({ byteVerbs: { trickle } }, 200);
  await assert.rejects(wire.session.call('trickle'), /no answer within 200 ms/);
  await ended;
});

test('a side that does not answer has a few calls open, and other verbs are called all the same', async () => {
  const hang = () => new Promise(() => {});
  await using wire = await open({ verbs: { hang, hello: async () => 'hello' } });
  const unanswered = Array.from({ length: 4 }, () => assert.rejects(wire.session.call('hang')));
  await assert.rejects(wire.session.call('hang'), { kind: 'unavailable' });
  assert.equal(await wire.session.call('hello'), 'hello');
  wire.session[Symbol.dispose]();
  await Promise.all(unanswered);
});

test('the caller’s end ends the side that answers', async () => {
  await using wire = await open({});
  wire.session[Symbol.dispose]();
  await wire.answered;
});

test('a node knows the front from everybody else, other nodes included', async () => {
  const other = makeAuthority('Ironbark test', issuing);
  for (const identity of [node, issue(other, FRONT_NAME, 'server')]) {
    await using listener = await listenAs(identity, () => {});
    await assert.rejects(dialFront({ ...dialOptions(listener.port), identity: node }));
  }
});

test('the front knows nodes by their certificates, and lets strangers speak without one', async () => {
  const seen: (string | undefined)[] = [];
  const listener = await listenAs(front, (socket) => {
    seen.push(findPeer(socket));
    socket.destroy();
  });
  await using _listener = listener;
  const stranger = issue(makeAuthority('Ironbark test', issuing), 'node-1', 'client');
  for (const identity of [node, stranger, front, undefined]) {
    const shown = identity === undefined ? {} : { identity };
    const socket = await dialFront({ ...dialOptions(listener.port), ...shown });
    if (!socket.destroyed) await once(socket, 'close');
  }
  assert.match(seen[0] ?? '', /^[0-9a-f]{64}$/);
  assert.deepEqual(seen.slice(1), [undefined, undefined, undefined]);
});

test('the chain that is shown ends with the authority', async () => {
  await using listener = await listenAs(front, () => {});
  const chain = await readChain(dialOptions(listener.port));
  assert.equal(chain.length, 2);
  assert.equal(chain[1]!.toString(), authority.certificate);
});

test('those that never finish their handshake shut out nobody', async () => {
  const maxHandshakes = 3;
  await using listener = await listenAs(front, () => {}, { maxHandshakes });
  const silent: Socket[] = [];
  for (let at = 0; at <= maxHandshakes; at += 1) {
    const socket = connect(listener.port, '127.0.0.1').on('error', () => {});
    silent.push(socket);
    await once(socket, 'connect');
  }
  await once(silent[0]!, 'close');
  const known = await dialFront({ ...dialOptions(listener.port), identity: node });
  assert.equal(known.authorized, true);
  for (const socket of [...silent, known]) socket.destroy();
});
