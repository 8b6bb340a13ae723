import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { CreateBucketCommand } from '@aws-sdk/client-s3';
import { systemClock, waitFor } from '@ironbark/platform/clock.ts';
import { DigestSet } from '@ironbark/protocol/s3/checksums.ts';
import { sha256Hex } from '@ironbark/protocol/sigv4/canonical.ts';
import { ChunkChain } from '@ironbark/protocol/sigv4/payload.ts';
import { presignUrl, signRequest } from '@ironbark/protocol/sigv4/sign.ts';
import { renderAmzDate, signingKey } from '@ironbark/protocol/sigv4/signing-key.ts';
import {
  errorCode,
  KEYS,
  type RawRequest,
  REGION,
  type S3Endpoint,
  startEndpoint,
} from './endpoint.ts';

let endpoint: S3Endpoint;

before(async () => {
  endpoint = await startEndpoint();
  await endpoint.client().send(new CreateBucketCommand({ Bucket: 'modes' }));
});
after(() => endpoint[Symbol.asyncDispose]());

function checksum(algorithm: 'crc32' | 'sha256' | 'crc64nvme', body: string): string {
  const digests = new DigestSet([algorithm]);
  digests.update(Buffer.from(body));
  return digests.get(algorithm).toString('base64');
}

async function put(input: Omit<RawRequest, 'path'>, expected: number | string): Promise<Response> {
  const path = '/modes/object';
  await endpoint.send({ method: 'DELETE', path });
  const response = await endpoint.send({ method: 'PUT', path, ...input });
  if (typeof expected === 'number') {
    assert.equal(response.status, expected, await response.clone().text());
  } else {
    assert.equal(await errorCode(response), expected);
    assert.equal((await endpoint.send({ path })).status, 404, 'nothing was kept');
  }
  return response;
}

async function stored(): Promise<string> {
  return await (await endpoint.send({ path: '/modes/object' })).text();
}

const MD5 = createHash('md5').update('hello').digest('base64');

test('the signed hash, Content-MD5 and a checksum header are enforced', async () => {
  await put({ body: 'hello', headers: { 'content-md5': MD5 } }, 200);
  assert.equal(await stored(), 'hello');
  await put({ body: 'hello', payloadHash: sha256Hex('other') }, 'XAmzContentSHA256Mismatch');
  await put({ body: 'other', headers: { 'content-md5': MD5 } }, 'BadDigest');
  await put({ body: 'hello', headers: { 'content-md5': 'nonsense' } }, 'InvalidDigest');
  const crc = { 'x-amz-checksum-crc32': checksum('crc32', 'hello') };
  const kept = await put({ body: 'hello', headers: crc, payloadHash: 'UNSIGNED-PAYLOAD' }, 200);
  assert.equal(kept.headers.get('x-amz-checksum-crc32'), crc['x-amz-checksum-crc32']);
  await put({ body: 'other', headers: crc, payloadHash: 'UNSIGNED-PAYLOAD' }, 'BadDigest');
  await put({ body: 'hello', headers: { 'x-amz-checksum-crc32': 'AAAA' } }, 'InvalidRequest');
  const two = { ...crc, 'x-amz-checksum-sha256': checksum('sha256', 'hello') };
  await put({ body: 'hello', headers: two }, 'InvalidRequest');
  await put(
    { body: 'hello', headers: { 'x-amz-sdk-checksum-algorithm': 'SHA1' } },
    'InvalidRequest',
  );
});

