// The map as QEMU reads it: `qemu-img` finds no fault in it, and what it says is written is.

import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GIB, KIB, MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { forgetZeros, lengthenMap, type MapFacts, writeMap } from './volume-map.ts';

async function inFolder(work: (path: string) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'ib-'));
  try {
    await work(join(folder, 'map'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function make(path: string, facts: MapFacts): Promise<void> {
  await using file = await open(path, 'wx');
  await writeMap(file, facts);
}

/** Over a disk of nothing. */
function imageOf(path: string, sizeBytes: number): string {
  const disk = 'data-file.driver=null-co,data-file.read-zeroes=on,data-file.size';
  return `driver=qcow2,file.filename=${path},${disk}=${sizeBytes}`;
}

async function ask(command: string, path: string, sizeBytes: number): Promise<unknown> {
  const args = [command, '--output=json', '--image-opts', imageOf(path, sizeBytes)];
  const { stdout } = await systemCommands.run('qemu-img', args);
  return JSON.parse(stdout);
}

interface Extent {
  start: number;
  length: number;
  present: boolean;
}

async function findWritten(path: string, sizeBytes: number): Promise<number> {
  const extents = (await ask('map', path, sizeBytes)) as Extent[];
  const present = extents.filter((each) => each.present);
  const written = present.reduce((total, { length }) => total + length, 0);
  const end = present.at(-1);
  assert.equal(end === undefined ? 0 : end.start + end.length, written, 'from the beginning');
  return written;
}

for (const [name, facts] of [
  ['nothing', { sizeBytes: 16 * MIB, writtenBytes: 0 }],
  ['nothing of a large volume', { sizeBytes: 65_536 * GIB, writtenBytes: 0 }],
  ['some clusters', { sizeBytes: 20 * MIB, writtenBytes: 16 * MIB }],
  ['more than one table', { sizeBytes: 3 * GIB, writtenBytes: GIB + 64 * KIB }],
  ['all, and the last cluster is cut', { sizeBytes: MIB + 512, writtenBytes: MIB + 512 }],
] as const) {
  test(`a map in which ${name} is written is one to QEMU`, () =>
    inFolder(async (path) => {
      await make(path, facts);
      const found = (await ask('check', path, facts.sizeBytes)) as Record<string, number>;
      assert.deepEqual(
        [found['check-errors'], found['corruptions'], found['leaks']],
        [0, undefined, undefined],
      );
      assert.equal(await findWritten(path, facts.sizeBytes), facts.writtenBytes);
    }));
}

test('a map that is made longer has the rest unwritten', () =>
  inFolder(async (path) => {
    await make(path, { sizeBytes: 16 * MIB, writtenBytes: 16 * MIB });
    const sizeBytes = 5_000 * GIB;
    {
      await using file = await open(path, 'r+');
      await lengthenMap(file, sizeBytes);
      await lengthenMap(file, MIB);
    }
    const found = (await ask('check', path, sizeBytes)) as Record<string, number>;
    assert.equal(found['check-errors'], 0);
    assert.equal(await findWritten(path, sizeBytes), 16 * MIB);
  }));

test('what a map calls zeros is forgotten, and what is written stays', () =>
  inFolder(async (path) => {
    const sizeBytes = GIB;
    await make(path, { sizeBytes, writtenBytes: 2 * MIB });
    const steps = ['write -z 2M 3M', 'write -z 600M 64k', 'write 0 1M'].flatMap((each) => [
      '-c',
      each,
    ]);
    await systemCommands.run('qemu-io', ['--image-opts', imageOf(path, sizeBytes), ...steps]);
    const present = async () => {
      const extents = (await ask('map', path, sizeBytes)) as Extent[];
      return extents.filter((each) => each.present).map(({ start, length }) => [start, length]);
    };
    const written = [0, 2 * MIB];
    assert.deepEqual(await present(), [written, [2 * MIB, 3 * MIB], [600 * MIB, 64 * KIB]]);
    {
      await using file = await open(path, 'r+');
      await forgetZeros(file);
    }
    assert.deepEqual(await present(), [written]);
    const found = (await ask('check', path, sizeBytes)) as Record<string, number>;
    assert.deepEqual([found['check-errors'], found['corruptions']], [0, undefined]);
  }));

test('a part of a cluster cannot be written', () =>
  inFolder(async (path) => {
    const facts = { sizeBytes: 20 * MIB, writtenBytes: MIB + 512 };
    await assert.rejects(make(path, facts), /no whole clusters/);
  }));
