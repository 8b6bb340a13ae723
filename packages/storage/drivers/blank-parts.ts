// Owns what of a volume was never written when a point in time of it was taken: zeros, which nobody has to read.
//
//   bitmap begun -> holes of the file looked at -> filter put in: the point in time
//
// What was a hole then, and is not marked in the bitmap, was zeros at the point. Requests under way end before the filter
// is in, so each of them is either seen in the file or marked. It is known to this process alone: after its end all of a
// point that is still held is read.

import { join } from 'node:path';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { type Hole, listHoles } from '@ironbark/platform/file-holes.ts';
import type { ByteRange } from '@ironbark/protocol/internal/block-target.ts';
import { volumePath } from './daemon-arguments.ts';

/** A snapshot's block: what is shorter spares nobody a read. */
const LEAST_BYTES = 512 * 1024;

export class BlankParts {
  readonly #dataDir: string;
  readonly #holes = new Map<SnapshotId, Hole[]>();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  /** Of a volume whose file has its bytes as guests see them, each at its own place. */
  async look(id: VolumeId, snapshotId: SnapshotId, expectedBytes: number): Promise<void> {
    const { sizeBytes, holes } = await listHoles(join(this.#dataDir, volumePath(id)));
    if (sizeBytes !== expectedBytes) return;
    const large = holes.filter(({ length }) => length >= LEAST_BYTES);
    this.#holes.set(snapshotId, large);
  }

  /** Undefined when nothing is known. */
  of(snapshotId: SnapshotId): readonly Hole[] | undefined {
    return this.#holes.get(snapshotId);
  }

  forget(snapshotId: SnapshotId): void {
    this.#holes.delete(snapshotId);
  }
}

/** What is left of a range without the holes, which are in order. */
export function withoutHoles({ offset, length }: ByteRange, holes: readonly Hole[]): ByteRange[] {
  const end = offset + length;
  const left: ByteRange[] = [];
  let at = offset;
  for (const hole of holes) {
    const from = Math.min(Math.max(hole.offset, at), end);
    if (from > at) left.push({ offset: at, length: from - at });
    at = Math.max(at, Math.min(hole.offset + hole.length, end));
  }
  if (at < end) left.push({ offset: at, length: end - at });
  return left;
}
