// Measures what encryption at rest costs: making a volume, and reading and writing it through its target, each as a
// ratio to a plain volume of the same disk, taken in turns in one run.

import { readFile } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { MIB } from '@ironbark/core/units.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import type { VolumeStorageObservation } from '@ironbark/protocol/internal/storage-client.ts';
import { untilFilled } from '@ironbark/storage/testing/filling-volumes.ts';
import {
  ACCOUNT,
  Harness,
  NODE,
  nbdUri,
  volume,
  volumeId,
} from '@ironbark/storage/testing/harness.ts';
import { type Figure, ratioFigure } from '../support/figures.ts';

const SIZE_BYTES = 1024 * MIB;
const REPEATS = 3;
const TIMEOUT_MS = 300_000;

/** 256 MiB each in qemu-img bench's words. */
const LOADS = {
  'sequential write, 256 KiB, 8 under way': ['-w', '-s', '256k', '-d', '8', '-c', '1024'],
  'sequential read, 256 KiB, 8 under way': ['-s', '256k', '-d', '8', '-c', '1024'],
  'write, 4 KiB, 1 under way': ['-w', '-s', '4k', '-d', '1', '-c', '4000'],
  'read, 4 KiB, 1 under way': ['-s', '4k', '-d', '1', '-c', '4000'],
} as const;

export async function measureEncryption(): Promise<Figure[]> {
  await using harness = await Harness.start();
  const plain = await make(harness, 1, {});
  const sealed = await make(harness, 2, { encryptedFor: ACCOUNT });
  await explain(plain.ms, sealed);
  const figures: Figure[] = [];
  for (const [name, args] of Object.entries(LOADS)) {
    const ratios: number[] = [];
    for (let round = 0; round < REPEATS; round++) {
      const plainMs = await run(plain.seen, args);
      const sealedMs = await run(sealed.seen, args);
      console.error(`${name}: plain ${plainMs} ms, encrypted ${sealedMs} ms`);
      ratios.push(plainMs / sealedMs);
    }
    figures.push(ratioFigure(`${name}: encrypted to plain`, ratios));
  }
  return figures;
}

async function make(harness: Harness, digit: number, kind: { encryptedFor?: typeof ACCOUNT }) {
  const startedMs = performance.now();
  await harness.put(volume(digit, { ...kind, sizeBytes: SIZE_BYTES }));
  await harness.untilVolume(volumeId(digit), ({ state }) => state === 'ready');
  const ms = Math.round(performance.now() - startedMs);
  await untilFilled(harness, volumeId(digit));
  const filledMs = Math.round(performance.now() - startedMs);
  await harness.put(
    volume(digit, { ...kind, sizeBytes: SIZE_BYTES, exportTo: NODE, generation: 2 }),
  );
  const seen = await harness.untilVolume(volumeId(digit), (each) => each.export !== undefined);
  return { seen, ms, filledMs };
}

async function explain(plainMs: number, sealed: { ms: number; filledMs: number }): Promise<void> {
  const flags = (await readFile('/proc/cpuinfo', 'utf8')).match(/^flags.*$/m)?.[0] ?? '';
  const aes = ['aes', 'vaes', 'avx2'].filter((flag) => flags.split(' ').includes(flag));
  console.error(
    `${cpus()[0]?.model}, flags ${aes.join(' ') || 'without aes'}; load ${loadavg()[0]}`,
  );
  console.error(
    `a volume of 1 GiB: plain ${plainMs} ms, encrypted ${sealed.ms} ms and filled after ${sealed.filledMs} ms`,
  );
}

async function run(seen: VolumeStorageObservation, args: readonly string[]): Promise<number> {
  const startedMs = performance.now();
  const bench = ['bench', '-f', 'raw', '-t', 'none', ...args, nbdUri(seen)];
  await systemCommands.run('qemu-img', bench, { timeoutMs: TIMEOUT_MS });
  return Math.round(performance.now() - startedMs);
}
