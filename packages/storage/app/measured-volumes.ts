// Owns opening a volume that nobody has for one who measures it, by the way by which a host would open it. Until the end
// whatever else there is to do for the volume waits: attaching it, its end. A snapshot does not: the measurement is given up.
// It is known to nobody but this process: what a crash leaves open the volume's reconciler closes at the next start, since
// nobody is to have it.
//
//   begin --> open, under the volume's lock --> end, or not renewed for so long, or so long in all, or a snapshot --> closed

import { ServiceError } from '@ironbark/core/errors.ts';
import type { VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { listUnfinishedSnapshots } from '../store/snapshots.ts';
import { findVolume, updateVolume, type VolumeRow } from '../store/volumes.ts';
import type { StorageContext } from './context.ts';
import { endExport, ensureLayer } from './layers.ts';
import { isLetIn } from './openings.ts';

export interface MeasuredVolume {
  /** By which its socket is found (export-sockets.ts), and its name at that socket is its id. */
  opening: number;
  sizeBytes: number;
  /** Absent: nothing holds it back. */
  limits?: VolumeLimits;
  /** Has to be renewed within this time, or the volume is closed. */
  leaseMs: number;
}

interface Measuring {
  /** Closes it. */
  end(): void;
  /** It is closed. */
  ended: Promise<void>;
  /** Aborted by each renewal, and by the end. */
  lease: AbortController;
}

/** Who measures renews several times in this time; one that was killed holds the volume no longer. */
const LEASE_MS = 15_000;
/** Whoever attaches it meanwhile waits no longer than this, whoever renews. */
const MOST_MS = 900_000;

/** A point in time is of the moment in which it is asked for, as near as that can be. */
export const SNAPSHOT_WANTED = 'a snapshot of the volume was asked for.';
const UNHEARD = 'it took too long, or was not heard of.';
/** For whoever works on the volume in passing. What takes longer is not waited for. */
const FREE_WITHIN_MS = 3_000;
const FREE_POLL_MS = 20;

/** More would only measure each other. */
const MOST_AT_A_TIME = 2;

export class MeasuredVolumes implements AsyncDisposable {
  readonly #context: StorageContext;
  readonly #measuring = new Map<VolumeId, Measuring>();
  /** Why measurements were given up that may not have heard of it. */
  readonly #givenUp = new Map<VolumeId, string>();
  #isOver = false;

  constructor(context: StorageContext) {
    this.#context = context;
  }

  /** Throws ServiceError where somebody has the volume, or it is being worked on. */
  async begin(id: VolumeId): Promise<MeasuredVolume> {
    this.#requireTurn(id);
    await this.#untilFree(id);
    this.#requireTurn(id);
    const over = Promise.withResolvers<void>();
    const opened = Promise.withResolvers<Omit<MeasuredVolume, 'leaseMs'>>();
    const ended = this.#context.locks.run(id, async () => {
      try {
        opened.resolve(await open(this.#context, id));
        await over.promise;
      } catch (error) {
        opened.reject(error);
        return;
      }
      await close(this.#context, id);
    });
    const measuring = { end: over.resolve, ended, lease: new AbortController() };
    this.#givenUp.delete(id);
    this.#measuring.set(id, measuring);
    this.#context.measuring.set(id, (why) => {
      this.#givenUp.set(id, why);
      measuring.end();
    });
    const done = new AbortController();
    void ended.finally(() => {
      done.abort();
      measuring.lease.abort();
      this.#measuring.delete(id);
      this.#context.measuring.delete(id);
      this.#context.pokeVolume(id);
    });
    const volume = await opened.promise;
    this.#endAfter(id, MOST_MS, done.signal);
    this.renew(id);
    return { ...volume, leaseMs: LEASE_MS };
  }

  #requireTurn(id: VolumeId): void {
    if (this.#isOver) throw refuse(id, 'The cloud is going down.');
    if (this.#context.holds.size > 0) {
      throw refuse(id, 'A backup holds the volumes still; measure it once that has ended.');
    }
    if (this.#measuring.has(id)) {
      const seconds = LEASE_MS / 1_000;
      throw refuse(
        id,
        `It is being measured, or a measurement was cut short in the last ${seconds} s.`,
      );
    }
    if (this.#measuring.size >= MOST_AT_A_TIME) {
      throw refuse(id, `${MOST_AT_A_TIME} volumes are being measured already.`);
    }
  }

  /** It is seen free in the moment in which this resolves. */
  async #untilFree(id: VolumeId): Promise<void> {
    const { clock, locks } = this.#context;
    const untilMs = clock.monotonicMs() + FREE_WITHIN_MS;
    while (locks.isTaken(id)) {
      if (clock.monotonicMs() >= untilMs) {
        throw refuse(id, 'The storage is at work on it; try again once that is done.');
      }
      await clock.sleep(FREE_POLL_MS);
    }
  }

  renew(id: VolumeId): void {
    const measuring = this.#measuring.get(id);
    const why = this.#givenUp.get(id);
    if (measuring === undefined || why !== undefined) {
      throw refuse(id, `The measurement was given up: ${why ?? UNHEARD}`);
    }
    measuring.lease.abort();
    measuring.lease = new AbortController();
    this.#endAfter(id, LEASE_MS, measuring.lease.signal);
  }

  /** When it resolves nobody has the volume open. One that has ended already is no error. */
  async end(id: VolumeId): Promise<void> {
    const measuring = this.#measuring.get(id);
    measuring?.end();
    await measuring?.ended;
  }

  #endAfter(id: VolumeId, ms: number, signal: AbortSignal): void {
    const { clock, logger } = this.#context;
    clock.sleep(ms, signal).then(
      () => {
        logger.warn('the measurement of a volume is given up', { id, afterMs: ms });
        // Closing it takes a while, in which nobody is told that it goes on.
        this.#givenUp.set(id, UNHEARD);
        return this.end(id);
      },
      () => {},
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all([...this.#measuring.keys()].map((id) => this.end(id)));
  }
}

async function open(
  context: StorageContext,
  id: VolumeId,
): Promise<Omit<MeasuredVolume, 'leaseMs'>> {
  const row = await findVolume(context.database.query, id);
  const why = await whyNot(context, row);
  if (row === undefined || why !== undefined) throw refuse(id, why ?? 'There is no such volume.');
  // Whoever was let in by an earlier opening does not get in by this one, nor this one by a later.
  const opening = row.export_epoch + 1;
  await updateVolume(context.database.query, id, { export_epoch: opening });
  const limits = row.limits === null ? {} : { limits: JSON.parse(row.limits) as VolumeLimits };
  try {
    await ensureLayer(context, row);
    await context.target.export(id, { opening, ...limits, ...(await context.keys.sealOf(row)) });
  } catch (error) {
    await close(context, id);
    throw error;
  }
  return { opening, sizeBytes: row.size_bytes, ...limits };
}

/** Undefined: nobody has it, and nothing is to be done for it. */
async function whyNot(
  context: StorageContext,
  row: VolumeRow | undefined,
): Promise<string | undefined> {
  if (row === undefined || row.desired === 'absent') return 'There is no such volume.';
  if (row.observed_state !== 'ready') return `It is ${row.observed_state}.`;
  const isWanted = row.export_to !== null || row.open_to !== null;
  if (isWanted || isLetIn(row)) return 'An instance has it, or is about to.';
  if (row.is_filled === 0 || row.is_clone === 1) {
    return 'Its bytes are still coming from its snapshot: it would be measured with the object store.';
  }
  const facts = await context.backend.inspect(row.id);
  if (facts?.sizeBytes !== row.size_bytes) return 'It is being made longer, or its disk is lost.';
  const unfinished = await listUnfinishedSnapshots(context.database.query, row.id);
  if (unfinished.length > 0) return 'A snapshot of it is being taken.';
  const { frozen } = await context.target.inspect(row.id);
  return frozen.length === 0 ? undefined : 'A backup or a snapshot has not let go of it yet.';
}

async function close(context: StorageContext, id: VolumeId): Promise<void> {
  try {
    const row = await findVolume(context.database.query, id);
    if (row !== undefined) await endExport(context, row);
  } catch (error) {
    // Its reconciler tries again: nobody is to have it.
    context.logger.warn('a measured volume was not closed', { id, error });
  }
}

/** Somebody who may not wait for it is to have these volumes next: it is over as soon as it is closed. */
export function endMeasuring(
  { measuring }: Pick<StorageContext, 'measuring'>,
  ids: readonly VolumeId[],
  why: string,
): void {
  for (const id of ids) measuring.get(id)?.(why);
}

function refuse(id: VolumeId, why: string): ServiceError {
  const message = `${id} is not measured: ${why}`;
  return new ServiceError({ kind: 'incorrect-state', resource: 'volume', message });
}
