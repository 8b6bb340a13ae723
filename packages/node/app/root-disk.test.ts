import assert from 'node:assert/strict';
import { mkdtemp, open, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { isServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { seededRandom } from '@ironbark/platform/random.ts';
import { makeRootDisk } from './root-disk.ts';

const isRoot = process.getuid?.() === 0;
const UID = 1_999_000_001;

async function createLab() {
  const directory = await mkdtemp(join(tmpdir(), 'ironbark-disk-'));
  const image = Buffer.concat([
    seededRandom(1).bytes(MIB + 5),
    Buffer.alloc(2 * MIB),
    Buffer.from('end'),
  ]);
  const imagePath = join(directory, 'image');
  await writeFile(imagePath, image);
  const spec = { path: join(directory, 'root.raw'), imagePath, uid: isRoot ? UID : undefined };
  return {
    directory,
    image,
    spec,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true }),
  };
}

test('a root disk has its size allocated, the image at its front, and the guest as its owner', async () => {
  await using lab = await createLab();
  const sizeBytes = 8 * MIB;
  await makeRootDisk({ ...lab.spec, sizeBytes }, systemCommands);
  const facts = await stat(lab.spec.path);
  assert.equal(facts.size, sizeBytes);
  assert.ok(facts.blocks * 512 >= sizeBytes, 'all of it is allocated');
  assert.equal(facts.mode & 0o777, 0o600);
  if (isRoot) assert.deepEqual([facts.uid, facts.gid], [UID, UID]);
  const handle = await open(lab.spec.path);
  const { buffer } = await handle.read(Buffer.alloc(sizeBytes), 0, sizeBytes, 0);
  await handle.close();
  assert.ok(buffer.subarray(0, lab.image.length).equals(lab.image));
  assert.ok(buffer.subarray(lab.image.length).every((byte) => byte === 0));
  assert.deepEqual((await readdir(lab.directory)).sort(), ['image', 'root.raw']);
});

test('a disk that was cut short is made again, and one that does not fit leaves nothing', async () => {
  await using lab = await createLab();
  await writeFile(`${lab.spec.path}.partial`, 'half');
  await assert.rejects(
    makeRootDisk({ ...lab.spec, sizeBytes: 2 ** 50 }, systemCommands),
    (error) => isServiceError(error, 'out-of-space') && /root disk needs/.test(error.message),
  );
  assert.deepEqual(await readdir(lab.directory), ['image']);
  await makeRootDisk({ ...lab.spec, sizeBytes: 4 * MIB }, systemCommands);
  assert.equal((await stat(lab.spec.path)).size, 4 * MIB);
});

test('a file system that is too small is out of space, and nothing is left', {
  skip: !isRoot,
}, async () => {
  await using lab = await createLab();
  const mount = join(lab.directory, 'small');
  await systemCommands.run('mkdir', [mount]);
  // A little more than the reserve that stays free.
  await systemCommands.run('mount', ['-t', 'tmpfs', '-o', 'size=1100m', 'tmpfs', mount]);
  try {
    const path = join(mount, 'root.raw');
    await assert.rejects(
      makeRootDisk({ ...lab.spec, path, sizeBytes: 200 * MIB }, systemCommands),
      (error) => isServiceError(error, 'out-of-space'),
    );
    assert.deepEqual(await readdir(mount), []);
    await makeRootDisk({ ...lab.spec, path, sizeBytes: 16 * MIB }, systemCommands);
    assert.equal((await stat(path)).size, 16 * MIB);
  } finally {
    await systemCommands.run('umount', [mount]);
  }
});
