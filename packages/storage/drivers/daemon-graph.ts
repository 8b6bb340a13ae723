// Owns what a running storage daemon is told: which exports it serves, and the points in time that it holds.
//
//   export volume -> limited -> disk (raw) -> b2 (copy-before-write) -> b1 -> file          the newest filter on top
//   export snap-y -> v2 (snapshot-access of b2)      b2 keeps overwritten bytes in c2 (raw) -> f2 (file)
//
// Of an encrypted volume `file` and `c2` are luks, and above them all is plain.
//
// Filters can only be taken off the top, so one that is thawed below another stays until that one goes too.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import { DAEMON_DIRECTORIES, DISK_NODE, type Engine } from './daemon-arguments.ts';
import { copyBitmaps, listBitmaps } from './daemon-bitmaps.ts';
import { bottomNode, isLayered } from './daemon-fill.ts';
import { topNode } from './daemon-limits.ts';
import { addLuks } from './daemon-seal.ts';

export const VOLUME_EXPORT = 'volume';

/** One filter of the chain, as its node names tell. */
export interface FrozenPoint {
  sequence: number;
  snapshotId: SnapshotId;
  /** Its nodes that exist: f(ile), c(opy), b(efore-write filter), v(iew). */
  kinds: Set<string>;
}

/** The write that has to wait for a slow copy this long breaks the snapshot instead of the guest. */
const COPY_TIMEOUT_SECONDS = 30;
const NODE_NAME = /^([fcbv])([0-9]+)-(snap-[0-9a-f]+)$/;

export async function listFrozenPoints(qmp: QmpClient): Promise<FrozenPoint[]> {
  const nodes = await qmp.execute<{ 'node-name'?: string }[]>('query-named-block-nodes', {
    flat: true,
  });
  const points = new Map<number, FrozenPoint>();
  for (const node of nodes) {
    const match = NODE_NAME.exec(node['node-name'] ?? '');
    if (match === null) continue;
    const sequence = Number(match[2]);
    const snapshotId = match[3] as SnapshotId;
    const point = points.get(sequence) ?? { sequence, snapshotId, kinds: new Set() };
    point.kinds.add(match[1]!);
    points.set(sequence, point);
  }
  return [...points.values()].sort((a, b) => a.sequence - b.sequence);
}

/** A point that can be read: its view is the last thing that freezing makes. */
export function isReadable(point: FrozenPoint): boolean {
  return point.kinds.has('v');
}

/** By their names, the nodes that are served. */
export async function listExports(qmp: QmpClient): Promise<Map<string, string>> {
  const exports = await queryExports(qmp);
  const served = exports.filter((each) => !each['shutting-down']);
  return new Map(served.map((each) => [each.id, each['node-name']]));
}

interface ExportFacts {
  id: string;
  'node-name': string;
  'shutting-down': boolean;
}

function queryExports(qmp: QmpClient): Promise<ExportFacts[]> {
  return qmp.execute<ExportFacts[]>('query-block-exports');
}

/** Of these exports, those that hosts have: the volume, or what it is to each of its openings (shared-exports.ts). */
export function listForHosts(exports: Iterable<string>): string[] {
  return [...exports].filter((id) => id === VOLUME_EXPORT || id.startsWith(`${VOLUME_EXPORT}.`));
}

/**
 * Answers those that were open, of all that hosts have or of these. Once the daemon does not list one any more, no
 * request of it is under way.
 */
export async function closeExports(
  qmp: QmpClient,
  { volumeId, clock }: { volumeId: VolumeId; clock: Clock },
  choose = listForHosts,
): Promise<string[]> {
  const open = choose((await listExports(qmp)).keys());
  for (const id of open) await qmp.execute('block-export-del', { id, mode: 'hard' });
  // Also while it is shutting down.
  const left = async () => choose((await queryExports(qmp)).map(({ id }) => id));
  await waitFor(async () => (await left()).length === 0, {
    clock,
    timeoutMs: CLOSE_TIMEOUT_MS,
    intervalMs: CLOSE_LOOK_MS,
    what: `hosts are cut off from ${volumeId}`,
  });
  return open;
}

