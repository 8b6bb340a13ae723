// Owns holding volumes still for a backup: each as it was at one moment, while guests write on. A hold is known to
// nobody but this process; what is left of one after a crash is let go at the next start.

import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { MIB } from '@ironbark/core/units.ts';
import { newId, type RandomSource } from '@ironbark/platform/random.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import { SECTOR_BYTES, sealSectors } from '../drivers/aes-xts.ts';
import { LUKS_HEADER_BYTES, type LuksKeys, renderLuksHeader } from '../drivers/luks-header.ts';
import { listUnfinishedSnapshots } from '../store/snapshots.ts';
import { findVolume, listVolumes } from '../store/volumes.ts';
import { isAllZeros } from './chunk-codec.ts';
import type { StorageContext } from './context.ts';
import { ensureLayer } from './layers.ts';

/** An encrypted one is held as it lies on its disk: a header, and bytes that its key alone opens. */
export interface HeldVolume {
  id: VolumeId;
  sizeBytes: number;
}

interface Hold {
  point: SnapshotId;
  sizeBytes: number;
  /** Of an encrypted volume. */
  sealedWith?: LuksKeys;
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
  refuseWhileMeasured(context);
  // Nobody begins to measure one that is to be held in a moment.
  const hold = Symbol('hold');
  context.holds.add(hold);
  const held = new Map<VolumeId, Hold>();
  const letGo = async () => {
    for (const [id, { point }] of held) await thaw(context, id, point);
    context.holds.delete(hold);
  };
  try {
    for (const { id } of await listVolumes(context.database.query)) {
      const point = newId(random, 'snap');
      const frozen = await freeze(context, id, point);
      if (frozen !== undefined) held.set(id, frozen);
    }
  } catch (error) {
    await letGo();
    throw error;
  }
  return {
    volumes: [...held].map(([id, hold]) => ({ id, sizeBytes: hold.sizeBytes + headerOf(hold) })),
    read: (id, offset) => {
      const hold = held.get(id);
      if (hold === undefined) throw new Error(`${id} is not held`);
      if (hold.sealedWith === undefined) return readHeld(context.target, { id, offset }, hold);
      return readSealed({ target: context.target, random }, { id, offset }, hold);
    },
    [Symbol.asyncDispose]: letGo,
  };
}

/** Guests' volumes would stay frozen for as long as the measurement takes. */
function refuseWhileMeasured({ measuring }: StorageContext): void {
  const [id] = measuring.keys();
  if (id === undefined) return;
  const message = `${id} is being measured: volumes are not held until that has ended`;
  throw new ServiceError({ kind: 'incorrect-state', resource: 'volume', message });
}

/** Undefined for a volume that has no contents. */
function freeze(
  context: StorageContext,
  id: VolumeId,
  point: SnapshotId,
): Promise<Hold | undefined> {
  return context.locks.run(id, async () => {
    const row = await findVolume(context.database.query, id);
    const facts = await context.backend.inspect(id);
    if (row?.observed_state !== 'ready' || row.desired !== 'present') return undefined;
    // Lost: there is a record of it and no file.
    if (facts === undefined) return undefined;
    await ensureLayer(context, row);
    const how = { tracksChanges: false, ...(await context.keys.sealOf(row)) };
    await context.target.freeze(id, point, facts.sizeBytes, how);
    const sealedWith = await context.keys.factsOf(row)?.openKeys();
    return { point, sizeBytes: facts.sizeBytes, ...(sealedWith && { sealedWith }) };
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
  { point, sizeBytes }: Hold,
): Promise<HeldPart> {
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

function headerOf({ sealedWith }: Hold): number {
  return sealedWith === undefined ? 0 : LUKS_HEADER_BYTES;
}

/** Zeros are bytes as all others here: what is left out would not be zeros once it is decrypted. */
async function readSealed(
  { target, random }: { target: BlockTarget; random: RandomSource },
  { id, offset }: { id: VolumeId; offset: number },
  { point, sizeBytes, sealedWith }: Hold,
): Promise<HeldPart> {
  const keys = sealedWith!;
  if (offset === 0) {
    const header = { offset: 0, bytes: renderLuksHeader(keys, random) };
    return { pieces: [header], nextOffset: LUKS_HEADER_BYTES };
  }
  const at = offset - LUKS_HEADER_BYTES;
  await using reader = await target.openFrozen(id, point);
  const plain = await reader.read(at, Math.min(CHUNK_BYTES, sizeBytes - at));
  const bytes = sealSectors({ key: keys.payloadKey, first: at / SECTOR_BYTES }, plain);
  const nextOffset = offset + bytes.length;
  const isEnd = at + bytes.length === sizeBytes;
  return { pieces: [{ offset, bytes }], ...(isEnd ? {} : { nextOffset }) };
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
