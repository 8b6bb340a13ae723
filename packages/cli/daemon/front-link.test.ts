import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import {
  type Identity,
  issueCertificate,
  makeAuthority,
  newKeyPair,
} from '@ironbark/platform/certificates.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { createCallHandler } from '@ironbark/platform/http/call-server.ts';
import { CALL_SESSION, openCallSession } from '@ironbark/platform/http/call-session.ts';
import { FRONT_NAME, listenTls } from '@ironbark/platform/http/tls-listener.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { FrontLink, REQUESTS } from './front-link.ts';

const issuing = { clock: systemClock, random: systemRandom };
const logger = createLogger({ write: () => {}, nowMs: () => 0 });
const authority = makeAuthority('Ironbark test', issuing);

function issue(name: string, use: 'server' | 'client'): Identity {
  const { key, publicKey } = newKeyPair();
  return { key, certificate: issueCertificate(authority, { name, use, publicKey }, issuing) };
}

test('a node is connected once it is asked something, and not any more when that has ended', async () => {
  const sockets: TLSSocket[] = [];
  await using listener = await listenTls({
    address: { host: '127.0.0.1', port: 0 },
    identity: issue(FRONT_NAME, 'server'),
    authority: authority.certificate,
    protocols: [CALL_SESSION, REQUESTS],
    onConnection: (socket) => sockets.push(socket.on('error', () => {})),
  });
  await using link = new FrontLink({
    front: { host: '127.0.0.1', port: listener.port },
    identity: {
      format: 'ironbark-node/1',
      identity: issue('node-1', 'client'),
      authority: authority.certificate,
    },
    handler: createCallHandler({
      logger,
      verbs: { greet: async () => 'hello' },
      maxInputBytes: 100,
    }),
    onLost: async () => {},
    ...{ clock: systemClock, random: systemRandom, logger },
  });
  const until = (what: string, probe: () => boolean) =>
    waitFor(async () => probe(), { clock: systemClock, timeoutMs: 5_000, what });
  await until('a connection', () => sockets.length === 1);
  await systemClock.sleep(50);
  assert.equal(link.isConnected, false);
  assert.match(link.problem ?? '', /not been reached/);

  const limits = { clock: systemClock, timeoutMs: 5_000, maxAnswerBytes: 100 };
  using session = openCallSession(sockets[0]!, limits);
  assert.equal(await session.call('greet'), 'hello');
  assert.equal(link.isConnected, true);
  assert.equal(link.problem, undefined);

  session[Symbol.dispose]();
  await until('the end of it', () => !link.isConnected);
  assert.match(link.problem ?? '', /has ended/);
  for (const socket of sockets) socket.destroy();
});
