import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { Problem } from '../problem.ts';
import type { ArchiveFile, Piece } from './archive-frames.ts';
import { ARCHIVE_FORMAT } from './archive-frames.ts';
import { readArchive } from './archive-reader.ts';
import { ArchiveWriter } from './archive-writer.ts';

const HEADER = {
  format: ARCHIVE_FORMAT,
  version: '1.2.3',
  takenAt: '2026-01-01T00:00:00.000Z',
  accountId: '123456789012',
  withVolumes: true,
} as const;
const PASSPHRASE = 'correct horse';
async function createLab() {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-archive-'));
  return {
    folder,
    path: join(folder, 'a'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true }),
  };
}

async function write(
  path: string,
  files: readonly [ArchiveFile, readonly Piece[]][],
  passphrase?: string,
) {
  const options = { path, header: HEADER, random: systemRandom };
  await using writer = await ArchiveWriter.create({
    ...options,
    ...(passphrase === undefined ? {} : { passphrase }),
  });
  for (const [file, pieces] of files) {
    await writer.addFile(
      file,
      (async function* () {
        yield* pieces;
      })(),
    );
  }
  return await writer.finish();
}

/** Every file, its holes filled with zeros. */
async function read(path: string, passphrase?: string): Promise<Map<string, Buffer>> {
  const files = new Map<string, Buffer>();
  const headers: unknown[] = [];
  await readArchive(path, passphrase, {
    onHeader: (header) => headers.push(header),
    onFile: async (file, pieces) => {
      const bytes = Buffer.alloc(file.sizeBytes);
      for await (const piece of pieces) bytes.set(piece.bytes, piece.offset);
      files.set(file.path, bytes);
    },
  });
  assert.deepEqual(headers, [HEADER]);
  return files;
}

/** Reads to the end and keeps nothing, as a restore does before it makes anything. */
async function check(path: string, passphrase?: string): Promise<void> {
  await readArchive(path, passphrase, {
    onFile: async (_file, pieces) => {
      for await (const _piece of pieces);
    },
  });
}

function smallFiles(): [ArchiveFile, Piece[]][] {
  const piece = (offset: number, text: string) => ({ offset, bytes: Buffer.from(text) });
  return [
    [{ path: 'config.json', sizeBytes: 5 }, [piece(0, 'hello')]],
    [{ path: 'empty', sizeBytes: 0 }, []],
    [{ path: 'a/with holes', sizeBytes: 100 }, [piece(10, 'x'), piece(50, 'yy')]],
  ];
}

for (const passphrase of [undefined, PASSPHRASE]) {
  const how = passphrase === undefined ? 'as it is' : 'encrypted';
  test(`${how}: files come back as they were, holes and several pieces of a MiB included`, async () => {
    await using lab = await createLab();
    const large = Buffer.alloc(5 * MIB + 123, 'pattern');
    const pieces = [0, 1, 2, 3, 4, 5].map((n) => ({
      offset: n * MIB,
      bytes: large.subarray(n * MIB, (n + 1) * MIB),
    }));
    const files = [...smallFiles(), [{ path: 'large', sizeBytes: large.length }, pieces] as const];
    const seal = await write(lab.path, files as never, passphrase);
    assert.equal(seal.files, 4);
    const found = await read(lab.path, passphrase);
    assert.deepEqual([...found.keys()], ['config.json', 'empty', 'a/with holes', 'large']);
    assert.ok(found.get('large')!.equals(large));
    assert.equal(found.get('config.json')!.toString(), 'hello');
    const holes = Buffer.alloc(100);
    holes.write('x', 10);
    holes.write('yy', 50);
    assert.ok(found.get('a/with holes')!.equals(holes));
    assert.equal((await stat(lab.path)).mode & 0o777, 0o600);
  });
}

test('a flipped bit, wherever it is, is found before the end', async () => {
  await using lab = await createLab();
  await write(lab.path, smallFiles());
  const whole = await readFile(lab.path);
  for (let at = 0; at < whole.length; at++) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1 << (at % 8);
    await writeFile(lab.path, changed);
    await assert.rejects(check(lab.path), (error) => error instanceof Problem, `byte ${at}`);
  }
});

