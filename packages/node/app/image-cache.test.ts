import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { createMemoryObjects, type MemoryObjects } from '../testing/memory-objects.ts';
import { ImageCache } from './image-cache.ts';
import { makeRootDisk } from './root-disk.ts';

interface Lab extends AsyncDisposable {
  dataDir: string;
  objects: MemoryObjects;
  open(limitBytes?: number): Promise<ImageCache>;
  list(): Promise<string[]>;
}

async function createLab(): Promise<Lab> {
  const dataDir = await mkdtemp(join(tmpdir(), 'ironbark-images-'));
  const objects = createMemoryObjects();
  const base = { dataDir, objects: objects.client, clock: systemClock };
  return {
    dataDir,
    objects,
    open: (limitBytes) =>
      ImageCache.open(limitBytes === undefined ? base : { ...base, limitBytes }),
    list: async () => (await readdir(join(dataDir, 'images'))).sort(),
    [Symbol.asyncDispose]: () => rm(dataDir, { recursive: true }),
  };
}

/** Data, three MiB of zeros, and an odd end. */
function sampleImage(seed = 1): Buffer {
  const random = seededRandom(seed);
  return Buffer.concat([random.bytes(MIB), Buffer.alloc(3 * MIB), random.bytes(12_345)]);
}

for (const encoding of ['raw', 'zstd'] as const) {
  test(`a ${encoding} blob is fetched once, unpacked, and its zeros take no space`, async () => {
    await using lab = await createLab();
    const cache = await lab.open();
    const image = sampleImage();
    const blob = lab.objects.add(image, encoding);
    assert.equal(await cache.has(blob), false);
    const paths = await Promise.all([cache.ensure(blob), cache.ensure(blob), cache.ensure(blob)]);
    assert.equal(new Set(paths).size, 1);
    assert.equal(lab.objects.fetches, 1);
    assert.ok((await readFile(paths[0]!)).equals(image));
    const { blocks } = await stat(paths[0]!);
    assert.ok(blocks * 512 < 2 * MIB, `${blocks} blocks`);
    const next = await lab.open();
    assert.equal(await next.has(blob), true);
    await next.ensure(blob);
    assert.equal(lab.objects.fetches, 1);
  });

  test(`a ${encoding} blob with one flipped bit is refused and leaves nothing`, async () => {
    await using lab = await createLab();
    const cache = await lab.open();
    const blob = lab.objects.add(sampleImage(), encoding);
    const { body } = await lab.objects.getObject({ bucket: blob.bucket, key: blob.key });
    const bytes = Buffer.concat(await body.toArray());
    bytes[bytes.length - 5]! ^= 1;
    lab.objects.replace(blob, bytes);
    await assert.rejects(cache.ensure(blob), (error) => isServiceError(error, 'digest-mismatch'));
    assert.deepEqual(await lab.list(), []);
  });
}

test('a root disk is copied from the chunks that hold data, and is the image', async () => {
  await using lab = await createLab();
  const cache = await lab.open();
  const image = sampleImage();
  const blob = lab.objects.add(image, 'zstd');
  const path = join(lab.dataDir, 'root.raw');
  await cache.with(blob, async (imagePath) => {
    const { chunks } = JSON.parse(await readFile(`${imagePath}.chunks`, 'utf8'));
    assert.deepEqual(chunks, [0, 4]);
    const spec = { path, imagePath, sizeBytes: 8 * MIB, uid: undefined };
    await makeRootDisk(spec, systemCommands);
  });
  assert.ok((await readFile(path)).subarray(0, image.length).equals(image));
});

test('a blob that is longer or shorter than it says is refused and leaves nothing', async () => {
  await using lab = await createLab();
  const cache = await lab.open();
  const image = sampleImage();
  for (const wrong of [image.subarray(1), Buffer.concat([image, Buffer.alloc(1)])]) {
    const blob = lab.objects.add(image);
    lab.objects.replace(blob, wrong);
    await assert.rejects(cache.ensure(blob), (error) => isServiceError(error, 'digest-mismatch'));
  }
  for (const unpackedBytes of [image.length - 1, image.length + 1, 10]) {
    const blob = { ...lab.objects.add(image, 'zstd'), unpackedBytes };
    await assert.rejects(cache.ensure(blob), (error) => isServiceError(error, 'digest-mismatch'));
  }
  assert.deepEqual(await lab.list(), []);
});

test('a bomb of zeros is stopped at the size that the manifest gives', async () => {
  await using lab = await createLab();
  const cache = await lab.open();
  const bomb = { ...lab.objects.add(Buffer.alloc(64 * MIB), 'zstd'), unpackedBytes: MIB };
  await assert.rejects(cache.ensure(bomb), (error) => isServiceError(error, 'digest-mismatch'));
  assert.deepEqual(await lab.list(), []);
});

test('a digest that is a path is refused', async () => {
  await using lab = await createLab();
  const cache = await lab.open();
  const blob = { ...lab.objects.add(sampleImage()), sha256: '../../../tmp/x' };
  await assert.rejects(cache.ensure(blob), (error) => isServiceError(error, 'digest-mismatch'));
});

test('an image that is not in the store is not-found, one too large for the disk out-of-space', async () => {
  await using lab = await createLab();
  const cache = await lab.open();
  const blob = lab.objects.add(sampleImage());
  await assert.rejects(cache.ensure({ ...blob, key: 'absent', sha256: 'a'.repeat(64) }), (error) =>
    isServiceError(error, 'not-found'),
  );
  const vast = { ...blob, encoding: 'zstd' as const, unpackedBytes: 2 ** 50 };
  await assert.rejects(cache.ensure(vast), (error) => isServiceError(error, 'out-of-space'));
  assert.deepEqual(await lab.list(), []);
});

test('what an earlier process left half fetched is removed', async () => {
  await using lab = await createLab();
  await lab.open();
  await writeFile(join(lab.dataDir, 'images', `${'a'.repeat(64)}.partial`), 'x');
  await lab.open();
  assert.deepEqual(await lab.list(), []);
});

test('the image that was not used for the longest goes first, one in use stays', async () => {
  await using lab = await createLab();
  const cache = await lab.open(5 * MIB);
  const blobs = [1, 2, 3].map((seed) => lab.objects.add(seededRandom(seed).bytes(2 * MIB)));
  const [first, second, third] = blobs;
  const firstPath = await cache.ensure(first!);
  const secondPath = await cache.ensure(second!);
  await utimes(firstPath, 1_000, 1_000);
  await utimes(secondPath, 2_000, 2_000);
  await cache.with(first!, async () => {
    await utimes(firstPath, 1_000, 1_000);
    await cache.ensure(third!);
  });
  assert.equal(await cache.has(first!), true);
  assert.equal(await cache.has(second!), false);
  assert.equal(await cache.has(third!), true);
});

test('what a fetch left when its process died is removed, and nothing else', async () => {
  await using lab = await createLab();
  const blob = lab.objects.add(sampleImage(), 'raw');
  await (await lab.open()).ensure(blob);
  const whole = await lab.list();
  const lost = join(lab.dataDir, 'images', 'f'.repeat(64));
  for (const suffix of ['.partial', '.chunks', '.chunks.new']) {
    await writeFile(`${lost}${suffix}`, 'half');
  }
  await lab.open();
  assert.deepEqual(await lab.list(), whole);
});
