import assert from 'node:assert/strict';
import { chownSync, mkdtempSync, rmSync } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openFileDisk } from './drivers/aoe/file-disk.ts';
import { FrameSlots } from './drivers/aoe/frame-slots.ts';
import type { DiskCommand } from './drivers/aoe/sector-runs.ts';

const LENGTH = 4_096;

async function withDisk(work: (path: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'ironbark-file-disk-'));
  try {
    const path = join(folder, 'disk');
    await using file = await open(path, 'wx');
    await file.write(Buffer.alloc(LENGTH, 7));
    await work(path);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function read(slot: number, offset = 0): DiskCommand {
  return { kind: 'read', slot, offset, length: LENGTH, cameAtMs: 0, dataAddress: 0 };
}

test('a file of the target’s own is answered from memory, until it is closed', async () => {
  await withDisk(async (path) => {
    const disk = await openFileDisk(path, false);
    const io = disk.io(new FrameSlots(1));
    assert.notEqual(io.addressAtHand([read(0)]), 0);
    assert.equal(io.addressAtHand([read(0, LENGTH)]), 0);
    await disk.close();
    assert.equal(io.addressAtHand([read(0)]), 0);
  });
});

const isRoot = process.getuid?.() === 0;

// Of a file of somebody else's the kernel says that all of it is in memory.
test('a file of somebody else’s is read into the frame’s slot', { skip: !isRoot }, async () => {
  await withDisk(async (path) => {
    chownSync(path, 1_899_999_002, 1_899_999_002);
    const disk = await openFileDisk(path, false);
    const slots = new FrameSlots(1);
    const io = disk.io(slots);
    assert.equal(io.addressAtHand([read(0)]), 0);
    await io.read([read(0)], 0, io.readAtHand([read(0)], 0));
    assert.deepEqual(slots.data(0, LENGTH), Buffer.alloc(LENGTH, 7));
    await disk.close();
  });
});

test('what memory takes is written at once and read back, beyond the file it is not', async () => {
  await withDisk(async (path) => {
    const disk = await openFileDisk(path, false);
    const slots = new FrameSlots(1);
    const io = disk.io(slots);
    slots.data(0, LENGTH).fill(9);
    assert.equal(io.writeAtHand([{ ...read(0), kind: 'write' }]), true);
    assert.equal(io.writeAtHand([{ ...read(0, LENGTH), kind: 'write' }]), false);
    await disk.close();
    assert.deepEqual(await readFile(path), Buffer.alloc(LENGTH, 9));
  });
});