function unsigned(
  body: string,
  decoded: number,
  trailer = 'x-amz-checksum-crc32',
): Omit<RawRequest, 'path'> {
  const headers: Record<string, string> = {
    'content-encoding': 'aws-chunked,gzip',
    'x-amz-decoded-content-length': String(decoded),
  };
  if (trailer !== '') headers['x-amz-trailer'] = trailer;
  return { body, headers, payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' };
}

test('an unsigned trailer is enforced', async () => {
  const crc = checksum('crc32', 'hello world');
  const framed = (value: string) =>
    `6\r\nhello \r\n5\r\nworld\r\n0\r\nx-amz-checksum-crc32:${value}\r\n\r\n`;
  const kept = await put(unsigned(framed(crc), 11), 200);
  assert.equal(kept.headers.get('x-amz-checksum-crc32'), crc);
  const got = await endpoint.send({ path: '/modes/object', method: 'HEAD' });
  assert.equal(got.headers.get('content-encoding'), 'gzip');
  await put(unsigned(framed('AAAAAA=='), 11), 'BadDigest');
  await put(unsigned(framed('AAAA'), 11), 'InvalidRequest');
  await put(unsigned(framed(crc), 12), 'IncompleteBody');
  await put(unsigned(framed(crc), 10), 'IncompleteBody');
  await put(unsigned('b\r\nhello world\r\n0\r\n\r\n', 11), 'MalformedTrailerError');
  await put(unsigned('b\r\nhello world\r\n', 11), 'IncompleteBody');
  await put(unsigned('no chunk\r\n', 11), 'InvalidRequest');
  await put(unsigned(framed(crc), 11, 'x-amz-checksum-unknown'), 'InvalidRequest');
  const open = await put(unsigned('b\r\nhello world\r\n0\r\n\r\n', 11, ''), 200);
  assert.equal(open.headers.get('x-amz-checksum-crc64nvme'), checksum('crc64nvme', 'hello world'));
});

function signedChunks(options: { trailer: boolean; breakAt?: string }): Omit<RawRequest, 'path'> {
  const nowMs = Date.now();
  const mode = `STREAMING-AWS4-HMAC-SHA256-PAYLOAD${options.trailer ? '-TRAILER' : ''}`;
  const headers: Record<string, string> = { 'x-amz-decoded-content-length': '11' };
  if (options.trailer) headers['x-amz-trailer'] = 'x-amz-checksum-crc32';
  const { accessKeyId, secretAccessKey } = KEYS.owner;
  const signed = signRequest({
    ...{ method: 'PUT', url: new URL(`${endpoint.url}/modes/object`), headers, body: '' },
    ...{ service: 's3', region: REGION, accessKeyId, secretAccessKey, nowMs, payloadHash: mode },
  });
  const amzDate = renderAmzDate(nowMs);
  const scope = { date: amzDate.slice(0, 8), region: REGION, service: 's3' };
  const key = signingKey(accessKeyId, secretAccessKey, scope);
  const seed = signed['authorization']!.split('Signature=')[1]!;
  const chain = new ChunkChain({ key, amzDate, scope, seed });
  const chunk = (data: string) =>
    `${data.length.toString(16)};chunk-signature=${chain.signChunk(sha256Hex(data))}\r\n${data}${data === '' ? '' : '\r\n'}`;
  let body = chunk('hello ') + chunk('world') + chunk('');
  if (options.trailer) {
    const line = `x-amz-checksum-crc32:${checksum('crc32', 'hello world')}`;
    body += `${line}\r\nx-amz-trailer-signature:${chain.signTrailer(sha256Hex(`${line}\n`))}\r\n`;
  }
  body += '\r\n';
  if (options.breakAt !== undefined) body = body.replace(options.breakAt, (text) => flip(text));
  return { body, headers, payloadHash: mode, nowMs };
}

function flip(text: string): string {
  return (text[0] === 'a' ? 'b' : 'a') + text.slice(1);
}

test('signed chunks are verified one by one, and their trailer too', async () => {
  for (const trailer of [false, true]) {
    await put(signedChunks({ trailer }), 200);
    assert.equal(await stored(), 'hello world');
    await put(signedChunks({ trailer, breakAt: 'world' }), 'SignatureDoesNotMatch');
  }
  await put(
    signedChunks({ trailer: true, breakAt: 'x-amz-checksum-crc32' }),
    'MalformedTrailerError',
  );
  const broken = signedChunks({ trailer: true });
  const body = (broken.body as string).replace(/trailer-signature:./, 'trailer-signature:x');
  await put({ ...broken, body }, 'SignatureDoesNotMatch');
});

test('a chunked body under UNSIGNED-PAYLOAD is known by its decoded length', async () => {
  const headers = { 'x-amz-decoded-content-length': '5' };
  const input = { body: '5\r\nhello\r\n0\r\n\r\n', headers, payloadHash: 'UNSIGNED-PAYLOAD' };
  await put(input, 200);
  assert.equal(await stored(), 'hello');
});

test('limits: metadata, what is not offered, and lengths', async () => {
  await put({ body: 'x', headers: { 'x-amz-meta-a': 'v'.repeat(2_047) } }, 200);
  await put({ body: 'x', headers: { 'x-amz-meta-a': 'v'.repeat(2_048) } }, 'MetadataTooLarge');
  await put({ body: 'x', headers: { 'x-amz-storage-class': 'GLACIER' } }, 'NotImplemented');
  await put(
    { body: 'x', headers: { 'x-amz-acl': 'public-read' } },
    'AccessControlListNotSupported',
  );
  const decoded = { 'x-amz-decoded-content-length': String(6 * 1024 ** 3) };
  const huge = { body: '', headers: decoded, payloadHash: 'STREAMING-UNSIGNED-PAYLOAD-TRAILER' };
  await put(huge, 'EntityTooLarge');
});

interface RawSocket {
  socket: Socket;
  /** Everything that the server sends until it closes. */
  answer: Promise<string>;
}

function openRaw(extra: Record<string, string>, options: { secret?: string } = {}): RawSocket {
  const url = new URL(`${endpoint.url}/modes/raw`);
  const signed = signRequest({
    ...{ method: 'PUT', url, headers: {}, body: '', service: 's3', region: REGION },
    accessKeyId: KEYS.owner.accessKeyId,
    secretAccessKey: options.secret ?? KEYS.owner.secretAccessKey,
    nowMs: Date.now(),
    payloadHash: 'UNSIGNED-PAYLOAD',
  });
  const headers = { host: url.host, ...signed, ...extra };
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(Number(url.port), '127.0.0.1');
  socket.write(`PUT /modes/raw HTTP/1.1\r\n${lines.join('')}\r\n`);
  return { socket, answer: text(socket) };
}

test('100 Continue is said to whom may send, before the body', async () => {
  const extra = { expect: '100-continue', 'content-length': '5', connection: 'close' };
  const { socket, answer } = openRaw(extra);
  const [first] = await new Promise<Buffer[]>((resolve) => {
    socket.once('data', (data) => resolve([data]));
  });
  assert.equal(first!.toString(), 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('hello');
  assert.match(await answer, /HTTP\/1.1 200 OK/);
});

test('any other expectation is not looked at', async () => {
  const extra = { expect: 'the-unexpected', 'content-length': '5', connection: 'close' };
  const { socket, answer } = openRaw(extra);
  socket.write('hello');
  assert.match(await answer, /^HTTP\/1.1 200 OK/);
});

test('a refused Expect gets its answer and a closed connection, and no 100', async () => {
  const extra = { expect: '100-continue', 'content-length': '5' };
  const answer = await openRaw(extra, { secret: 'wrong' }).answer;
  assert.match(answer, /^HTTP\/1.1 403 Forbidden\r\n/);
  assert.match(answer, /connection: close/i);
  assert.match(answer, /<Code>SignatureDoesNotMatch<\/Code>/);
});

test('a length is needed, and too large a one is refused before the body', async () => {
  const chunked = openRaw({ 'transfer-encoding': 'chunked', connection: 'close' });
  chunked.socket.write('5\r\nhello\r\n0\r\n\r\n');
  assert.match(await chunked.answer, /^HTTP\/1.1 411 .*MissingContentLength/s);
  const huge = { expect: '100-continue', 'content-length': String(5 * 1024 ** 3 + 1) };
  assert.match(await openRaw(huge).answer, /^HTTP\/1.1 400 .*EntityTooLarge/s);
});

test('an upload that is cut off leaves nothing, and is no failure of ours', async () => {
  await endpoint.settled();
  const before = await endpoint.begunBlobs();
  const wait = { clock: systemClock, timeoutMs: 10_000 };
  const { socket, answer } = openRaw({ 'content-length': '5000000' });
  const noAnswer = assert.rejects(answer, { code: 'ERR_STREAM_PREMATURE_CLOSE' });
  socket.write(Buffer.alloc(2_000_000));
  const hasMore = async () => (await endpoint.begunBlobs()).length > before.length;
  await waitFor(hasMore, { ...wait, what: 'the blob of the upload' });
  socket.destroy();
  await noAnswer;
  const isAsBefore = async () => !(await hasMore());
  await waitFor(isAsBefore, { ...wait, what: 'the blob to be gone' });
  await endpoint.settled();
  assert.deepEqual(await endpoint.begunBlobs(), before);
  const kept = await endpoint.send({ path: '/modes/raw' });
  assert.equal(await kept.text(), 'hello', 'what was there before is there');
  assert.deepEqual(
    endpoint.log.filter((line) => line.includes('"level":"error"')),
    [],
  );
});

test('a refused body is thrown away and its connection serves on', async () => {
  const { socket, answer } = openRaw({ 'content-length': '300000' }, { secret: 'wrong' });
  socket.write(Buffer.alloc(300_000));
  const url = new URL(endpoint.url);
  socket.write(`GET /modes HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`);
  const both = await answer;
  assert.equal(both.split('HTTP/1.1 403').length - 1, 2);
});

test('a body that is refused in the middle is thrown away and its connection serves on', async () => {
  const path = '/modes/raw?middle';
  const url = presignUrl({
    ...{ method: 'PUT', url: new URL(`${endpoint.url}${path}`), service: 's3', region: REGION },
    ...{ accessKeyId: KEYS.owner.accessKeyId, secretAccessKey: KEYS.owner.secretAccessKey },
    ...{
      nowMs: Date.now(),
      expiresSeconds: 60,
      headers: { 'x-amz-decoded-content-length': '900000' },
    },
  });
  const socket = connect(Number(url.port), '127.0.0.1');
  const head = `host: ${url.host}\r\nx-amz-decoded-content-length: 900000\r\ncontent-length: 1000000\r\n`;
  socket.write(`PUT ${url.pathname}${url.search} HTTP/1.1\r\n${head}\r\n`);
  socket.write(`${'0'.repeat(9)}8\r\ntoo long a chunk\r\n`.padEnd(1_000_000, 'x'));
  socket.write(`GET /modes HTTP/1.1\r\nhost: ${url.host}\r\nconnection: close\r\n\r\n`);
  const both = await text(socket);
  assert.match(both, /^HTTP\/1.1 400 .*aws-chunked body is malformed.*HTTP\/1.1 403 /s);
});

test('an If-Range of another version gives the whole object', async () => {
  await put({ body: 'hello' }, 200);
  const get = async (ifRange: string) => {
    const headers = { range: 'bytes=0-1', 'if-range': ifRange };
    return await (await endpoint.send({ path: '/modes/object', headers })).text();
  };
  assert.equal(await get(`"${createHash('md5').update('hello').digest('hex')}"`), 'he');
  assert.equal(await get('"other"'), 'hello');
});
