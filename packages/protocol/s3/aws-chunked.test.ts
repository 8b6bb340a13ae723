import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256Hex } from '../sigv4/canonical.ts';
import { ChunkChain } from '../sigv4/payload.ts';
import { AwsChunkedDecoder, type AwsChunkedOptions } from './aws-chunked.ts';

const TRAILER = 'x-amz-checksum-crc32';
const UNSIGNED = `5\r\nhello\r\n6\r\n world\r\n0\r\n${TRAILER}:DUoRhQ==\r\n\r\n`;

function chain(): ChunkChain {
  const scope = { date: '20260102', region: 'local', service: 's3' };
  const key = Buffer.from('signing key');
  return new ChunkChain({ key, amzDate: '20260102T030405Z', scope, seed: '0'.repeat(64) });
}

function signedBody(withTrailer: boolean): string {
  const signer = chain();
  const chunk = (text: string) =>
    `${text.length.toString(16)};chunk-signature=${signer.signChunk(sha256Hex(text))}\r\n`;
  const body = `${chunk('hello')}hello\r\n${chunk(' world')} world\r\n${chunk('')}`;
  if (!withTrailer) return `${body}\r\n`;
  const signature = signer.signTrailer(sha256Hex(`${TRAILER}:DUoRhQ==\n`));
  return `${body}${TRAILER}:DUoRhQ==\r\nx-amz-trailer-signature:${signature}\r\n\r\n`;
}

function decode(pieces: Buffer[], change: Partial<AwsChunkedOptions> = {}) {
  const decoder = new AwsChunkedDecoder({ trailers: [TRAILER], decodedLength: 11, ...change });
  const out = pieces.flatMap((piece) => decoder.push(piece));
  decoder.end();
  return { text: Buffer.concat(out).toString(), trailers: Object.fromEntries(decoder.trailers) };
}

const FORMS: readonly [string, string, () => Partial<AwsChunkedOptions>][] = [
  ['unsigned with a trailer', UNSIGNED, () => ({})],
  ['signed', signedBody(false), () => ({ chain: chain(), trailers: [] })],
  ['signed with a trailer', signedBody(true), () => ({ chain: chain() })],
];

for (const [name, body, options] of FORMS) {
  const bytes = Buffer.from(body);

  test(`${name}: every split into two and into single bytes decodes to the same`, () => {
    for (let at = 0; at <= bytes.length; at++) {
      const pieces = [bytes.subarray(0, at), bytes.subarray(at)];
      assert.equal(decode(pieces, options()).text, 'hello world', `split at ${at}`);
    }
    const single = Array.from(bytes, (_, i) => bytes.subarray(i, i + 1));
    assert.equal(decode(single, options()).text, 'hello world');
  });

  test(`${name}: a body that ends early is refused`, () => {
    // Only the last empty line may be missing.
    for (let length = 0; length < bytes.length - 2; length++) {
      assert.throws(() => decode([bytes.subarray(0, length)], options()), { name: 'ServiceError' });
    }
  });
}

test('trailers are given by name', () => {
  assert.deepEqual(decode([Buffer.from(UNSIGNED)]).trailers, { [TRAILER]: 'DUoRhQ==' });
});

test('a changed byte of a signed body is refused', () => {
  const body = Buffer.from(signedBody(true));
  for (let at = 0; at < body.length; at++) {
    const changed = Buffer.from(body);
    changed[at]! ^= 0x11;
    const attempt = () => decode([changed], { chain: chain() });
    if (changed[at] === 0x1b || changed[at] === 0x1c) continue; // a changed line end may read as part of the line
    assert.throws(attempt, { name: 'ServiceError' }, `byte ${at}`);
  }
});

const REFUSED: readonly [string, string, Partial<AwsChunkedOptions>, object][] = [
  ['longer than announced', UNSIGNED, { decodedLength: 10 }, { resource: 'content-length' }],
  ['shorter than announced', UNSIGNED, { decodedLength: 12 }, { resource: 'content-length' }],
  ['trailer missing', '0\r\n\r\n', { decodedLength: 0 }, { resource: 'checksum' }],
  ['trailer not announced', UNSIGNED, { trailers: [] }, { resource: 'checksum' }],
  ['bytes after the end', `${UNSIGNED}more\r\n`, {}, { resource: 'request' }],
  ['size is no number', 'xyz\r\n', {}, { resource: 'request' }],
  ['size is huge', 'fffffffffffff\r\n', {}, { resource: 'content-length' }],
  ['header line too long', 'a'.repeat(5_000), {}, { resource: 'request' }],
  ['chunk longer than its size', '5\r\nhello!\r\n', {}, { resource: 'request' }],
  [
    'signature in unsigned mode',
    `0;chunk-signature=${'0'.repeat(64)}\r\n`,
    {},
    { resource: 'request' },
  ],
  ['no signature in signed mode', UNSIGNED, { chain: chain() }, { resource: 'request' }],
];

for (const [name, body, options, expected] of REFUSED) {
  test(`refused: ${name}`, () => {
    assert.throws(() => decode([Buffer.from(body)], options), expected);
  });
}
