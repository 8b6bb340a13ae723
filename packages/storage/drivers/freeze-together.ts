// Owns one point in time for several volumes, each of which has a daemon of its own. Nothing that they have in common
// could take it, so for that moment nobody's write to any of them is answered:
//
//   each: made ready -> each: its export ends -> each: the filter goes in -> each: exported again
//                                           '--- no write ends in here ---'
//
// A host whose export went away tries again a second later, and sends what was not answered once more.

import type { Clock } from '@ironbark/platform/clock.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type { FreezePoint } from '@ironbark/protocol/internal/block-target.ts';
import {
  closeExports,
  listExports,
  listForHosts,
  reopenExports,
  VOLUME_EXPORT,
} from './daemon-graph.ts';
import type { RbdPlace } from './volume-place.ts';

export interface FreezingParts {
  prepare(point: FreezePoint): Promise<PreparedPoint>;
  insert(prepared: PreparedPoint, point: FreezePoint): Promise<void>;
  serve(point: FreezePoint, qmp: QmpClient, exported: boolean): Promise<void>;
  clock: Clock;
}

/** The daemon, and where it can put aside what is overwritten. */
export interface PreparedPoint {
  qmp: QmpClient;
  /** Of an encrypted volume. */
  passphrase: string | undefined;
  /** Present when it is Ceph that takes the point; one that is there already may be of another moment. */
  ceph?: { place: RbdPlace; mustBeNew: boolean };
}

interface Prepared extends PreparedPoint {
  point: FreezePoint;
  /** What hosts have open. */
  exports: string[];
}

export async function freezeTogether(
  points: readonly FreezePoint[],
  parts: FreezingParts,
): Promise<void> {
  const prepared: Prepared[] = [];
  for (const point of points) {
    const ready = await parts.prepare(point);
    const exports = listForHosts((await listExports(ready.qmp)).keys());
    prepared.push({ ...ready, point, exports });
  }
  try {
    await allEnded(
      prepared.map(({ qmp, point }) =>
        closeExports(qmp, { volumeId: point.id, clock: parts.clock }),
      ),
    );
    await allEnded(prepared.map((each) => parts.insert(each, each.point)));
  } finally {
    // Whatever went wrong, guests get their volumes back.
    await allEnded(prepared.map((each) => serve(each, parts)));
  }
}

async function serve({ qmp, point, exports }: Prepared, parts: FreezingParts): Promise<void> {
  await parts.serve(point, qmp, exports.includes(VOLUME_EXPORT));
  await reopenExports(qmp, point.id, exports);
}

/** The first error, once all have come to an end. */
async function allEnded(work: readonly Promise<unknown>[]): Promise<void> {
  for (const each of await Promise.allSettled(work)) {
    if (each.status === 'rejected') throw each.reason;
  }
}
