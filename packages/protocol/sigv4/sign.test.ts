import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import { test } from 'node:test';
import { SignatureV4 } from '@smithy/signature-v4';
import fc from 'fast-check';
import { presignUrl, signRequest } from './sign.ts';

// AWS, "Examples: Signature Calculations in AWS Signature Version 4" (S3), and the IAM example of the general guide.
const S3_EXAMPLE = {
  service: 's3',
  region: 'us-east-1',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  nowMs: Date.UTC(2013, 4, 24),
};
const BUCKET = 'https://examplebucket.s3.amazonaws.com';

function signatureOf(headers: Record<string, string>): string {
  return headers['authorization']!.split('Signature=')[1]!;
}

const S3_VECTORS: readonly [string, string, Record<string, string>, string, string][] = [
  [
    'GET',
    '/test.txt',
    { Range: 'bytes=0-9' },
    '',
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  [
    'PUT',
    '/test$file.text',
    { Date: 'Fri, 24 May 2013 00:00:00 GMT', 'x-amz-storage-class': 'REDUCED_REDUNDANCY' },
    'Welcome to Amazon S3.',
    '98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd',
  ],
  [
    'GET',
    '/?lifecycle',
    {},
    '',
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  ],
  [
    'GET',
    '/?max-keys=2&prefix=J',
    {},
    '',
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ],
];

for (const [method, path, headers, body, expected] of S3_VECTORS) {
  test(`the published S3 example ${method} ${path} gives its signature`, () => {
    const url = new URL(BUCKET + path);
    assert.equal(signatureOf(signRequest({ ...S3_EXAMPLE, method, url, headers, body })), expected);
  });
}

test('the published presigned S3 example gives its signature', () => {
  const url = new URL(`${BUCKET}/test.txt`);
  const signed = presignUrl({ ...S3_EXAMPLE, method: 'GET', url, expiresSeconds: 86_400 });
  assert.equal(
    signed.searchParams.get('X-Amz-Signature'),
    'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
  );
});

test('the published IAM ListUsers example gives its signature', () => {
  const headers = signRequest({
    method: 'GET',
    url: new URL('https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08'),
    headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
    body: '',
    service: 'iam',
    region: 'us-east-1',
    accessKeyId: 'AKIDEXAMPLE',
    secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY',
    nowMs: Date.UTC(2015, 7, 30, 12, 36),
  });
  assert.equal(
    signatureOf(headers),
    '5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  );
});

type SourceData = string | ArrayBuffer | ArrayBufferView;

function toBytes(data: SourceData): Uint8Array {
  if (typeof data === 'string') return Buffer.from(data);
  if (data instanceof ArrayBuffer) return new Uint8Array(data);
  return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
}

class Sha256 {
  readonly #hash;
  constructor(secret?: SourceData) {
    this.#hash =
      secret === undefined ? createHash('sha256') : createHmac('sha256', toBytes(secret));
  }
  update(data: SourceData): void {
    this.#hash.update(toBytes(data));
  }
  async digest(): Promise<Uint8Array> {
    return this.#hash.digest();
  }
  reset(): void {}
}

// A slash inside a segment is another path: S3 signs %2F as a slash.
const pathText = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 20 })
  .filter((text) => !text.includes('/'));
const plainText = fc.string({ unit: 'grapheme-ascii', maxLength: 12 });
// AWS's signer copies the query into a plain object, which loses a parameter of this name.
const parameterName = plainText.filter((name) => name !== '__proto__');

test("any S3 request is signed as AWS's own signer signs it", async () => {
  const property = fc.asyncProperty(
    fc.array(pathText, { minLength: 1, maxLength: 3 }),
    fc.dictionary(parameterName, plainText, { maxKeys: 3, noNullPrototype: true }),
    fc.string({ unit: 'grapheme-ascii', minLength: 1, maxLength: 20 }),
    async (segments, query, meta) => {
      const path = `/b/${segments.map(encode).join('/')}`;
      const search = Object.entries(query).map(
        ([name, value]) => `${encode(name)}=${encode(value)}`,
      );
      const url = new URL('http://127.0.0.1:8080');
      url.pathname = path;
      url.search = search.join('&');
      if (url.pathname !== path) return; // the URL class folded a dot segment: another request
      const ours = signRequest({
        ...S3_EXAMPLE,
        method: 'PUT',
        url,
        headers: { 'x-amz-meta-a': meta },
        body: 'body',
      });
      const oracle = new SignatureV4({
        service: 's3',
        region: 'us-east-1',
        credentials: S3_EXAMPLE,
        sha256: Sha256,
        uriEscapePath: false,
      });
      const theirs = await oracle.sign(
        {
          method: 'PUT',
          protocol: 'http:',
          hostname: '127.0.0.1',
          port: 8080,
          path,
          query,
          headers: { host: '127.0.0.1:8080', 'x-amz-meta-a': meta },
          body: 'body',
        },
        { signingDate: new Date(S3_EXAMPLE.nowMs) },
      );
      assert.equal(signatureOf(ours), signatureOf(theirs.headers));
    },
  );
  await fc.assert(property, { numRuns: 300 });
});

/** Every byte outside AWS's plain set, as its own signer expects paths to come. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
