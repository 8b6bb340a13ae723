// Owns holding volumes still for a backup: each as it was at one moment, while guests write on. A hold is known to
// nobody but this process; what is left of one after a crash is let go at the next start.

import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { newId, type RandomSource } from '@ironbark/platform/random.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import { listUnfinishedSnapshots } from '../store/snapshots.ts';
import { findVolume, listVolumes } from '../store/volumes.ts';
import { isAllZeros } from './chunk-codec.ts';
import type { StorageContext } from './context.ts';
import { ensureLayer } from './layers.ts';

export interface HeldVolume {
  id: VolumeId;
  sizeBytes: number;
}

export interface HeldVolumes extends AsyncDisposable {
  readonly volumes: readonly HeldVolume[];
  /** From an offset on, as at the moment of the hold: some of what is not zeros, in order. */
  read(id: VolumeId, offset: number): Promise<HeldPart>;
}

export interface HeldPart {
  pieces: { offset: number; bytes: Buffer }[];
  /** Where to go on; absent at the volume's end. */
  nextOffset?: number;
}

const CHUNK_BYTES = 4 * MIB;
/** Of zeros, that are passed over in one call. */
const PART_BYTES = 16 * CHUNK_BYTES;

export async function holdVolumes(
  context: StorageContext,
  random: RandomSource,
): Promise<HeldVolumes> {
  const held = new Map<VolumeId, { point: SnapshotId; sizeBytes: number }>();
  const letGo = async () => {
    for (const [id, { point }] of held) await thaw(context, id, point);
  };
  try {
    for (const { id } of await listVolumes(context.database.query)) {
      const point = newId(random, 'snap');
      const sizeBytes = await freeze(context, id, point);
      if (sizeBytes !== undefined) held.set(id, { point, sizeBytes });
    }
  } catch (error) {
    await letGo();
    throw error;
  }
  return {
    volumes: [...held].map(([id, { sizeBytes }]) => ({ id, sizeBytes })),
    read: (id, offset) => readHeld(context.target, { id, offset }, held.get(id)),
    [Symbol.asyncDispose]: letGo,
  };
}

/** Undefined for a volume that has no contents. */
function freeze(
  context: StorageContext,
  id: VolumeId,
  point: SnapshotId,
): Promise<number | undefined> {
  return context.locks.run(id, async () => {
    const row = await findVolume(context.database.query, id);
    const facts = await context.backend.inspect(id);
    if (row?.observed_state !== 'ready' || row.desired !== 'present') return undefined;
    // Lost: there is a record of it and no file.
    if (facts === undefined) return undefined;
    await ensureLayer(context, row);
    await context.target.freeze(id, point, facts.sizeBytes, { tracksChanges: false });
    return facts.sizeBytes;
  });
}

async function thaw(context: StorageContext, id: VolumeId, point: SnapshotId): Promise<void> {
  try {
    await context.locks.run(id, () => context.target.thaw(id, point));
  } catch (error) {
    // The next start lets it go.
    context.logger.warn('a held volume was not let go', { id, error });
  }
  context.pokeVolume(id);
}

async function readHeld(
  target: BlockTarget,
  { id, offset: first }: { id: VolumeId; offset: number },
  hold: { point: SnapshotId; sizeBytes: number } | undefined,
): Promise<HeldPart> {
  if (hold === undefined) throw new Error(`${id} is not held`);
  const { point, sizeBytes } = hold;
  const end = Math.min(sizeBytes, first + PART_BYTES);
  await using reader = await target.openFrozen(id, point);
  for (let offset = first; offset < end; offset += CHUNK_BYTES) {
    const bytes = await reader.read(offset, Math.min(CHUNK_BYTES, sizeBytes - offset));
    if (isAllZeros(bytes)) continue;
    const nextOffset = offset + bytes.length;
    return { pieces: [{ offset, bytes }], ...(nextOffset < sizeBytes ? { nextOffset } : {}) };
  }
  return { pieces: [], ...(end < sizeBytes ? { nextOffset: end } : {}) };
}

/** At a start: a point that no snapshot waits for is what a backup left that was cut short. */
export async function letGoOfForgottenPoints(context: StorageContext): Promise<void> {
  for (const id of await context.target.list()) {
    try {
      const { frozen } = await context.target.inspect(id);
      const rows = await listUnfinishedSnapshots(context.database.query, id);
      const wanted = new Set(rows.map((row) => row.id));
      for (const point of frozen.filter((each) => !wanted.has(each))) {
        context.logger.warn('letting go of a point in time that nobody waits for', { id, point });
        await context.target.thaw(id, point);
      }
    } catch (error) {
      // One that hangs must not hold up the start.
      context.logger.warn('a storage daemon does not answer', { id, error });
    }
  }
}
