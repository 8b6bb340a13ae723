import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { zstdDecompressSync } from 'node:zlib';
import type { ImageManifest } from '@ironbark/protocol/internal/image-manifest.ts';
import type { BuiltImage } from './build/built-image.ts';
import { type PublishTarget, publishImage } from './publish-image.ts';

let folder: string;
let built: BuiltImage;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'ironbark-publish-test-'));
  const files = { root: join(folder, 'root.raw'), kernel: join(folder, 'kernel') };
  await writeFile(files.root, Buffer.alloc(1024 * 1024, 'root'));
  await writeFile(files.kernel, 'kernel');
  built = {
    buildId: '0123456789abcdef',
    files,
    manifest: {
      format: 'ironbark-image/1',
      name: 'tiny',
      description: 'A test',
      architecture: 'x86_64',
      builtAt: '2026-01-01T00:00:00.000Z',
      rootDiskBytes: 1024 * 1024,
      rootDeviceName: '/dev/vda',
      minMemoryMib: 64,
      loginUser: 'root',
      packages: {},
    },
  };
});
after(() => rm(folder, { recursive: true, force: true }));

/** Keeps what it is given, in order; fails at the step that is named. */
function recordingTarget(failAt?: string) {
  const objects = new Map<string, Buffer>();
  const steps: string[] = [];
  const step = (name: string) => {
    if (name === failAt) throw new Error('out of order');
    steps.push(name);
  };
  const target: PublishTarget<`ami-${string}`> = {
    ensureBucket: async (bucket) => step(bucket),
    putFile: async (_bucket, key, path) => {
      step(key);
      objects.set(key, await readFile(path));
    },
    putJson: async (_bucket, key, value) => {
      step(key);
      objects.set(key, Buffer.from(JSON.stringify(value)));
    },
    register: async (location, name) => {
      step(`register ${name} at ${location}`);
      return 'ami-1';
    },
  };
  return { target, steps, objects };
}

const PREFIX = 'tiny/0123456789abcdef';
const ORDER = [
  'ironbark-images',
  `${PREFIX}/root.raw.zst`,
  `${PREFIX}/kernel`,
  `${PREFIX}/manifest.json`,
  `register tiny at ironbark-images/${PREFIX}/manifest.json`,
];

test('blobs come first, then the manifest, then the registration', async () => {
  const { target, steps } = recordingTarget();
  assert.equal(await publishImage(built, target), 'ami-1');
  assert.deepEqual(steps, ORDER);
});

test('the manifest describes the stored bytes', async () => {
  const { target, objects } = recordingTarget();
  await publishImage(built, target);
  const manifest = JSON.parse(`${objects.get(`${PREFIX}/manifest.json`)}`) as ImageManifest;
  assert.equal(manifest.initrd, undefined);
  for (const blob of [manifest.root, manifest.kernel!]) {
    const stored = objects.get(blob.key)!;
    assert.equal(blob.sizeBytes, stored.length);
    assert.equal(blob.sha256, createHash('sha256').update(stored).digest('hex'));
    const unpacked = blob.encoding === 'zstd' ? zstdDecompressSync(stored) : stored;
    assert.equal(blob.unpackedBytes, unpacked.length);
  }
  const root = zstdDecompressSync(objects.get(manifest.root.key)!);
  assert.deepEqual(root, await readFile(built.files.root));
});

test('a publication that fails half-way can be repeated, and compresses once', async () => {
  await assert.rejects(publishImage(built, recordingTarget(`${PREFIX}/kernel`).target));
  const { mtimeMs } = await stat(`${built.files.root}.zst`);
  const { target, steps } = recordingTarget();
  await publishImage(built, target);
  assert.deepEqual(steps, ORDER);
  assert.equal((await stat(`${built.files.root}.zst`)).mtimeMs, mtimeMs);
});

test('progress never falls and ends at 1', async () => {
  const fractions: number[] = [];
  await publishImage(built, recordingTarget().target, ({ fraction }) => fractions.push(fraction));
  assert.deepEqual(
    fractions,
    [...fractions].sort((a, b) => a - b),
  );
  assert.equal(fractions.at(-1), 1);
});
