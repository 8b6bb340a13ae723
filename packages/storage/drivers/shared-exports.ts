// Owns what a storage daemon is told of a volume that several guests have at once: an export for each of their openings, so
// that one is closed while the others go on. All are of one node: they share its limits, and read what each other wrote.
//
//   guest a -> relay 3 -> export volume.3 -.
//   guest b -> relay 4 -> export volume.4 --> limited -> disk -> ...
//
// A daemon listens in one place only, and a guest that is let in there may ask for any export. So these are for relays
// alone, and each guest has a relay with a socket of its own (relays.ts).

import type { VolumeId } from '@ironbark/core/ids.ts';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import { addExport, closeExports, VOLUME_EXPORT } from './daemon-graph.ts';

const NAME = /^volume\.([1-9][0-9]*)$/;

export function sharedExport(opening: number): string {
  return `${VOLUME_EXPORT}.${opening}`;
}

/** Absent when there are none, as TargetFacts has it. */
export function openingsIn(exports: ReadonlyMap<string, string>): { openings?: number[] } {
  const openings = [...exports.keys()].flatMap((id) => {
    const [, number] = NAME.exec(id) ?? [];
    return number === undefined ? [] : [Number(number)];
  });
  return openings.length === 0 ? {} : { openings };
}

export function addSharedExport(qmp: QmpClient, opening: number): Promise<void> {
  const name = sharedExport(opening);
  return addExport(qmp, { id: name, name });
}

/** When this resolves no request that came by it is under way. */
export async function closeSharedExport(
  qmp: QmpClient,
  options: { volumeId: VolumeId; clock: Clock },
  opening: number,
): Promise<void> {
  const name = sharedExport(opening);
  await closeExports(qmp, options, (ids) => [...ids].filter((id) => id === name));
}
