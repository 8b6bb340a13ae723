import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { type DigestAlgorithm, DigestSet } from '@ironbark/protocol/s3/checksums.ts';
import { presignUrl } from '@ironbark/protocol/sigv4/sign.ts';
import { errorCode, KEYS, REGION, type S3Endpoint, startEndpoint } from './endpoint.ts';

/** Large enough to be digested beside the event loop, and no whole number of blocks. */
const BYTES = Buffer.alloc(5 * MIB + 12_345);
for (let at = 0; at < BYTES.length; at += 4)
  BYTES.writeUInt32LE(Math.imul(at, 2_654_435_761) >>> 0, Math.min(at, BYTES.length - 4));
const PATH = '/large/object';

let endpoint: S3Endpoint;

before(async () => {
  endpoint = await startEndpoint();
  await endpoint.send({ method: 'PUT', path: '/large' });
});
after(() => endpoint[Symbol.asyncDispose]());

function digest(algorithm: DigestAlgorithm): string {
  const digests = new DigestSet([algorithm]);
  digests.update(BYTES);
  return digests.get(algorithm).toString('base64');
}

/** Unsigned chunks of this size, with a trailer. */
function framed(chunkBytes: number, crc: string) {
  const pieces: Buffer[] = [];
  for (let at = 0; at < BYTES.length; at += chunkBytes) {
    const chunk = BYTES.subarray(at, at + chunkBytes);
    pieces.push(Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n'));
  }
  pieces.push(Buffer.from(`0\r\nx-amz-checksum-crc32c:${crc}\r\n\r\n`));
  return {
    body: Buffer.concat(pieces),
    payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER',
    headers: {
      'x-amz-decoded-content-length': String(BYTES.length),
      'x-amz-trailer': 'x-amz-checksum-crc32c',
    },
  };
}

async function requireStored(headers: Record<string, string> = {}): Promise<void> {
  const whole = await endpoint.send({ path: PATH, headers });
  assert.ok(Buffer.from(await whole.arrayBuffer()).equals(BYTES));
  const range = `bytes=${MIB - 3}-${3 * MIB + 7}`;
  const part = await endpoint.send({ path: PATH, headers: { ...headers, range } });
  assert.ok(Buffer.from(await part.arrayBuffer()).equals(BYTES.subarray(MIB - 3, 3 * MIB + 8)));
}

const md5 = createHash('md5').update(BYTES).digest();
const customer = Buffer.alloc(32, 'k');
const FORMS: readonly [string, () => object, Record<string, string>][] = [
  ['as it is', () => ({ body: BYTES, headers: { 'content-md5': md5.toString('base64') } }), {}],
  [
    'with a SHA-256',
    () => ({ body: BYTES, headers: { 'x-amz-checksum-sha256': digest('sha256') } }),
    {},
  ],
  ['in small chunks', () => framed(8_191, digest('crc32c')), {}],
  ['in chunks larger than a block', () => framed(MIB + 1, digest('crc32c')), {}],
  [
    'encrypted with a key of its owner',
    () => ({ body: BYTES }),
    {
      'x-amz-server-side-encryption-customer-algorithm': 'AES256',
      'x-amz-server-side-encryption-customer-key': customer.toString('base64'),
      'x-amz-server-side-encryption-customer-key-md5': createHash('md5')
        .update(customer)
        .digest('base64'),
    },
  ],
];

for (const [name, input, both] of FORMS) {
  test(`a large object that is sent ${name} is what is read, whole and in a range`, async () => {
    const sent: { headers?: Record<string, string> } = input();
    const headers = { ...sent.headers, ...both };
    const answer = await endpoint.send({ method: 'PUT', path: PATH, ...sent, headers });
    assert.equal(answer.status, 200, await answer.text());
    if (Object.keys(both).length === 0)
      assert.equal(answer.headers.get('etag'), `"${md5.toString('hex')}"`);
    await requireStored(both);
  });
}

const BAD: readonly [string, () => object][] = [
  ['Content-MD5', () => ({ body: BYTES, headers: { 'content-md5': 'AAAAAAAAAAAAAAAAAAAAAA==' } })],
  ['trailer', () => framed(65_536, 'AAAAAA==')],
];

for (const [name, input] of BAD) {
  test(`a large object of another ${name} is refused and leaves nothing`, async () => {
    await endpoint.send({ method: 'DELETE', path: PATH });
    const answer = await endpoint.send({ method: 'PUT', path: PATH, ...input() });
    assert.equal(await errorCode(answer), 'BadDigest');
    await requireNothing();
  });
}

async function requireNothing(): Promise<void> {
  const isGone = async () => (await endpoint.blobFiles()).length === 0;
  await waitFor(isGone, { clock: systemClock, timeoutMs: 10_000, what: 'the blob to be removed' });
  assert.equal((await endpoint.send({ path: PATH })).status, 404);
}

test('a large object whose sender goes away leaves nothing', async () => {
  await endpoint.send({ method: 'DELETE', path: PATH });
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  const url = presignUrl({
    ...{ method: 'PUT', url: new URL(`${endpoint.url}${PATH}`), service: 's3', region: REGION },
    ...{ accessKeyId, secretAccessKey, nowMs: Date.now(), expiresSeconds: 60 },
  });
  const socket = connect(Number(url.port), url.hostname);
  const target = `${url.pathname}${url.search}`;
  socket.write(
    `PUT ${target} HTTP/1.1\r\nhost: ${url.host}\r\ncontent-length: ${BYTES.length}\r\n\r\n`,
  );
  socket.write(BYTES.subarray(0, 3 * MIB + 5));
  const begun = async () => (await endpoint.begunBlobs()).length > 0;
  await waitFor(begun, { clock: systemClock, timeoutMs: 10_000, what: 'the upload to begin' });
  socket.destroy();
  await once(socket, 'close');
  await requireNothing();
});
