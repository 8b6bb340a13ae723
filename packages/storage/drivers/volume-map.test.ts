// The map as QEMU reads it: `qemu-img` finds no fault in it, and what it says is written is.

import assert from 'node:assert/strict';
import { mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { GIB, KIB, MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { lengthenMap, type MapFacts, writeMap } from './volume-map.ts';

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
async function ask(command: string, path: string, sizeBytes: number): Promise<unknown> {
  const disk = 'data-file.driver=null-co,data-file.read-zeroes=on,data-file.size';
  const image = `driver=qcow2,file.filename=${path},${disk}=${sizeBytes}`;
  const args = [command, '--output=json', '--image-opts', image];
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

test('a part of a cluster cannot be written', () =>
  inFolder(async (path) => {
    const facts = { sizeBytes: 20 * MIB, writtenBytes: MIB + 512 };
    await assert.rejects(make(path, facts), /no whole clusters/);
  }));
