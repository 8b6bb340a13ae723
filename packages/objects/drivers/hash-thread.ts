// Owns what a thread does that digests bytes for the event loop: one task after another, answered in their order. It is
// started as a text in memory (hash-threads.ts).

import { parentPort } from 'node:worker_threads';
import { type DigestAlgorithm, DigestSet } from '@ironbark/protocol/s3/checksums.ts';
import { type SumKind, sumOf } from './block-sums.ts';

/** `stream`: digests that run on over many blocks. */
export type HashTask =
  | { kind: 'crc'; bytes: Uint8Array }
  | { kind: 'begin'; stream: number; algorithms: readonly DigestAlgorithm[] }
  | { kind: 'update'; stream: number; bytes: Uint8Array; sum: SumKind | undefined }
  | { kind: 'end'; stream: number; algorithms: readonly DigestAlgorithm[] };

/** A sum of the block; the digests in the order of their algorithms; nothing. */
export type HashAnswer = number | Uint8Array[] | undefined;

const streams = new Map<number, DigestSet>();

function answer(task: HashTask): HashAnswer {
  if (task.kind === 'crc') return sumOf('crc32', task.bytes);
  if (task.kind === 'begin') {
    streams.set(task.stream, new DigestSet(task.algorithms));
    return undefined;
  }
  const digests = streams.get(task.stream)!;
  if (task.kind === 'update') {
    digests.update(task.bytes);
    return task.sum === undefined ? undefined : sumOf(task.sum, task.bytes);
  }
  streams.delete(task.stream);
  return task.algorithms.map((algorithm) => digests.get(algorithm));
}

parentPort?.on('message', (task: HashTask) => parentPort?.postMessage(answer(task)));
