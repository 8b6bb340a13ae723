// Owns what tests of volumes that fill share: blocks that come late, the end of the filling, and what a host reads.

import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { exists } from '@ironbark/platform/files.ts';
import { ByteStream } from '@ironbark/platform/nbd/byte-stream.ts';
import { negotiate } from '@ironbark/platform/nbd/handshake.ts';
import {
  NBD_COMMAND,
  parseReply,
  REPLY_BYTES,
  renderRequest,
} from '@ironbark/platform/nbd/wire.ts';
import type { ByteRange } from '@ironbark/protocol/internal/block-target.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import { type Harness, nbdUri, onceMore } from './harness.ts';

const SECTOR_BYTES = 512;

/** So many blocks come from the object store, as often as they are asked for; the others not until `release`. */
export function holdBlocks(harness: Harness, passes: number) {
  const { promise: gate, resolve: release } = Promise.withResolvers<void>();
  const getObject = harness.objects.getObject.bind(harness.objects);
  const passed = new Set<string>();
  harness.objects.getObject = async (input) => {
    if (input.key.startsWith('blocks/')) {
      if (passed.size < passes) passed.add(input.key);
      if (!passed.has(input.key)) await gate;
    }
    return getObject(input);
  };
  return release;
}

/** Each block takes its time, so that the fill is met in the middle. */
export function slowBlocks(harness: Harness, delayMs = 150): () => void {
  const getObject = harness.objects.getObject.bind(harness.objects);
  let isSlow = true;
  harness.objects.getObject = async (input) => {
    if (isSlow && input.key.startsWith('blocks/')) await systemClock.sleep(delayMs);
    return getObject(input);
  };
  return () => {
    isSlow = false;
  };
}

/** Answered and not flushed: `qemu-io` flushes when it ends. `after` is called while the connection is open. */
export async function writeUnflushed(
  seen: VolumeStorageObservation,
  { offset, bytes }: { offset: number; bytes: Buffer },
  after: () => Promise<void>,
): Promise<void> {
  if (seen.export?.kind !== 'nbd-unix') throw new Error(`${seen.id} is not exported`);
  const stream = new ByteStream(connect({ path: seen.export.socketPath }));
  try {
    await negotiate(stream, seen.export.exportName);
    const request = { flags: 0, command: NBD_COMMAND.write, cookie: 0n, offset };
    await stream.send(Buffer.concat([renderRequest({ ...request, length: bytes.length }), bytes]));
    assert.equal(parseReply(await stream.take(REPLY_BYTES)).errno, 0);
    await after();
  } finally {
    stream.end(new Error('the write was answered'));
  }
}

/** Leaves a part of the volume's file as it was before anybody wrote to it: claimed. */
export async function loseWrites(
  harness: Harness,
  id: VolumeId,
  { offset, length }: ByteRange,
): Promise<void> {
  const file = join(harness.dataDir, 'volumes', `${id}.raw`);
  const place = ['--offset', String(offset), '--length', String(length)];
  await systemCommands.run('fallocate', ['--zero-range', '--keep-size', ...place, file]);
}

/** Its file is all that is left of how it was filled. */
export async function untilFilled(harness: Harness, id: VolumeId): Promise<void> {
  await harness.until('the volume to be filled', async () => {
    const isLayered = await exists(join(harness.dataDir, 'filling', `${id}.qcow2`));
    return !isLayered && (await harness.volume(id))?.progressPercent === 100;
  });
}

/**
 * What a guest reads is what the model has. `qemu-img compare` takes for zeros what is neither data nor zeros, as an export
 * says of parts that have not come; this reads them.
 */
export async function compare(
  harness: Harness,
  seen: VolumeStorageObservation,
  model: Buffer,
): Promise<void> {
  const path = join(harness.root, 'read.raw');
  const convert = ['convert', '-f', 'raw', '-O', 'raw', nbdUri(seen), path];
  await onceMore(() => systemCommands.run('qemu-img', convert));
  const bytes = await readFile(path);
  assert.equal(bytes.length, model.length);
  for (let at = 0; at < model.length; at += SECTOR_BYTES) {
    const end = at + SECTOR_BYTES;
    assert.ok(bytes.subarray(at, end).equals(model.subarray(at, end)), `at ${at}`);
  }
}
