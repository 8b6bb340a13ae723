// Owns what a storage daemon remembers of changes: a bitmap for each of the last points in time, of what was written
// since. It is in the daemon's memory, so a daemon that was started again knows none, and all of a volume is read.
//
//   disk: since-4-snap-b, since-5-snap-c      v5 (the view of snap-c): both, as they were at snap-c
//
// A bitmap is begun before its point in time and copied after the next one, so it marks rather more than has changed.

import type { SnapshotId } from '@ironbark/core/ids.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import { DISK_NODE } from './daemon-arguments.ts';

export interface Bitmap {
  name: string;
  sequence: number;
  /** It marks what changed since this point in time. */
  base: SnapshotId;
}

/** The size of a snapshot's blocks. */
const GRANULARITY = 512 * 1024;
/** The newest completed snapshot is wanted; others may still be written, fail or be deleted before the next. */
const MAX_BITMAPS = 4;
const BITMAP_NAME = /^since-([0-9]+)-(snap-[0-9a-f]+)$/;

/** Newest first. */
export async function listBitmaps(qmp: QmpClient, node: string): Promise<Bitmap[]> {
  const nodes = await qmp.execute<
    { 'node-name'?: string; 'dirty-bitmaps'?: { name?: string; inconsistent?: boolean }[] }[]
  >('query-named-block-nodes', { flat: true });
  const found = nodes.find((each) => each['node-name'] === node)?.['dirty-bitmaps'] ?? [];
  return found
    .flatMap(({ name = '', inconsistent }) => {
      const match = inconsistent === true ? null : BITMAP_NAME.exec(name);
      if (match === null) return [];
      return [{ name, sequence: Number(match[1]), base: match[2] as SnapshotId }];
    })
    .sort((a, b) => b.sequence - a.sequence);
}

/** Begins to mark what changes from now on. */
export async function beginBitmap(qmp: QmpClient, base: SnapshotId): Promise<void> {
  const present = await listBitmaps(qmp, DISK_NODE);
  if (present.some((bitmap) => bitmap.base === base)) return;
  for (const { name } of present.slice(MAX_BITMAPS - 1)) {
    await qmp.execute('block-dirty-bitmap-remove', { node: DISK_NODE, name });
  }
  const name = `since-${(present[0]?.sequence ?? 0) + 1}-${base}`;
  await qmp.execute('block-dirty-bitmap-add', { node: DISK_NODE, name, granularity: GRANULARITY });
}

/** Gives a view of a point in time its own bitmap and those of earlier ones, as they are now. */
export async function copyBitmaps(qmp: QmpClient, view: string): Promise<void> {
  for (const { name } of await listBitmaps(qmp, DISK_NODE)) {
    const copy = { node: view, name, granularity: GRANULARITY, disabled: true };
    const merge = { node: view, target: name, bitmaps: [{ node: DISK_NODE, name }] };
    // At once: one without its marks would say that nothing has changed.
    const actions = [
      { type: 'block-dirty-bitmap-add', data: copy },
      { type: 'block-dirty-bitmap-merge', data: merge },
    ];
    await qmp.execute('transaction', { actions });
  }
}
