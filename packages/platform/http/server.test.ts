import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { systemClock, waitFor } from '../clock.ts';
import { silentLogger } from '../logger.ts';
import { type HttpListener, type ListenOptions, listen, serveTaken } from './server.ts';

type Exchange = [IncomingMessage, ServerResponse];

/** Answers at once, but for `/wait`, which is handed to the test. */
async function start(options: Partial<ListenOptions>, waits: Exchange[] = []) {
  return await listen({
    address: { host: '127.0.0.1', port: 0 },
    logger: silentLogger,
    handler: async (request, response) => {
      if (request.url === '/wait') waits.push([request, response]);
      else response.end('hello');
    },
    ...options,
  });
}

async function open({ port }: HttpListener, first = ''): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  await once(socket, 'connect');
  if (first !== '') socket.write(first);
  return socket;
}

const GET = 'GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n';
const WAIT = 'GET /wait HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\nconnection: close\r\n\r\n';

test('a full listener makes room by closing the connection that has been silent for longest', async () => {
  await using server = await start({ maxConnections: 3 });
  const silent = [await open(server), await open(server), await open(server)];
  const closed = once(silent[0]!, 'close');
  assert.match(await text(await open(server, GET)), /hello/);
  await closed;
  assert.equal(silent[1]!.closed, false);
  for (const socket of silent) socket.destroy();
});

test('a full listener does not close a connection whose request it works on', async () => {
  const waits: Exchange[] = [];
  await using server = await start({ maxConnections: 2, handlesContinue: true }, waits);
  const answer = text(await open(server, WAIT));
  const second = text(await open(server, WAIT));
  const options = { clock: systemClock, timeoutMs: 5_000, intervalMs: 2, what: 'two requests' };
  await waitFor(() => waits.length === 2, options);
  assert.equal(await text(await open(server, GET)).catch(() => ''), '');
  for (const [, response] of waits) response.end('done');
  assert.match(await answer, /done/);
  assert.match(await second, /done/);
});

test('a connection that asks for too much at once is cut, and only so much of it is begun', async () => {
  const waits: Exchange[] = [];
  await using server = await start({}, waits);
  const one = 'GET /wait HTTP/1.1\r\nhost: x\r\n\r\n';
  assert.equal(await text(await open(server, one.repeat(1_000))).catch(() => ''), '');
  assert.equal(waits.length, 16);
});

test('A36: a request with two hosts is nobody’s', async () => {
  await using server = await start({});
  const answer = await text(
    await open(server, 'GET / HTTP/1.1\r\nhost: x\r\nHost: y\r\nConnection: close\r\n\r\n'),
  );
  assert.match(answer, /^HTTP\/1\.1 400 /);
});

const UNFINISHED = [
  '',
  'GET / HTTP/1.1\r\nhost:',
  'POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 9\r\n\r\nhalf',
];

test('connections that somebody else has taken are closed when they do not come to the point', async () => {
  await using intake = await startIntake({ requestTimeoutMs: 50 });
  const sockets = await Promise.all(UNFINISHED.map((first) => open(intake, first)));
  await Promise.all(sockets.map((socket) => once(socket.resume(), 'close')));
});

test('they end with what has served them', async () => {
  const intake = await startIntake({});
  const sockets = await Promise.all(UNFINISHED.map((first) => open(intake, first)));
  assert.match(await text(await open(intake, GET)), /hello/);
  const closed = sockets.map((socket) => once(socket.resume(), 'close'));
  await intake[Symbol.asyncDispose]();
  await Promise.all(closed);
});

/** The handler reads the whole request before it answers. */
async function startIntake(options: { requestTimeoutMs?: number }): Promise<HttpListener> {
  const intake = serveTaken({
    ...options,
    logger: silentLogger,
    handler: async (request, response) => {
      await text(request).catch(() => '');
      response.end('hello');
    },
  });
  const taker = createServer((socket) => intake.take(socket)).listen(0, '127.0.0.1');
  await once(taker, 'listening');
  const dispose = async () => {
    await intake[Symbol.asyncDispose]();
    taker.close();
  };
  return { port: (taker.address() as AddressInfo).port, [Symbol.asyncDispose]: dispose };
}