/** What was closed, under the same names. */
export async function reopenExports(
  qmp: QmpClient,
  volumeId: VolumeId,
  closed: readonly string[],
): Promise<void> {
  for (const id of closed) await addExport(qmp, { id, name: nameOfExport(volumeId, id) });
}

function nameOfExport(volumeId: VolumeId, id: string): string {
  return id === VOLUME_EXPORT ? volumeId : id;
}

/**
 * Of the volume as hosts are given it; one that is there stays as it is. Above a layer each write is flushed before it is
 * answered: QEMU keeps in memory what the map says of it, and who was answered would not learn that it is lost when the
 * daemon is killed.
 */
export async function addExport(
  qmp: QmpClient,
  { id, name }: { id: string; name: string },
): Promise<void> {
  if ((await listExports(qmp)).has(id)) return;
  const node = { 'node-name': await topNode(qmp), name, writable: true };
  const writethrough = await isLayered(qmp);
  await qmp.execute('block-export-add', { type: 'nbd', id, ...node, writethrough });
}

/**
 * Changes what hosts are given: they are cut off, and find the volume again under the same name once the change is
 * made. Their requests under way are finished before: none of them can come after one of the next connection.
 */
export async function underClosedExport(
  qmp: QmpClient,
  options: { volumeId: VolumeId; clock: Clock },
  change: () => Promise<void>,
): Promise<void> {
  const closed = await closeExports(qmp, options);
  try {
    await change();
  } finally {
    await reopenExports(qmp, options.volumeId, closed);
  }
}

/** Requests under way end first; a disk that takes longer than this has the change fail, not the guest. */
const CLOSE_TIMEOUT_MS = 15_000;
const CLOSE_LOOK_MS = 2;

/** Serves exactly the frozen points, and the volume when `volumeId` is given, on the running NBD server. */
export async function addMissingExports(
  qmp: QmpClient,
  volumeId: VolumeId | undefined,
): Promise<void> {
  const present = await listExports(qmp);
  if (volumeId !== undefined) await addExport(qmp, { id: VOLUME_EXPORT, name: volumeId });
  for (const point of (await listFrozenPoints(qmp)).filter(isReadable)) {
    if (present.has(point.snapshotId)) continue;
    const view = nodeName('v', point);
    const bitmaps = (await listBitmaps(qmp, view)).map(({ name }) => name);
    const node = { 'node-name': view, name: point.snapshotId, writable: false, bitmaps };
    await qmp.execute('block-export-add', { type: 'nbd', id: point.snapshotId, ...node });
  }
}

export function overwrittenPath(snapshotId: SnapshotId): string {
  return `${DAEMON_DIRECTORIES.overwritten}/${snapshotId}.raw`;
}

export interface FilterOptions {
  engine: Engine;
  /** The point's own bitmap was begun before. */
  tracksChanges: boolean;
  /** Of the file that keeps what is overwritten, when it is encrypted. */
  passphrase: string | undefined;
}

/** Puts a filter on top of the chain. The point in time is when the disk is switched over to it. */
export async function insertFilter(
  qmp: QmpClient,
  snapshotId: SnapshotId,
  { engine, tracksChanges, passphrase }: FilterOptions,
): Promise<void> {
  const top = (await listFrozenPoints(qmp)).at(-1);
  const point = { sequence: (top?.sequence ?? 0) + 1, snapshotId };
  await qmp.execute('blockdev-add', {
    driver: 'file',
    'node-name': nodeName('f', point),
    filename: overwrittenPath(snapshotId),
    aio: engine.aio,
    cache: { direct: engine.direct },
    discard: 'unmap',
  });
  await addCopyNode(qmp, { name: nodeName('c', point), file: nodeName('f', point) }, passphrase);
  await qmp.execute('blockdev-add', {
    driver: 'copy-before-write',
    'node-name': nodeName('b', point),
    file: top === undefined ? await bottomNode(qmp) : nodeName('b', top),
    target: nodeName('c', point),
    'on-cbw-error': 'break-snapshot',
    'cbw-timeout': COPY_TIMEOUT_SECONDS,
  });
  await switchDisk(qmp, nodeName('b', point));
  await qmp.execute('blockdev-add', {
    driver: 'snapshot-access',
    'node-name': nodeName('v', point),
    file: nodeName('b', point),
  });
  if (tracksChanges) await copyBitmaps(qmp, nodeName('v', point));
}

