import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  CreateBucketCommand,
  ListObjectsCommand,
  ListObjectsV2Command,
  ListObjectVersionsCommand,
  PutObjectCommand,
  type S3Client,
} from '@aws-sdk/client-s3';
import fc from 'fast-check';
import { type S3Endpoint, startEndpoint } from './endpoint.ts';

let endpoint: S3Endpoint;
let s3: S3Client;
const Bucket = 'listed';
/** In byte order of UTF-8, which differs from JavaScript's own order in the last two. */
const KEYS = [
  '!first',
  'a',
  'a/',
  'a/1',
  'a/2',
  'a/b/c',
  'a0',
  'b//x',
  'b/y',
  'photos/2006/feb',
  'photos/2006/jan',
  'photos/index',
  'sp ace+plus%',
  'é/ü',
  '｡',
  '🙂',
];

before(async () => {
  endpoint = await startEndpoint();
  s3 = endpoint.client();
  await s3.send(new CreateBucketCommand({ Bucket }));
  for (const Key of [...KEYS].reverse()) {
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: Key }));
  }
});
after(() => endpoint[Symbol.asyncDispose]());

interface Listing {
  keys: string[];
  prefixes: string[];
}

/** What S3's rules give, computed the slow way. */
function expected(prefix: string, delimiter: string, after: string): Listing {
  const keys: string[] = [];
  const prefixes = new Set<string>();
  for (const key of KEYS) {
    if (!key.startsWith(prefix) || Buffer.compare(Buffer.from(key), Buffer.from(after)) <= 0)
      continue;
    const at = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (at < 0) keys.push(key);
    else prefixes.add(key.slice(0, at + delimiter.length));
  }
  return { keys, prefixes: [...prefixes].filter((group) => group !== after) };
}

async function listV2(Prefix: string, Delimiter: string, MaxKeys: number): Promise<Listing> {
  const found: Listing = { keys: [], prefixes: [] };
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({ Bucket, Prefix, Delimiter, MaxKeys, ContinuationToken }),
    );
    const names = [...(page.Contents ?? []), ...(page.CommonPrefixes ?? [])];
    assert.ok(names.length <= MaxKeys && page.KeyCount === names.length);
    found.keys.push(...(page.Contents ?? []).map((object) => object.Key!));
    found.prefixes.push(...(page.CommonPrefixes ?? []).map((group) => group.Prefix!));
    ContinuationToken = page.NextContinuationToken;
    assert.equal(page.IsTruncated, ContinuationToken !== undefined);
  } while (ContinuationToken !== undefined);
  return found;
}

async function listV1(Prefix: string, Delimiter: string, MaxKeys: number): Promise<Listing> {
  const found: Listing = { keys: [], prefixes: [] };
  let Marker: string | undefined;
  for (;;) {
    const page = await s3.send(
      new ListObjectsCommand({ Bucket, Prefix, Delimiter, MaxKeys, Marker }),
    );
    found.keys.push(...(page.Contents ?? []).map((object) => object.Key!));
    found.prefixes.push(...(page.CommonPrefixes ?? []).map((group) => group.Prefix!));
    if (!page.IsTruncated) return found;
    Marker = page.NextMarker ?? page.Contents?.at(-1)?.Key;
  }
}

test('every page size, prefix and delimiter gives each name once and in order', async () => {
  const inputs = fc.record({
    prefix: fc.constantFrom('', 'a', 'a/', 'b/', 'photos/', 'p', 'é', '🙂', 'none'),
    delimiter: fc.constantFrom('', '/', '0', 'o', '//'),
    maxKeys: fc.integer({ min: 1, max: 6 }),
  });
  const property = fc.asyncProperty(inputs, async ({ prefix, delimiter, maxKeys }) => {
    const wanted = expected(prefix, delimiter, '');
    assert.deepEqual(await listV2(prefix, delimiter, maxKeys), wanted);
    assert.deepEqual(await listV1(prefix, delimiter, maxKeys), wanted);
  });
  await fc.assert(property, { numRuns: 60 });
});

test('a listing starts after a key, or after a whole rolled-up prefix', async () => {
  for (const StartAfter of ['', 'a', 'a/', 'a/1', 'photos/', 'zzz']) {
    for (const Delimiter of ['', '/']) {
      const page = await s3.send(new ListObjectsV2Command({ Bucket, StartAfter, Delimiter }));
      const found = {
        keys: (page.Contents ?? []).map((object) => object.Key!),
        prefixes: (page.CommonPrefixes ?? []).map((group) => group.Prefix!),
      };
      assert.deepEqual(found, expected('', Delimiter, StartAfter), `${StartAfter} ${Delimiter}`);
    }
  }
});

test('no keys are wanted: none come, and the page is whole', async () => {
  const page = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 0 }));
  assert.deepEqual([page.KeyCount, page.IsTruncated, page.Contents], [0, false, undefined]);
});

test('names are percent-encoded on demand', async () => {
  const EncodingType = 'url' as const;
  const page = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'sp', EncodingType }));
  assert.equal(page.Contents?.[0]?.Key, 'sp%20ace%2Bplus%25');
});

test('owners are shown on demand, versions are called null', async () => {
  const plain = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1 }));
  assert.equal(plain.Contents?.[0]?.Owner, undefined);
  const owned = await s3.send(new ListObjectsV2Command({ Bucket, MaxKeys: 1, FetchOwner: true }));
  assert.equal(owned.Contents?.[0]?.Owner?.ID, '000000000001');
  const { Versions } = await s3.send(new ListObjectVersionsCommand({ Bucket }));
  assert.deepEqual(
    Versions?.map((version) => [version.Key, version.VersionId, version.IsLatest]),
    KEYS.map((key) => [key, 'null', true]),
  );
});
