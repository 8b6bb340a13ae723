import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { isElf, neededLibraries } from './elf-file.ts';
import { withoutLibraries } from './elf-trim.ts';

const PROGRAM = '/usr/bin/ssh';
const original = await readFile(PROGRAM).catch(() => Buffer.alloc(0));
const skip = isElf(original) ? false : `NOT TESTED: this host has no ${PROGRAM} for x86-64`;

describe('cutting libraries off a program', { skip }, () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'ironbark-elf-test-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  // Only functions can be cut off: a program that keeps a library's data cannot do without the library.
  const unwanted = neededLibraries(original).filter((soname) => /^libselinux/.test(soname));

  test('the program names the others as before', () => {
    const trimmed = withoutLibraries(original, new Set(unwanted));
    const expected = neededLibraries(original).filter((soname) => !unwanted.includes(soname));
    assert.deepEqual(neededLibraries(trimmed), expected);
    assert.ok(expected.includes('libc.so.6'));
    assert.equal(trimmed.length, original.length);
  });

  test('the program still starts, and does what needs no cut-off library', async () => {
    const path = join(folder, 'trimmed');
    await writeFile(path, withoutLibraries(original, new Set(unwanted)));
    await chmod(path, 0o755);
    const { stderr } = await systemCommands.run(path, ['-V']);
    assert.match(stderr, /OpenSSH/);
    const { stdout } = await systemCommands.run(path, ['-G', '-F', 'none', 'somewhere']);
    assert.match(stdout, /hostname somewhere/);
  });

  test('nothing to cut changes no library', () => {
    const same = withoutLibraries(original, new Set(['libabsent.so.1']));
    assert.deepEqual(neededLibraries(same), neededLibraries(original));
  });
});