test('half a backup, and one with something behind it, is refused', async () => {
  await using lab = await createLab();
  await write(lab.path, smallFiles());
  const whole = await readFile(lab.path);
  for (let length = 0; length < whole.length; length++) {
    await writeFile(lab.path, whole.subarray(0, length));
    await assert.rejects(check(lab.path), (error) => error instanceof Problem, `${length} bytes`);
  }
  await writeFile(lab.path, Buffer.concat([whole, Buffer.from('x')]));
  await assert.rejects(check(lab.path), /something follows its end/);
});

test('files that changed places are found', async () => {
  await using lab = await createLab();
  const [one, two, three] = smallFiles();
  await write(lab.path, [one!, two!, three!]);
  const first = await readFile(lab.path);
  await rm(lab.path);
  await write(lab.path, [two!, one!, three!]);
  const second = await readFile(lab.path);
  assert.equal(first.length, second.length);
  const seal = first.lastIndexOf('{"files"');
  await writeFile(lab.path, Buffer.concat([second.subarray(0, seal), first.subarray(seal)]));
  await assert.rejects(check(lab.path), /its seal is wrong/);
});

test('an encrypted backup shows nothing, takes its own passphrase alone, and cannot be cut or changed', async () => {
  await using lab = await createLab();
  const noise = systemRandom.bytes(MIB + 1_000);
  const pieces = [
    { offset: 0, bytes: noise.subarray(0, MIB) },
    { offset: MIB, bytes: noise.subarray(MIB) },
  ];
  await write(
    lab.path,
    [...smallFiles(), [{ path: 'noise', sizeBytes: noise.length }, pieces]],
    PASSPHRASE,
  );
  const whole = await readFile(lab.path);
  assert.ok(!whole.includes('config.json') && !whole.includes('hello'));
  await assert.rejects(check(lab.path), /is encrypted/);
  await assert.rejects(check(lab.path, 'wrong passphrase'), /passphrase is wrong/);
  for (const at of [30, 46, MIB + 30]) {
    const changed = Buffer.from(whole);
    changed[at]! ^= 1;
    await writeFile(lab.path, changed);
    await assert.rejects(check(lab.path, PASSPHRASE), Problem, `byte ${at}`);
  }
  for (const length of [100, whole.length - 1]) {
    await writeFile(lab.path, whole.subarray(0, length));
    await assert.rejects(check(lab.path, PASSPHRASE), Problem, `${length} bytes`);
  }
});

test('a file that is there is never replaced, and what fails leaves nothing', async () => {
  await using lab = await createLab();
  await writeFile(lab.path, 'somebody’s');
  await assert.rejects(write(lab.path, smallFiles()), /is there already/);
  assert.equal(await readFile(lab.path, 'utf8'), 'somebody’s');
  assert.deepEqual(await readdir(lab.folder), ['a']);
  await rm(lab.path);
  const fails = async () => {
    await using writer = await ArchiveWriter.create({
      path: lab.path,
      header: HEADER,
      random: systemRandom,
    });
    await writer.addFile({ path: 'x', sizeBytes: 1 }, failing());
  };
  await assert.rejects(fails(), /the disk failed/);
  assert.deepEqual(await readdir(lab.folder), []);
});

async function* failing(): AsyncGenerator<Piece> {
  yield { offset: 0, bytes: Buffer.alloc(1) };
  throw new Error('the disk failed');
}

test('what a killed backup left beside the name goes with the next one; a running one’s stays', async () => {
  await using lab = await createLab();
  const running = `a.${process.ppid}.partial`;
  for (const name of ['a.999999999.partial', running, 'a.txt.partial']) {
    await writeFile(join(lab.folder, name), '');
  }
  await write(lab.path, smallFiles());
  assert.deepEqual((await readdir(lab.folder)).sort(), ['a', running, 'a.txt.partial'].sort());
});

test('A18: a name with a way out of the folder is refused', async () => {
  for (const path of ['../x', 'a/../../x', '/etc/x', 'a//b', 'a/./b', '']) {
    await using lab = await createLab();
    await write(lab.path, [[{ path, sizeBytes: 0 }, []]]);
    await assert.rejects(check(lab.path), /names a file that cannot be in it/, path);
  }
});
