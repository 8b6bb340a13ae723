// Owns the map of what a volume's file has of its snapshot, as long as there is one, and laying the volume over it.

import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { VolumeId } from '@ironbark/core/ids.ts';
import { KIB, MIB } from '@ironbark/core/units.ts';
import { waitFor } from '@ironbark/platform/clock.ts';
import {
  exists,
  removeFile,
  renameDurably,
  statIfPresent,
  syncDirectory,
  syncFile,
} from '@ironbark/platform/files.ts';
import { claimSpace } from '@ironbark/platform/libc.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type { Layer } from '@ironbark/protocol/internal/block-target.ts';
import { DAEMON_DIRECTORIES, DISK_NODE, SOURCES_SOCKET, volumePath } from './daemon-arguments.ts';
import { createMap, insertLayer, isLayered, openMap, removeLayer } from './daemon-fill.ts';
import { listFrozenPoints, underClosedExport } from './daemon-graph.ts';
import type { DaemonHost } from './daemon-host.ts';
import { LUKS_HEADER_BYTES } from './luks-header.ts';
import { readStatus, ZERO } from './nbd-bitmap.ts';
import { zeroRanges } from './nbd-zero.ts';
import { forgetUnwritten, forgetZeros, lengthenMap, writeMap } from './volume-map.ts';

/** Of qcow2's tables: an entry for each cluster; header, the table of tables and counts take less than the rest. */
const BYTES_AN_ENTRY = 64 * KIB;
const ENTRY_BYTES = 8;
const OTHER_BYTES = 2 * MIB;
/** By which bytes that the map does not know of are found and zeroed. */
const EXPORTS = ['map', 'file'] as const;
const END_TIMEOUT_MS = 20_000;
const END_POLL_MS = 5;

export interface Layering extends Layer {
  id: VolumeId;
  /** Has the daemon serve this process alone, and says where. */
  serve(): Promise<string>;
}

export async function hasMap({ dataDir }: DaemonHost, id: VolumeId): Promise<boolean> {
  return (await stat(join(dataDir, mapPath(id))).catch(() => undefined)) !== undefined;
}

/** `qmp` is absent when no daemon runs. A layer below a point in time stays: that may still read from it. */
export async function endLayer(
  { dataDir, clock }: DaemonHost,
  id: VolumeId,
  qmp: QmpClient | undefined,
): Promise<void> {
  if (qmp !== undefined && (await listFrozenPoints(qmp)).length > 0) return;
  if (qmp !== undefined && (await isLayered(qmp))) await removeLayer(qmp);
  const maps = [mapPath(id), newMapPath(id)].map((path) => join(dataDir, path));
  // Whoever opens a volume that was filled long ago waits for no disk.
  if (!(await Promise.all(maps.map(exists))).includes(true)) return;
  // Hosts come back in a moment, and their writes are no longer flushed one by one.
  if (qmp !== undefined) await underClosedExport(qmp, { volumeId: id, clock }, async () => {});
  for (const path of maps) await removeFile(path);
  await syncDirectory(join(dataDir, DAEMON_DIRECTORIES.filling));
}

/** Until the map is there under its name, nobody has written to the volume. */
export async function ensureLayer(
  host: DaemonHost,
  qmp: QmpClient,
  layering: Layering,
): Promise<void> {
  if (await isLayered(qmp)) return;
  const { id, exportName, seal } = layering;
  if (!(await hasMap(host, id))) await makeMap(host, qmp, layering);
  else {
    await mendMap(host, layering);
    // What is below what the map of an encrypted volume does not have is read nowhere before it is written, zeros too.
    if (seal === undefined) await zeroWhatIsMissing(host, qmp, layering);
  }
  await insertLayer(qmp, { map: mapPath(id), sources: SOURCES_SOCKET }, exportName);
}

