import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockKey, parseManifest, parseManifestJson, renderManifest } from './snapshot-manifest.ts';

const id = 'snap-00000000000000001';
const list = { number: 1, sha256: 'a'.repeat(64) };
const good = {
  snapshotId: id,
  volumeId: 'vol-00000000000000001',
  scope: '000000000001',
  volumeSizeBytes: 128 * 2 ** 30,
  blockBytes: 512 * 1024,
  completedAt: '2026-01-01T00:00:00.000Z',
  lists: [list, { ...list, number: 3 }],
} as const;

test('a manifest comes back as it was written', () => {
  const bytes = renderManifest({ ...good, lists: [...good.lists] });
  const parsed = parseManifest(parseManifestJson(bytes, id), id);
  assert.deepEqual(parsed, { format: 'ironbark-snapshot/2', ...good });
});

test('what is no JSON is refused', () => {
  assert.throws(() => parseManifestJson(Buffer.from('{'), id), { kind: 'digest-mismatch' });
});

test('accounts have blocks of their own', () => {
  const digest = 'f'.repeat(64);
  assert.notEqual(blockKey('000000000001', digest), blockKey('000000000002', digest));
});

const bad: [string, unknown][] = [
  ['null', null],
  ['another format', { ...good, format: 'ironbark-snapshot/3' }],
  ['another snapshot', { ...good, snapshotId: 'snap-00000000000000002' }],
  ['a negative size', { ...good, volumeSizeBytes: -1 }],
  ['another block size', { ...good, blockBytes: 2 ** 30 }],
  ['a scope that leads elsewhere', { ...good, scope: '../x' }],
  ['no lists', { ...good, lists: undefined }],
  ['lists out of order', { ...good, lists: [...good.lists].reverse() }],
  ['a list twice', { ...good, lists: [list, list] }],
  ['a list past the end', { ...good, lists: [{ ...list, number: 4 }] }],
  ['a list before the start', { ...good, lists: [{ ...list, number: -1 }] }],
  ['a digest that is none', { ...good, lists: [{ ...list, sha256: '../..' }] }],
  ['a list that is null', { ...good, lists: [null] }],
];

for (const [name, manifest] of bad) {
  test(`a manifest with ${name} is refused`, () => {
    const parsed =
      manifest === null ? null : { format: 'ironbark-snapshot/2', ...(manifest as object) };
    assert.throws(() => parseManifest(parsed, id), { kind: 'digest-mismatch' });
  });
}
