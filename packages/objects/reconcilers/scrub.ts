// Owns the scrub: every stored byte is read and checked once in thirty days, so that rot is found before somebody needs
// the bytes. What it finds is logged; nothing is changed, since a copy that is whole is elsewhere, if anywhere.

import { isServiceError } from '@ironbark/core/errors.ts';
import { MIB } from '@ironbark/core/units.ts';
import { giveBack } from '@ironbark/platform/blocks.ts';
import { type Reconciler, SETTLED } from '@ironbark/platform/reconciler.ts';
import { heldName, openBlob, type PlacedBlob } from '../app/blob-reading.ts';
import type { ObjectsContext } from '../app/context.ts';
import { findBlobState, findBlobs, listStoredInGroup } from '../store/blobs.ts';

const ROUND_MS = 30 * 24 * 3_600_000;
/** Of ids, by their first two digits. */
const GROUPS = 256;
/** How often the next group is due. */
export const SCRUB_GROUP_MS = ROUND_MS / GROUPS;
/** A disk that others use hardly notices; in thirty days it is 40 TiB. */
const BYTES_A_SECOND = 16 * MIB;
/** Shorter pauses than this are saved up. */
const MIN_PAUSE_MS = 50;
const PAGE = 500;

type ScrubContext = Pick<
  ObjectsContext,
  'db' | 'blobs' | 'log' | 'clock' | 'busy' | 'counters' | 'logger'
>;

export function scrub(context: ScrubContext): Reconciler {
  let next: number | undefined;
  return {
    name: 'scrub',
    // By the time of day, so that a process that is started anew goes on where the one before was.
    listKeys: async () => {
      const now = Math.floor(context.clock.nowMs() / SCRUB_GROUP_MS);
      const first = Math.max(next ?? now, now - GROUPS + 1);
      next = now + 1;
      const due = Array.from({ length: now - first + 1 }, (_, at) => (first + at) % GROUPS);
      return due.map((group) => group.toString(16).padStart(2, '0'));
    },
    reconcile: async (group, signal) => {
      const pace = new Pace(context);
      for (let after = ''; ; ) {
        const ids = await listStoredInGroup(context.db.query, { group, after, limit: PAGE });
        for (const id of ids) {
          await check(context, id, (bytes) => pace.take(bytes, signal));
          after = id;
        }
        if (ids.length < PAGE) return SETTLED;
      }
    },
  };
}

/** `pause` is asked after each piece; what it throws ends the check. */
async function check(
  context: ScrubContext,
  id: string,
  pause: (bytes: number) => Promise<void>,
): Promise<void> {
  using look = context.busy.beginLook();
  const [row] = await findBlobs(context.db.query, [id]);
  if (row?.state !== 'stored') return;
  const { size_bytes: sizeBytes, block_crcs: blockCrcs } = row;
  const place = { logFile: row.log_file, logOffset: row.log_offset };
  using _hold = context.busy.hold([heldName(id, place)]);
  look[Symbol.dispose]();
  for await (const bytes of readSound(context, { id, sizeBytes, blockCrcs, ...place })) {
    context.counters.countChecked(bytes);
    await pause(bytes);
  }
}

/** The size of each piece that was read and is sound; what its reader throws is no damage. */
async function* readSound(context: ScrubContext, blob: PlacedBlob): AsyncGenerator<number> {
  try {
    await using opened = await openBlob(context, blob);
    if (blob.sizeBytes === 0) return;
    for await (const piece of opened.read(0, blob.sizeBytes - 1)) {
      const { length } = piece;
      giveBack(piece);
      yield length;
    }
  } catch (error) {
    // An engine that is away says nothing of the bytes.
    if (isServiceError(error)) throw error;
    // Another gateway has removed it meanwhile.
    if ((await findBlobState(context.db.query, blob.id)) !== 'stored') return;
    context.counters.countDamaged();
    context.logger.error('a stored blob is damaged or missing', { blob: blob.id, error });
  }
}

/** Pauses, so that no more is read in a second than may be. */
class Pace {
  readonly #context: Pick<ScrubContext, 'clock'>;
  #owedMs = 0;

  constructor(context: Pick<ScrubContext, 'clock'>) {
    this.#context = context;
  }

  async take(bytes: number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#owedMs += (bytes / BYTES_A_SECOND) * 1_000;
    if (this.#owedMs < MIN_PAUSE_MS) return;
    const pauseMs = this.#owedMs;
    this.#owedMs = 0;
    await this.#context.clock.sleep(pauseMs, signal);
  }
}