async function makeMap(host: DaemonHost, qmp: QmpClient, layering: Layering): Promise<void> {
  const { id, sizeBytes, writtenBytes = 0, seal } = layering;
  const path = join(host.dataDir, newMapPath(id));
  await rm(path, { force: true });
  {
    await using file: FileHandle = await open(path, 'wx', 0o600);
    if (seal !== undefined) await writeMap(file, { sizeBytes, writtenBytes });
    const uid = host.users?.uidOf(id);
    if (uid !== undefined) await file.chown(uid, uid);
  }
  if (seal === undefined) {
    await createMap(qmp, { map: newMapPath(id), sizeBytes, clock: host.clock });
  }
  await claimMap(path, sizeBytes);
  await syncFile(path);
  await renameDurably(path, join(host.dataDir, mapPath(id)));
}

/** Open nowhere: its volume may have died while it was filled, or become longer. */
async function mendMap(host: DaemonHost, { id, sizeBytes, seal }: Layering): Promise<void> {
  const path = join(host.dataDir, mapPath(id));
  if (seal !== undefined) await claimMap(path, sizeBytes);
  {
    await using file = await open(path, 'r+');
    if ((await host.findPlace(id)).kind === 'file') {
      await using volume = await open(join(host.dataDir, volumePath(id)), 'r');
      const headerBytes = seal === undefined ? 0 : LUKS_HEADER_BYTES;
      await forgetUnwritten(file, { fd: volume.fd, headerBytes });
    }
    if (seal !== undefined) {
      await forgetZeros(file);
      await lengthenMap(file, sizeBytes);
    }
  }
  await syncFile(path);
}

/** Before a volume that still has a map becomes longer. */
export async function growMap(
  { dataDir }: DaemonHost,
  id: VolumeId,
  sizeBytes: number,
): Promise<void> {
  const path = join(dataDir, mapPath(id));
  if ((await statIfPresent(path)) !== undefined) await claimMap(path, sizeBytes);
}

/** A volume has its space, so no write to it may fail for want of space for its map. */
async function claimMap(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, 'r+');
  await claimSpace(file.fd, Math.ceil(sizeBytes / BYTES_AN_ENTRY) * ENTRY_BYTES + OTHER_BYTES);
}

/** A crash may have left bytes in the file that the map does not know of: they were never acknowledged. */
async function zeroWhatIsMissing(
  host: DaemonHost,
  qmp: QmpClient,
  { id, serve }: Layering,
): Promise<void> {
  // One that was cut short has left them, and they hold the map.
  for (const name of EXPORTS) await endExport(host, qmp, name);
  const { node, sizeBytes } = await openMap(qmp, mapPath(id));
  const socketPath = await serve();
  const place = { socketPath, clock: host.clock };
  await exportAs(qmp, { id: 'map', node, writable: false });
  await exportAs(qmp, { id: 'file', node: DISK_NODE, writable: true });
  try {
    const status = { ...place, exportName: 'map', context: 'base:allocation', flag: ZERO };
    const missing = await readStatus(status, 0, sizeBytes);
    await zeroRanges({ ...place, exportName: 'file' }, missing);
  } finally {
    for (const name of EXPORTS) await endExport(host, qmp, name);
  }
}

async function exportAs(
  qmp: QmpClient,
  { id, node, writable }: { id: string; node: string; writable: boolean },
): Promise<void> {
  const what = { type: 'nbd', id, name: id, 'node-name': node, writable };
  await qmp.execute('block-export-add', what);
}

async function endExport({ clock }: DaemonHost, qmp: QmpClient, id: string): Promise<void> {
  const isListed = async () =>
    (await qmp.execute<{ id: string }[]>('query-block-exports')).some((each) => each.id === id);
  if (await isListed()) await qmp.execute('block-export-del', { id, mode: 'hard' });
  const what = 'the end of an export';
  const timing = { clock, timeoutMs: END_TIMEOUT_MS, intervalMs: END_POLL_MS, what };
  await waitFor(async () => !(await isListed()), timing);
}

function mapPath(id: VolumeId): string {
  return `${DAEMON_DIRECTORIES.filling}/${id}.qcow2`;
}

function newMapPath(id: VolumeId): string {
  return `${mapPath(id)}.new`;
}
