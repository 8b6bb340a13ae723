import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MIB } from '@ironbark/core/units.ts';
import { Harness, NODE, qemuIo, volume, volumeId } from './testing/harness.ts';

const ID = volumeId(1);

async function startOpen(): Promise<Harness> {
  const harness = await Harness.start();
  await harness.put(volume(1, { exportTo: NODE }));
  const seen = await harness.untilVolume(ID, (each) => each.export !== undefined);
  await qemuIo(seen, 'write -P 0x11 0 64k', 'write -P 0x22 9M 64k', 'flush');
  return harness;
}

async function readAll(held: Awaited<ReturnType<Harness['storage']['holdVolumes']>>) {
  const bytes = Buffer.alloc(16 * MIB);
  for (let next: number | undefined = 0; next !== undefined; ) {
    const part = await held.read(ID, next);
    for (const piece of part.pieces) bytes.set(piece.bytes, piece.offset);
    next = part.nextOffset;
  }
  return bytes;
}

test('a held volume is read as it was, while it is written to', async () => {
  await using harness = await startOpen();
  const held = await harness.storage.holdVolumes();
  assert.deepEqual(held.volumes, [{ id: ID, sizeBytes: 16 * MIB }]);
  const seen = await harness.volume(ID);
  await qemuIo(seen!, 'write -P 0x33 0 64k', 'write -P 0x44 12M 64k', 'flush');
  const bytes = await readAll(held);
  assert.ok(bytes.subarray(0, 65_536).every((byte) => byte === 0x11));
  assert.ok(bytes.subarray(9 * MIB, 9 * MIB + 65_536).every((byte) => byte === 0x22));
  assert.ok(bytes.subarray(12 * MIB).every((byte) => byte === 0));
  await held[Symbol.asyncDispose]();
  await qemuIo(seen!, 'read -P 0x33 0 64k');
  assert.deepEqual(
    (await harness.files()).filter((path) => path.includes('overwritten')),
    [],
  );
});

test('what a backup held that was cut short is let go at the next start', async () => {
  await using harness = await startOpen();
  await harness.storage.holdVolumes();
  const overwritten = async () =>
    (await harness.files()).filter((path) => path.includes('overwritten'));
  assert.equal((await overwritten()).length, 1);
  await harness.restart();
  assert.deepEqual(await overwritten(), []);
  await qemuIo((await harness.volume(ID))!, 'read -P 0x11 0 64k');
});
