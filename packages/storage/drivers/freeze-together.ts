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
import { closeExport, listExports, VOLUME_EXPORT } from './daemon-graph.ts';
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
  exported: boolean;
}

export async function freezeTogether(
  points: readonly FreezePoint[],
  parts: FreezingParts,
): Promise<void> {
  const prepared: Prepared[] = [];
  for (const point of points) {
    const ready = await parts.prepare(point);
    const exported = (await listExports(ready.qmp)).has(VOLUME_EXPORT);
    prepared.push({ ...ready, point, exported });
  }
  try {
    const open = prepared.filter(({ exported }) => exported);
    await allEnded(
      open.map(({ qmp, point }) => closeExport(qmp, { volumeId: point.id, clock: parts.clock })),
    );
    await allEnded(prepared.map((each) => parts.insert(each, each.point)));
  } finally {
    // Whatever went wrong, guests get their volumes back.
    await allEnded(prepared.map(({ point, qmp, exported }) => parts.serve(point, qmp, exported)));
  }
}

/** The first error, once all have come to an end. */
async function allEnded(work: readonly Promise<unknown>[]): Promise<void> {
  for (const each of await Promise.allSettled(work)) {
    if (each.status === 'rejected') throw each.reason;
  }
}
