import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chunkKey, parseChunkedManifest } from './chunked-manifest.ts';

const id = 'snap-00000000000000001';
const chunk = { index: 1, sha256: 'a'.repeat(64), encoding: 'raw', storedBytes: 4 } as const;
const good = {
  snapshotId: id,
  volumeId: 'vol-00000000000000001',
  volumeSizeBytes: 4096,
  chunkBytes: 1024,
  completedAt: '2026-01-01T00:00:00.000Z',
  chunks: [chunk, { ...chunk, index: 3 }],
} as const;

test('a manifest of the first form is read', () => {
  const parsed = parseChunkedManifest({ format: 'ironbark-snapshot/1', ...good }, id);
  assert.deepEqual(parsed, { format: 'ironbark-snapshot/1', ...good });
});

test('keys sort in order of index', () => {
  assert.ok(chunkKey(id, 9) < chunkKey(id, 10));
});

const bad: [string, unknown][] = [
  ['another format', { ...good, format: 'ironbark-snapshot/2' }],
  ['null', null],
  ['another snapshot', { ...good, snapshotId: 'snap-00000000000000002' }],
  ['a negative size', { ...good, volumeSizeBytes: -1 }],
  ['chunks too large for memory', { ...good, chunkBytes: 2 ** 30 }],
  ['no chunks', { ...good, chunks: undefined }],
  ['chunks out of order', { ...good, chunks: [...good.chunks].reverse() }],
  ['a chunk twice', { ...good, chunks: [chunk, chunk] }],
  ['a chunk past the end', { ...good, chunks: [{ ...chunk, index: 4 }] }],
  ['a chunk before the start', { ...good, chunks: [{ ...chunk, index: -1 }] }],
  ['a digest that is none', { ...good, chunks: [{ ...chunk, sha256: '../..' }] }],
  ['an unknown encoding', { ...good, chunks: [{ ...chunk, encoding: 'gzip' }] }],
  ['a chunk that is null', { ...good, chunks: [null] }],
];

for (const [name, manifest] of bad) {
  test(`a manifest of the first form with ${name} is refused`, () => {
    const parsed =
      manifest === null ? null : { format: 'ironbark-snapshot/1', ...(manifest as object) };
    assert.throws(() => parseChunkedManifest(parsed, id), { kind: 'digest-mismatch' });
  });
}
