// Owns a volume that is open before all of its bytes have come from its snapshot:
//
//   disk (raw) -> guard -> lazy (qcow2) -> source (NBD: the snapshot, read-only)     what the file does not have yet
//                             |     '----> file (the volume, as the data file)       every byte at its own place
//                             '----------> lazy-file (which clusters the file has)
//
// Guests' writes go to the volume's file at once, and `lazy-file` only says that they are there; a job copies the rest.
// Once it is done the file alone has all, and the layer is taken out beneath an open export.
//
// What `lazy` calls zeros has to be zeros in the file too, since the file is what stays. So the guard has zeroing and
// discarding done as writes, and where a crash may have left bytes that `lazy` does not know of, they are zeroed first.
// Of an encrypted volume `file` is luks, and zeros in it are noise: there `lazy` writes zeros into it whenever it calls
// something zeros (volume-map.ts). An empty one is laid over nothing but zeros: `source` is null-co.

import { type Clock, waitFor } from '@ironbark/platform/clock.ts';
import type { QmpClient } from '@ironbark/platform/qmp.ts';
import type { FillFacts } from '@ironbark/protocol/internal/block-target.ts';
import { DISK_NODE, FILE_NODE } from './daemon-arguments.ts';
import { CLUSTER_BYTES } from './volume-map.ts';

export const GUARD_NODE = 'guard';
const LAZY_NODE = 'lazy';
const LAZY_FILE_NODE = 'lazy-file';
const SOURCE_NODE = 'source';
const FILL_JOB = 'fill';
const CREATE_JOB = 'create';
const CREATE_TIMEOUT_MS = 20_000;
/** What is read of the snapshot at the moment is waited for. */
const PAUSE_TIMEOUT_MS = 10_000;
const POLL_MS = 10;
/** The Storage Controller may be away for as long as a guest waits for a volume. */
const RECONNECT_SECONDS = 24 * 60 * 60;
/** Leaves a disk room for its guests. */
const FILL_BYTES_PER_SECOND = 200 * 1024 * 1024;
/** What an empty volume is laid over; no shorter than any volume (app/source-disk.ts has the reason). */
const ZEROS = { driver: 'null-co', 'read-zeroes': true, size: 2 ** 46 };
/** Linux's ENOTSUP, at which QEMU writes zeros instead. */
const NOT_SUPPORTED = 95;

/** Relative to the data folder, which daemons work in. */
export interface LayerPaths {
  /** Which clusters the file has. */
  map: string;
  /** Where the Storage Controller serves snapshots. */
  sources: string;
}

export async function isLayered(qmp: QmpClient): Promise<boolean> {
  return (await listNodes(qmp)).has(GUARD_NODE);
}

/** What lies under the filters of points in time. */
export async function bottomNode(qmp: QmpClient): Promise<string> {
  return (await isLayered(qmp)) ? GUARD_NODE : FILE_NODE;
}

/** Writes an empty map into a file that exists. */
export async function createMap(
  qmp: QmpClient,
  { map, sizeBytes, clock }: { map: string; sizeBytes: number; clock: Clock },
): Promise<void> {
  await removeNodes(qmp, [LAZY_FILE_NODE]);
  await dismiss(qmp, CREATE_JOB);
  await qmp.execute('blockdev-add', lazyFile(map));
  const layout = { file: LAZY_FILE_NODE, 'data-file': FILE_NODE, 'cluster-size': CLUSTER_BYTES };
  const options = { driver: 'qcow2', ...layout, size: sizeBytes };
  await qmp.execute('blockdev-create', { 'job-id': CREATE_JOB, options });
  const job = await waitFor(
    async () => {
      const found = await findJob(qmp, CREATE_JOB);
      return found?.status === 'concluded' ? found : undefined;
    },
    { clock, timeoutMs: CREATE_TIMEOUT_MS, intervalMs: POLL_MS, what: 'a map of a volume' },
  );
  await dismiss(qmp, CREATE_JOB);
  await removeNodes(qmp, [LAZY_FILE_NODE]);
  if (job.error !== undefined) throw new Error(`the map of a volume: ${job.error}`);
}

/** Opens the map by itself, to be asked what the file does not have. The file may have been grown since. */
export async function openMap(
  qmp: QmpClient,
  map: string,
): Promise<{ node: string; sizeBytes: number }> {
  await removeNodes(qmp, [LAZY_NODE, LAZY_FILE_NODE]);
  await qmp.execute('blockdev-add', { ...lazyFile(map), 'read-only': true });
  await qmp.execute('blockdev-add', { ...lazyDisk(null), 'read-only': true });
  const { image } = (await listNodes(qmp)).get(LAZY_NODE)!;
  return { node: LAZY_NODE, sizeBytes: image['virtual-size'] };
}

