// Owns the tests of what the API endpoint does with requests that it does not want, and with its own bugs.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import {
  sendSigned,
  signedHeaders,
  startEndpoint,
  type TestEndpoint,
} from '../testing/endpoint-fixture.ts';

let endpoint: TestEndpoint;

before(async () => {
  endpoint = await startEndpoint();
});

after(() => endpoint[Symbol.asyncDispose]());

test('A1: SOAP, JSON, other methods and other paths are refused unread', async () => {
  const before = endpoint.seen.length;
  const refused = [
    { body: '<Envelope/>', contentType: 'text/xml' },
    { body: '{}', contentType: 'application/json' },
    { body: 'Action=DescribeInstances', method: 'PUT' },
    { body: 'Action=DescribeInstances', target: '/services/Cloud' },
  ];
  for (const options of refused) {
    const answer = await sendSigned(endpoint, options);
    assert.deepEqual([answer.status, answer.code], [400, 'UnsupportedProtocol']);
  }
  assert.equal(endpoint.seen.length, before);
});

test('a body over the limit is refused, whether it says its length or not', async () => {
  const body = `Action=DescribeInstances&Padding=${'x'.repeat(1024 * 1024)}`;
  const answer = await sendSigned(endpoint, { body });
  assert.deepEqual([answer.status, answer.code], [413, 'RequestEntityTooLarge']);
  const url = new URL('/', endpoint.url);
  const headers = signedHeaders(url, 'POST', body);
  const stream = new Blob([body]).stream();
  const chunked = await fetch(url, {
    method: 'POST',
    headers,
    body: stream,
    duplex: 'half',
  } as RequestInit);
  assert.equal(chunked.status, 413);
  assert.match(await chunked.text(), /RequestEntityTooLarge/);
});

async function sendRaw(contentLength: number, part: string): Promise<Socket> {
  const url = new URL('/', endpoint.url);
  const signed = signedHeaders(url, 'POST', '');
  const headers = { host: url.host, 'content-length': String(contentLength), ...signed };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(endpoint.port, '127.0.0.1');
  await once(socket, 'connect');
  socket.write(`POST / HTTP/1.1\r\n${lines.join('')}\r\n${part}`);
  return socket;
}

test('a body that says it is far too long is answered before it is sent', async () => {
  const socket = await sendRaw(100 * 1024 * 1024, 'Action=');
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1.1 413 /);
  assert.match(answer, /connection: close/i);
});

test('a client that goes away in the middle is not an error of ours', async () => {
  endpoint.logged.length = 0;
  const socket = await sendRaw(1000, 'Action=Describe');
  socket.destroy();
  assert.equal((await sendSigned(endpoint, { body: 'Action=DescribeInstances' })).status, 200);
  assert.deepEqual(
    endpoint.logged.map((line) => line.message),
    ['api request'],
  );
});

test('a bug is logged once and answered without its inside', async () => {
  for (const action of ['StopInstances', 'TerminateInstances']) {
    endpoint.logged.length = 0;
    const answer = await sendSigned(endpoint, { body: `Action=${action}&InstanceId.1=i-1` });
    assert.deepEqual([answer.status, answer.code], [500, 'InternalError']);
    assert.doesNotMatch(answer.text, /secret|deeper|Nonsense|at /);
    assert.equal(endpoint.logged.filter((line) => line.level === 'error').length, 1);
  }
});
