// Owns the measurement of the path that guests' cards lead to: from a name space that is plugged where a guest would be,
// to its host and back, by one TCP stream. Pure.

import type { PathRates } from '@ironbark/core/network-figures.ts';
import type { NetworkResult } from '../network/network-result.ts';
import { NETWORK_ROWS, type NetworkRow } from '../network/network-rows.ts';

const MEGA = 1e6;

export function pathRows(): NetworkRow[] {
  return NETWORK_ROWS.filter(
    ({ nic, peer, measure, streams }) =>
      nic === 'none' && peer === 'host' && measure !== 'round-trip' && streams === 1,
  );
}

/** Undefined where one of the two could not be measured. */
export function pathOf(rows: readonly NetworkResult[]): PathRates | undefined {
  const rate = (measure: NetworkRow['measure']) =>
    rows.find((row) => pathRows().some(({ id }) => id === row.id) && row.measure === measure)
      ?.megabitsPerSecond;
  const [out, into] = [rate('transmit'), rate('receive')];
  if (out === undefined || into === undefined) return undefined;
  return { outBitsPerSecond: out * MEGA, inBitsPerSecond: into * MEGA };
}