export async function insertLayer(
  qmp: QmpClient,
  { map, sources }: LayerPaths,
  exportName: string | undefined,
): Promise<void> {
  await removeNodes(qmp, [LAZY_NODE, LAZY_FILE_NODE, SOURCE_NODE]);
  const source = exportName === undefined ? ZEROS : snapshotSource(sources, exportName);
  await qmp.execute('blockdev-add', { ...source, 'node-name': SOURCE_NODE, 'read-only': true });
  await qmp.execute('blockdev-add', lazyFile(map));
  await qmp.execute('blockdev-add', lazyDisk(SOURCE_NODE));
  await qmp.execute('blockdev-add', {
    driver: 'blkdebug',
    'node-name': GUARD_NODE,
    image: LAZY_NODE,
    'inject-error': ['write-zeroes', 'discard'].map((iotype) => ({
      event: 'none',
      iotype,
      errno: NOT_SUPPORTED,
    })),
  });
  await switchDisk(qmp, GUARD_NODE);
}

export async function removeLayer(qmp: QmpClient): Promise<void> {
  await switchDisk(qmp, FILE_NODE);
  await removeNodes(qmp, [GUARD_NODE, LAZY_NODE, SOURCE_NODE, LAZY_FILE_NODE]);
}

/** Also goes on with one that has met an error. */
export async function startFill(qmp: QmpClient): Promise<void> {
  const job = await findFill(qmp);
  if (job?.['io-status'] === 'failed') {
    await qmp.execute('block-job-resume', { device: FILL_JOB });
  }
  if (job !== undefined) return;
  await qmp.execute('block-stream', {
    'job-id': FILL_JOB,
    device: LAZY_NODE,
    speed: FILL_BYTES_PER_SECOND,
    // QEMU 7.2 dies when it is asked for its nodes while a job that has ended waits to be dismissed.
    'on-error': 'stop',
  });
}

/** Ends the job where it is; what it has copied stays. */
export async function pauseFill(qmp: QmpClient, clock: Clock): Promise<void> {
  if ((await findFill(qmp)) === undefined) return;
  await qmp.execute('block-job-cancel', { device: FILL_JOB, force: true });
  const what = 'the end of the filling';
  const timing = { clock, timeoutMs: PAUSE_TIMEOUT_MS, intervalMs: POLL_MS, what };
  await waitFor(async () => (await findFill(qmp)) === undefined, timing);
}

/** Undefined when there is no layer. */
export async function readFill(qmp: QmpClient): Promise<FillFacts | undefined> {
  const nodes = await listNodes(qmp);
  if (!nodes.has(GUARD_NODE)) return undefined;
  const job = await findFill(qmp);
  if (job !== undefined) {
    const percent = Math.floor((job.offset * 100) / Math.max(job.len, 1));
    const state = job['io-status'] === 'ok' ? 'running' : 'failed';
    return { state, percent: Math.min(percent, 99) };
  }
  // The job's last act is to part the volume from its source.
  const hasSource = nodes.get(LAZY_NODE)?.backing_file !== undefined;
  return hasSource ? { state: 'idle', percent: 0 } : { state: 'done', percent: 100 };
}

interface FillJob {
  device: string;
  'io-status': 'ok' | 'failed' | 'nospace';
  offset: number;
  len: number;
}

async function findFill(qmp: QmpClient): Promise<FillJob | undefined> {
  const jobs = await qmp.execute<FillJob[]>('query-block-jobs');
  return jobs.find(({ device }) => device === FILL_JOB);
}

interface Job {
  id: string;
  status: string;
  error?: string;
}

async function findJob(qmp: QmpClient, id: string): Promise<Job | undefined> {
  return (await qmp.execute<Job[]>('query-jobs')).find((job) => job.id === id);
}

async function dismiss(qmp: QmpClient, id: string): Promise<void> {
  if ((await findJob(qmp, id))?.status === 'concluded') await qmp.execute('job-dismiss', { id });
}

interface Node {
  'node-name'?: string;
  backing_file?: string;
  image: { 'virtual-size': number };
}

async function listNodes(qmp: QmpClient): Promise<Map<string | undefined, Node>> {
  const nodes = await qmp.execute<Node[]>('query-named-block-nodes', { flat: true });
  return new Map(nodes.map((node) => [node['node-name'], node]));
}

/** Those that are there, from the top down. */
async function removeNodes(qmp: QmpClient, names: readonly string[]): Promise<void> {
  const present = await listNodes(qmp);
  for (const name of names.filter((each) => present.has(each))) {
    await qmp.execute('blockdev-del', { 'node-name': name });
  }
}

function snapshotSource(path: string, name: string) {
  const server = { type: 'unix', path };
  return { driver: 'nbd', server, export: name, 'reconnect-delay': RECONNECT_SECONDS };
}

function lazyFile(map: string) {
  return { driver: 'file', 'node-name': LAZY_FILE_NODE, filename: map };
}

function lazyDisk(backing: string | null) {
  const below = { file: LAZY_FILE_NODE, 'data-file': FILE_NODE, backing };
  return { driver: 'qcow2', 'node-name': LAZY_NODE, ...below };
}

function switchDisk(qmp: QmpClient, file: string): Promise<unknown> {
  const disk = { driver: 'raw', 'node-name': DISK_NODE, file, discard: 'unmap' };
  return qmp.execute('blockdev-reopen', { options: [disk] });
}
