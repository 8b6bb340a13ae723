// One request is one request: whatever two readers could take for more is refused, and the connection ends.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CloudUnderTest } from '../support/cloud-under-test.ts';
import { exchange, openPeer, statusesOf } from '../support/raw-http.ts';

let cloud: CloudUnderTest;

before(async () => {
  cloud = await CloudUnderTest.start({ hypervisor: 'simulated' });
});
after(() => cloud?.[Symbol.asyncDispose]());

const HIDDEN = 'GET /hidden/object HTTP/1.1\r\nHost: x\r\n\r\n';
const POST = 'POST /b/o HTTP/1.1\r\nHost: x\r\n';
const CHUNKED = 'Transfer-Encoding: chunked\r\n';

/** What RFC 9112 says is no request, in forms that have fooled a pair of a proxy and a server. */
const CORPUS: Readonly<Record<string, string>> = {
  'a length and chunks': `${POST}Content-Length: 5\r\n${CHUNKED}\r\n0\r\n\r\n${HIDDEN}`,
  'chunks and a length': `${POST}${CHUNKED}Content-Length: 5\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'two lengths': `${POST}Content-Length: 0\r\nContent-Length: 5\r\n\r\n${HIDDEN}`,
  'two lengths in one header': `${POST}Content-Length: 0, 5\r\n\r\n${HIDDEN}`,
  'a signed length': `${POST}Content-Length: +0\r\n\r\n${HIDDEN}`,
  'a negative length': `${POST}Content-Length: -1\r\n\r\n${HIDDEN}`,
  'a length in hexadecimal': `${POST}Content-Length: 0x0\r\n\r\n${HIDDEN}`,
  'an unknown coding': `${POST}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'chunked, and then another coding': `${POST}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'two codings': `${POST}${CHUNKED}Transfer-Encoding: identity\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'a space before the colon': `${POST}Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'a folded header': `${POST}X-A: b\r\n Content-Length: 5\r\n\r\n${HIDDEN}`,
  'a folded coding': `${POST}Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n${HIDDEN}`,
  'lines that end in a line feed alone': `POST /b/o HTTP/1.1\nHost: x\nContent-Length: 0\n\n${HIDDEN}`,
  'a carriage return alone': `${POST}X-A: b\rContent-Length: 0\r\n\r\n${HIDDEN}`,
  'a NUL in a header': `${POST}X-A: b\0c\r\nContent-Length: 0\r\n\r\n${HIDDEN}`,
  'two hosts': `GET /b/o HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n${HIDDEN}`,
  'no host': `GET /b/o HTTP/1.1\r\n\r\n${HIDDEN}`,
  'a chunk size with a sign': `${POST}${CHUNKED}\r\n+0\r\n\r\n${HIDDEN}`,
  'a chunk size with a prefix': `${POST}${CHUNKED}\r\n0x0\r\n\r\n${HIDDEN}`,
  'a chunk size beyond numbers': `${POST}${CHUNKED}\r\nfffffffffffffffff\r\nx\r\n0\r\n\r\n${HIDDEN}`,
  'a chunk that ends in a line feed alone': `${POST}${CHUNKED}\r\n1\r\na\n0\r\n\r\n${HIDDEN}`,
  'a chunk extension that ends in a line feed': `${POST}${CHUNKED}\r\n0;a\n\r\n\r\n${HIDDEN}`,
  'an early version': `GET http://x/b/o\r\n\r\n${HIDDEN}`,
  'a control character in the target': `GET /b\x01o HTTP/1.1\r\nHost: x\r\n\r\n${HIDDEN}`,
};

for (const [name, bytes] of Object.entries(CORPUS)) {
  test(`A36: ${name}: one refusal at most, and the end of the connection`, async () => {
    const result = await exchange(cloud.credentials.endpoint, Buffer.from(bytes, 'latin1'));
    const statuses = statusesOf(result);
    // What was read before the fault showed may have got its own answer, that there is no such bucket; nothing comes after
    // that.
    assert.match(statuses.join(' '), /^(?:404|404 400|400)?$/, result.text);
    assert.doesNotMatch(result.text, /hidden/);
  });
}

test('A36: what follows a whole request on its connection is a request of its own', async () => {
  const { socket, closed } = await openPeer(cloud.credentials.endpoint);
  const last = HIDDEN.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n');
  socket.write(`${POST}Content-Length: ${HIDDEN.length}\r\n\r\n${HIDDEN}${last}`);
  const result = await closed;
  assert.deepEqual(statusesOf(result), [404, 404]);
  assert.equal(result.text.split('<Resource>/hidden/object</Resource>').length, 2);
});
