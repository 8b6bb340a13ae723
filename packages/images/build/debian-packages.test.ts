import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MissingPackagesError, parsePackageRecords, resolvePackages } from './debian-packages.ts';

const RECORDS = `Package: tool
Version: 1:2.0-1
Architecture: amd64
Pre-Depends: libc6 (>= 2.34), init (>= 1)
Depends: libone1 (= 2.0), liba | libb, debconf (>= 0.5) | debconf-2.0
Size: 10
SHA256: aa
Description: a tool
 Depends: not a field, but text

Package: libone1
Version: 2.0
Architecture: amd64
Depends: libc6, tool:any
Size: 11
SHA256: bb

Package: libc6
Version: 2.36
Architecture: amd64
Size: 12
SHA256: cc

Package: liba
Version: 1
Architecture: amd64
Size: 13
SHA256: dd
`;
const all = parsePackageRecords(RECORDS);
const lookUp = async (names: readonly string[]) => all.filter(({ name }) => names.includes(name));
const skip = (name: string) => name === 'debconf' || name === 'init';

test('records of apt are read, text of descriptions is not', () => {
  assert.deepEqual(all[0], {
    name: 'tool',
    version: '1:2.0-1',
    architecture: 'amd64',
    sizeBytes: 10,
    sha256: 'aa',
    depends: ['libc6', 'init', 'libone1', 'liba', 'debconf'],
  });
});

test('dependencies are followed, cycles and skipped ones too', async () => {
  const found = await resolvePackages({ roots: ['tool'], skip, lookUp });
  assert.deepEqual(
    found.map(({ name }) => name),
    ['liba', 'libc6', 'libone1', 'tool'],
  );
});

test('a package that apt does not know is named', async () => {
  await assert.rejects(
    resolvePackages({ roots: ['tool'], skip: () => false, lookUp }),
    (error: unknown) =>
      error instanceof MissingPackagesError && error.packages.join() === 'init,debconf',
  );
});
