import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { presignUrl } from '@ironbark/protocol/sigv4/sign.ts';
import { KEYS, REGION, type S3Endpoint, startEndpoint } from '../conformance/s3/endpoint.ts';

function presign(endpoint: S3Endpoint, method: string): URL {
  return presignUrl({
    ...{ method, url: new URL(`${endpoint.url}/stall/object`), service: 's3', region: REGION },
    accessKeyId: KEYS.owner.accessKeyId,
    secretAccessKey: KEYS.owner.secretAccessKey,
    nowMs: Date.now(),
    expiresSeconds: 60,
  });
}

test('an upload without progress is ended with RequestTimeout and leaves nothing', async () => {
  await using endpoint = await startEndpoint({ stallTimeoutMs: 300 });
  await endpoint.send({ method: 'PUT', path: '/stall' });
  const url = presign(endpoint, 'PUT');
  const socket = connect(Number(url.port), url.hostname);
  socket.write(
    `PUT ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: 1000\r\n\r\nhalf`,
  );
  const answer = await text(socket);
  assert.match(answer, /^HTTP\/1.1 400 .*connection: close.*<Code>RequestTimeout<\/Code>/is);
  await endpoint.settled();
  assert.deepEqual(await endpoint.blobFiles(), []);
});

test('a reader that stops reading is cut off, and its blob can be removed', async () => {
  await using endpoint = await startEndpoint({ stallTimeoutMs: 300 });
  await endpoint.send({ method: 'PUT', path: '/stall' });
  const body = Buffer.alloc(32 * MIB);
  await endpoint.send({ method: 'PUT', path: '/stall/object', body });
  const url = presign(endpoint, 'GET');
  const socket = connect(Number(url.port), url.hostname);
  socket.on('error', () => {});
  socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nhost: ${url.host}\r\n\r\n`);
  await new Promise((resolve) => socket.once('readable', resolve));
  await endpoint.send({ method: 'DELETE', path: '/stall/object' });
  const isGone = async () => (await endpoint.blobFiles()).length === 0;
  await waitFor(isGone, { clock: systemClock, timeoutMs: 10_000, what: 'the blob to be removed' });
  socket.destroy();
});