function addCopyNode(
  qmp: QmpClient,
  { name, file }: { name: string; file: string },
  passphrase: string | undefined,
): Promise<unknown> {
  if (passphrase !== undefined) return addLuks(qmp, { name, file, passphrase });
  return qmp.execute('blockdev-add', { driver: 'raw', 'node-name': name, file });
}

/** Of the points in time of which a point's view has the bitmap, newest first: its own, and earlier ones. */
export async function listMarks(qmp: QmpClient, snapshotId: SnapshotId) {
  const points = await listFrozenPoints(qmp);
  const point = points.find((each) => each.snapshotId === snapshotId && isReadable(each));
  return point === undefined ? [] : listBitmaps(qmp, nodeName('v', point));
}

/** Ends a point's view, then takes every filter off the top that nobody views any more. */
export async function removeView(
  qmp: QmpClient,
  snapshotId: SnapshotId,
  dataDir: string,
): Promise<void> {
  if ((await listExports(qmp)).has(snapshotId)) {
    await qmp.execute('block-export-del', { id: snapshotId, mode: 'hard' });
  }
  for (const point of await listFrozenPoints(qmp)) {
    if (point.snapshotId !== snapshotId || !isReadable(point)) continue;
    await qmp.execute('blockdev-del', { 'node-name': nodeName('v', point) });
    // What an encrypted point of Ceph's lies on is in no chain (ceph-points.ts).
    if (!point.kinds.has('b') && point.kinds.has('c')) {
      await qmp.execute('blockdev-del', { 'node-name': nodeName('c', point) });
    }
  }
  await collapse(qmp, dataDir);
}

/** Takes filters without a view off the top of the chain, with what they kept. */
export async function collapse(qmp: QmpClient, dataDir: string): Promise<void> {
  const points = await listFrozenPoints(qmp);
  for (let top = points.pop(); top !== undefined && !isReadable(top); top = points.pop()) {
    const below = points.at(-1);
    if (top.kinds.has('b')) {
      await switchDisk(qmp, below === undefined ? await bottomNode(qmp) : nodeName('b', below));
    }
    for (const kind of ['b', 'c', 'f'].filter((each) => top?.kinds.has(each))) {
      await qmp.execute('blockdev-del', { 'node-name': nodeName(kind, top) });
    }
    await rm(join(dataDir, overwrittenPath(top.snapshotId)), { force: true });
  }
}

/** QEMU flushes what it opens anew, all that lies below too, and says when that fails. */
export async function flushDisk(qmp: QmpClient): Promise<void> {
  const top = (await listFrozenPoints(qmp)).findLast((each) => each.kinds.has('b'));
  await switchDisk(qmp, top === undefined ? await bottomNode(qmp) : nodeName('b', top));
}

function switchDisk(qmp: QmpClient, file: string): Promise<unknown> {
  const disk = { driver: 'raw', 'node-name': DISK_NODE, file, discard: 'unmap' };
  return qmp.execute('blockdev-reopen', { options: [disk] });
}

export function nodeName(
  kind: string,
  point: { sequence: number; snapshotId: SnapshotId },
): string {
  return `${kind}${point.sequence}-${point.snapshotId}`;
}
