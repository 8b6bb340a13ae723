// Owns the openings of a volume that several instances may have at once: each instance has one, with a number of its own.

import type { BlockExport } from '@ironbark/protocol/internal/instance-messages.ts';
import type { InstanceOpening } from '@ironbark/protocol/internal/storage-client.ts';
import type { VolumeRow } from '../store/volumes.ts';

/** As it is kept in `opened_to`, before its instance can be let in. */
export interface Opening extends InstanceOpening {
  /** The volume's `export_epoch` with it. */
  number: number;
  /** Absent until it was open once. */
  export?: BlockExport;
}

export function wantedOpenings({ open_to }: Pick<VolumeRow, 'open_to'>): InstanceOpening[] {
  return open_to === null ? [] : (JSON.parse(open_to) as InstanceOpening[]);
}

export function openingsOf({ opened_to }: Pick<VolumeRow, 'opened_to'>): Opening[] {
  return opened_to === null ? [] : (JSON.parse(opened_to) as Opening[]);
}

export function renderOpenings(openings: readonly Opening[]): string | null {
  return openings.length === 0 ? null : JSON.stringify(openings);
}

/** Somebody can write to it, or may be about to. */
export function isLetIn(row: Pick<VolumeRow, 'exported_to' | 'opened_to'>): boolean {
  return row.exported_to !== null || row.opened_to !== null;
}

/** Of the openings that there are, those that nobody is to have any more. */
export function listUnwanted(
  wanted: readonly InstanceOpening[],
  openings: readonly Opening[],
): Opening[] {
  return openings.filter((opening) => !wanted.some((one) => isSame(one, opening)));
}

/** Of the instances that are to have one, those that cannot use it now: `served` are the numbers that they can. */
export function listLacking(
  wanted: readonly InstanceOpening[],
  openings: readonly Opening[],
  served: readonly number[],
): InstanceOpening[] {
  const usable = openings.filter(
    (opening) => opening.export !== undefined && served.includes(opening.number),
  );
  return wanted.filter((one) => !usable.some((opening) => isSame(one, opening)));
}

export function isSame(one: InstanceOpening, other: InstanceOpening): boolean {
  return one.instanceId === other.instanceId && one.nodeId === other.nodeId;
}
