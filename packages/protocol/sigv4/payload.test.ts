import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256Hex } from './canonical.ts';
import { ChunkChain, STREAMING_SIGNED, STREAMING_SIGNED_TRAILER } from './payload.ts';
import { signRequest } from './sign.ts';
import { signingKey } from './signing-key.ts';

// AWS, "Signature calculations for the authorization header: transferring payload in multiple chunks" and its
// sibling for trailing headers: 66,560 bytes of `a`, in chunks of 65,536, 1,024 and 0.
const EXAMPLE = {
  service: 's3',
  region: 'us-east-1',
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
  nowMs: Date.UTC(2013, 4, 24),
};
const CHUNKS = ['a'.repeat(65_536), 'a'.repeat(1_024), ''].map(sha256Hex);

function chainFor(payloadHash: string, headers: Record<string, string>) {
  const signed = signRequest({
    ...EXAMPLE,
    method: 'PUT',
    url: new URL('https://s3.amazonaws.com/examplebucket/chunkObject.txt'),
    headers: {
      'x-amz-storage-class': 'REDUCED_REDUNDANCY',
      'content-encoding': 'aws-chunked',
      'x-amz-decoded-content-length': '66560',
      ...headers,
    },
    body: '',
    payloadHash,
  });
  const seed = signed['authorization']!.split('Signature=')[1]!;
  const scope = { date: '20130524', region: 'us-east-1', service: 's3' };
  const key = signingKey(EXAMPLE.accessKeyId, EXAMPLE.secretAccessKey, scope);
  return { seed, chain: new ChunkChain({ key, amzDate: '20130524T000000Z', scope, seed }) };
}

test('the published chunked example gives its seed and chunk signatures', () => {
  const { seed, chain } = chainFor(STREAMING_SIGNED, { 'content-length': '66824' });
  assert.equal(seed, '4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9');
  assert.deepEqual(
    CHUNKS.map((hash) => chain.signChunk(hash)),
    [
      'ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648',
      '0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497',
      'b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9',
    ],
  );
});

test('the published chunked example with a trailer gives its seed, chunk and trailer signatures', () => {
  const { seed, chain } = chainFor(STREAMING_SIGNED_TRAILER, {
    'x-amz-trailer': 'x-amz-checksum-crc32c',
  });
  assert.equal(seed, '106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e');
  assert.deepEqual(
    CHUNKS.map((hash) => chain.signChunk(hash)),
    [
      'b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2',
      '1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7',
      '2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992',
    ],
  );
  assert.equal(
    chain.signTrailer(sha256Hex('x-amz-checksum-crc32c:sOO8/Q==\n')),
    'd81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435',
  );
});

test('a chunk under another signature is refused', () => {
  const { chain } = chainFor(STREAMING_SIGNED, {});
  assert.throws(() => chain.verifyChunk('0'.repeat(64), CHUNKS[0]!), { resource: 'signature' });
});
