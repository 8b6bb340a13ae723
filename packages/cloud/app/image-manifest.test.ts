// Owns the tests of reading image manifests.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { MAX_MANIFEST_BYTES, parseImageManifest } from './image-manifest.ts';

const BLOB = {
  key: 'micro/root.zst',
  sizeBytes: 100,
  sha256: 'a'.repeat(64),
  encoding: 'zstd',
  unpackedBytes: 4096,
};
const MANIFEST = {
  format: 'ironbark-image/1',
  name: 'micro',
  description: 'A small image',
  architecture: 'x86_64',
  builtAt: '2026-11-22T13:00:00Z',
  root: BLOB,
  kernel: { ...BLOB, encoding: 'raw', sizeBytes: 4096 },
  kernelParameters: 'root=/dev/vda ro',
  rootDiskBytes: 8192,
  rootDeviceName: '/dev/vda',
  minMemoryMib: 128,
  loginUser: 'root',
  packages: { busybox: '1:1.35.0-4' },
};

const bytes = (value: unknown) => Buffer.from(JSON.stringify(value));

test('a good manifest is read whole', () => {
  assert.deepEqual(parseImageManifest(bytes(MANIFEST)), MANIFEST);
});

test('members that the format does not have are dropped', () => {
  assert.deepEqual(parseImageManifest(bytes({ ...MANIFEST, secret: 1 })), MANIFEST);
});

test('every wrong member is refused by name', () => {
  const cases: [unknown, string][] = [
    [null, 'the manifest'],
    [[], 'the manifest'],
    [{ ...MANIFEST, format: 'ironbark-image/2' }, 'format'],
    [{ ...MANIFEST, architecture: 'arm64' }, 'architecture'],
    [{ ...MANIFEST, name: '' }, 'name'],
    [{ ...MANIFEST, root: undefined }, 'root'],
    [{ ...MANIFEST, root: { ...BLOB, sha256: 'A'.repeat(64) } }, 'sha256'],
    [{ ...MANIFEST, root: { ...BLOB, sizeBytes: -1 } }, 'sizeBytes'],
    [{ ...MANIFEST, root: { ...BLOB, encoding: 'gzip' } }, 'root.encoding'],
    [{ ...MANIFEST, root: { ...BLOB, encoding: 'raw' } }, 'root.unpackedBytes'],
    [{ ...MANIFEST, root: { ...BLOB, key: 'a b' } }, 'key'],
    [{ ...MANIFEST, rootDiskBytes: 4095 }, 'rootDiskBytes'],
    [{ ...MANIFEST, rootDiskBytes: 2 ** 60 }, 'rootDiskBytes'],
    [{ ...MANIFEST, rootDeviceName: '/dev/../etc' }, 'rootDeviceName'],
    [{ ...MANIFEST, minMemoryMib: 1.5 }, 'minMemoryMib'],
    [{ ...MANIFEST, loginUser: 'a;b' }, 'loginUser'],
    [{ ...MANIFEST, kernel: undefined }, 'kernel'],
    [{ ...MANIFEST, kernelParameters: 'a\nb' }, 'kernelParameters'],
    [{ ...MANIFEST, packages: { a: 1 } }, 'packages.a'],
  ];
  for (const [value, member] of cases) {
    assert.throws(
      () => parseImageManifest(bytes(value)),
      (error) =>
        isServiceError(error, 'invalid-parameter') && error.message.includes(`valid: ${member}`),
      member,
    );
  }
  for (const raw of [Buffer.from('{'), Buffer.from([0xff]), Buffer.alloc(MAX_MANIFEST_BYTES + 1)]) {
    assert.throws(
      () => parseImageManifest(raw),
      (error) => isServiceError(error),
    );
  }
});
