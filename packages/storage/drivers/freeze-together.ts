// Owns one point in time for several volumes, each of which has a daemon of its own. Nothing that they have in common
// could take it, so for that moment nobody's write to any of them is answered:
//
//   each: made ready -> each: its export ends -> each: the filter goes in -> each: exported again
//                                           '--- no write ends in here ---'
//
// A host whose export went away tries again a second later, and sends what was not answered once more.

import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type { FreezePoint } from '@ironbark/protocol/internal/block-target.ts';
import { listExports, VOLUME_EXPORT } from './daemon-graph.ts';

export interface FreezingParts {
  prepare(point: FreezePoint): Promise<QmpClient>;
  insert(qmp: QmpClient, point: FreezePoint): Promise<void>;
  serve(point: FreezePoint, qmp: QmpClient, exported: boolean): Promise<void>;
  clock: Clock;
}

/** Requests under way end first; a disk that takes longer than this has the set fail, not the guest. */
const END_TIMEOUT_MS = 15_000;
const END_POLL_MS = 2;

interface Prepared {
  point: FreezePoint;
  qmp: QmpClient;
  exported: boolean;
}

export async function freezeTogether(
  points: readonly FreezePoint[],
  parts: FreezingParts,
): Promise<void> {
  const prepared: Prepared[] = [];
  for (const point of points) {
    const qmp = await parts.prepare(point);
    prepared.push({ point, qmp, exported: (await listExports(qmp)).has(VOLUME_EXPORT) });
  }
  try {
    const open = prepared.filter(({ exported }) => exported);
    await allEnded(open.map(({ qmp }) => endExport(qmp, parts.clock)));
    await allEnded(prepared.map(({ qmp, point }) => parts.insert(qmp, point)));
  } finally {
    // Whatever went wrong, guests get their volumes back.
    await allEnded(prepared.map(({ point, qmp, exported }) => parts.serve(point, qmp, exported)));
  }
}

/** Once the daemon does not list it any more, no request of it is under way. */
async function endExport(qmp: QmpClient, clock: Clock): Promise<void> {
  await qmp.execute('block-export-del', { id: VOLUME_EXPORT, mode: 'hard' });
  await waitFor(async () => !(await isListed(qmp)), {
    clock,
    timeoutMs: END_TIMEOUT_MS,
    intervalMs: END_POLL_MS,
    what: 'the end of an export',
  });
}

/** Also while it is shutting down. */
async function isListed(qmp: QmpClient): Promise<boolean> {
  const exports = await qmp.execute<{ id: string }[]>('query-block-exports');
  return exports.some(({ id }) => id === VOLUME_EXPORT);
}

/** The first error, once all have come to an end. */
async function allEnded(work: readonly Promise<unknown>[]): Promise<void> {
  for (const each of await Promise.allSettled(work)) {
    if (each.status === 'rejected') throw each.reason;
  }
}
