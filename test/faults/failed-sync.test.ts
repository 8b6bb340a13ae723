import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { findProgram } from '../../packages/cli/host-packages.ts';

const hasStrace = (await findProgram('strace', process.env['PATH'] ?? '')) !== undefined;
const skip = hasStrace ? false : 'NOT RUN: strace is missing';
const WRITER = join(import.meta.dirname, 'failed-sync-writer.ts');

async function makeFolder(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'ironbark-sync-'));
  t.after(() => rm(folder, { recursive: true }));
  return folder;
}

interface Failing {
  kind: 'database' | 'file' | 'blobs' | 'log';
  folder: string;
  /** Only syncs of this file count. */
  of: string;
  /** The sync that fails, from 1. */
  nth: number;
}

/** Runs the writer; what it said, and how often it synced the file. */
async function writeWithFailingSync({ kind, folder, of, nth }: Failing) {
  const trace = join(folder, 'trace');
  const calls = 'fsync,fdatasync';
  const { stdout } = await systemCommands.run(
    'strace',
    [
      ...['-f', '-qqq', '-o', trace, '-P', join(folder, of), '-e', `trace=${calls}`],
      ...['-e', `inject=${calls}:error=EIO:when=${nth}`],
      ...[process.execPath, WRITER, kind, folder],
    ],
    // One thread does all of them, so that they are counted together.
    { env: { PATH: process.env['PATH'] ?? '', UV_THREADPOOL_SIZE: '1' } },
  );
  const syncs = (await readFile(trace, 'utf8')).match(/sync\(/g)?.length ?? 0;
  return { lines: stdout.trim().split('\n'), syncs };
}

test('after a failed sync the state store takes no more writes', {
  skip,
}, async (t) => {
  const folder = await makeFolder(t);
  const failing = { kind: 'database', folder, of: 'db-wal', nth: 12 } as const;
  const { lines, syncs } = await writeWithFailingSync(failing);
  const kept = lines.filter((line) => line.startsWith('kept'));
  const refused = lines.filter((line) => line.startsWith('refused'));
  assert.ok(kept.length > 0 && refused.length > 1, lines.join('\n'));
  assert.deepEqual(lines, ['found ', ...kept, ...refused]);
  assert.ok(refused.every((line) => line.endsWith(' unavailable')));
  // Its end copies the log into the database, which writes and syncs all of it anew.
  assert.ok(syncs <= failing.nth + 1, `${syncs} syncs`);
  // The one that failed may be there or not; the ones that were kept have to be.
  const { stdout } = await systemCommands.run(process.execPath, [WRITER, 'database', folder]);
  const found = stdout.split('\n')[0]!.split(' ').slice(1);
  assert.deepEqual(found.slice(0, kept.length), [...kept.keys()].map(String));
  assert.ok(found.length <= kept.length + 1);
});

test('a file whose sync fails is thrown away, and the next one is another file', {
  skip,
}, async (t) => {
  const folder = await makeFolder(t);
  const failing = { kind: 'file', folder, of: 'file.new', nth: 1 } as const;
  const { lines } = await writeWithFailingSync(failing);
  assert.match(lines[0]!, /^refused 0 .*EIO/);
  assert.ok(lines.slice(1).every((line) => line.startsWith('kept')));
  assert.deepEqual((await readdir(folder)).sort(), ['file', 'trace']);
  assert.equal(await readFile(join(folder, 'file'), 'utf8'), '7');
});

for (const [what, of] of [
  ['a blob', '03/03000000000000000000000000000000'],
  ['the folder of a blob', '03'],
] as const) {
  test(`after a failed sync of ${what} Walrus takes no more bytes`, { skip }, async (t) => {
    const folder = await makeFolder(t);
    // The folder is synced for its blob alone.
    const { lines } = await writeWithFailingSync({ kind: 'blobs', folder, of, nth: 1 });
    const refused = [3, 4, 5, 6, 7].map((n) => `refused ${n} unavailable`);
    assert.deepEqual(lines, ['kept 0', 'kept 1', 'kept 2', ...refused]);
    const entries = await readdir(folder, { recursive: true });
    const blobs = entries.filter((name) => /\/\w{32}$/.test(name));
    assert.equal(blobs.length, 3, blobs.join(' '));
  });
}

for (const [what, of, nth] of [
  ['a file of the log', 'log/00000001.log', 3],
  ['the folder of the log', 'log', 1],
] as const) {
  test(`after a failed sync of ${what} Walrus takes no more bytes`, { skip }, async (t) => {
    const { lines } = await writeWithFailingSync({
      kind: 'log',
      folder: await makeFolder(t),
      of,
      nth,
    });
    const expected = Array.from({ length: 8 }, (_, n) =>
      n < nth - 1 ? `kept ${n}` : `refused ${n} unavailable`,
    );
    assert.deepEqual(lines, expected);
  });
}
