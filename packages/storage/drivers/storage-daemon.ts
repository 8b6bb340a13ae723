// Owns the block target `qemu-storage-daemon`: one detached, unprivileged process per open volume, NBD on a
// Unix socket. The processes outlive this one and are found again by looking.

import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import { waitFor } from '@ironbark/platform/clock.ts';
import { groupNameFor, openControlGroups } from '@ironbark/platform/control-groups.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import { isAlive, type ProcessIdentity } from '@ironbark/platform/processes.ts';
import { connectQmp, type QmpClient } from '@ironbark/platform/qmp.ts';
import type {
  BlockTarget,
  ExportedVolume,
  FreezeOptions,
  FreezePoint,
  FrozenReader,
  GrowOptions,
  Layer,
  Opening,
  TargetFacts,
} from '@ironbark/protocol/internal/block-target.ts';
import { NO_TARGET } from '@ironbark/protocol/internal/block-target.ts';
import {
  type DaemonEngine,
  type DaemonPaths,
  daemonPaths,
  daemonPathsIn,
  ENGINES,
  isEngineTrouble,
  renderEngine,
  requireSocketPath,
} from './daemon-arguments.ts';
import { finishRequests, growServed, limitServed } from './daemon-changes.ts';
import { prepareDirectories, removeVolumeDirectory } from './daemon-directories.ts';
import { openDaemonEnclosure } from './daemon-enclosure.ts';
import { readFacts } from './daemon-facts.ts';
import { isLayered, startFill } from './daemon-fill.ts';
import {
  addMissingExports,
  flushDisk,
  isReadable,
  listExports,
  listFrozenPoints,
  listMarks,
  overwrittenPath,
  removeView,
  VOLUME_EXPORT,
} from './daemon-graph.ts';
import type { StorageDaemonOptions } from './daemon-host.ts';
import { endLayer, ensureLayer, hasMap } from './daemon-layer.ts';
import { ensureLimits } from './daemon-limits.ts';
import { insertPoint, type PointHost, pointParts, preparePoint } from './daemon-points.ts';
import {
  endDaemon,
  findDaemon,
  readDaemonLog,
  scanDaemons,
  startDaemon,
} from './daemon-process.ts';
import { type DaemonStart, openSealed } from './daemon-seal.ts';
import { listenFor } from './daemon-server.ts';
import { sweepDaemons } from './daemon-sweep.ts';
import {
  exportSocketPath,
  listExportSockets,
  listSockets,
  removeRunFiles,
  SocketGrants,
} from './export-sockets.ts';
import { freezeTogether, type PreparedPoint } from './freeze-together.ts';
import { openFrozenReader } from './frozen-reader.ts';
import { withGates } from './gated-target.ts';
import { relayedTarget } from './relayed-target.ts';
import { Relays } from './relays.ts';
import { addSharedExport, closeSharedExport } from './shared-exports.ts';

interface TargetHost extends PointHost {
  logger: Logger;
}

/** QEMU is ready in 30 ms on an idle host. */
const START_TIMEOUT_MS = 15_000;
const START_POLL_MS = 5;
/** The daemon answers in milliseconds; closing an export drains the requests under way first. */
const COMMAND_TIMEOUT_MS = 20_000;
const GREETING_TIMEOUT_MS = 3_000;

export async function openStorageDaemonTarget(options: StorageDaemonOptions): Promise<BlockTarget> {
  const { enclosure, gap } = await openDaemonEnclosure(options);
  const controlGroups = await openControlGroups(groupNameFor(options.dataDir), options.clock);
  await controlGroups.sweep();
  for (const lacking of [gap, controlGroups.missing]) {
    if (lacking !== undefined)
      options.logger.warn('storage daemons are less confined', { lacking });
  }
  const { findPlace = async () => ({ kind: 'file' as const }) } = options;
  const points = pointParts({ ...options, findPlace });
  const host = { ...options, findPlace, enclosure, controlGroups, ...points };
  await prepareDirectories(host);
  return withGates(relayedTarget(new StorageDaemonTarget(host), new Relays(host)), host);
}

class StorageDaemonTarget implements BlockTarget {
  readonly fillsLazily = true;
  readonly #host: TargetHost;
  readonly #connections = new Map<VolumeId, QmpClient>();
  readonly #listeners = new Set<(id: VolumeId) => void>();
  readonly #granted = new SocketGrants();
  /** The index in ENGINES that this host is known to manage. */
  #engine = 0;

  constructor(host: TargetHost) {
    this.#host = host;
  }

  async inspect(id: VolumeId): Promise<TargetFacts> {
    if ((await findDaemon(this.#host, id)) === undefined) return NO_TARGET;
    const [socket] = await listExportSockets(this.#host.dataDir, id);
    return readFacts(await this.#connect(id), socket);
  }

  async list(): Promise<VolumeId[]> {
    return (await scanDaemons(this.#host)).map((each) => each.id);
  }

  /** Of one of several openings it makes what its relay opens (relayed-target.ts). */
  async export(id: VolumeId, how: Opening): Promise<ExportedVolume> {
    const { opening, limits, seal, isShared = false } = how;
    const socketPath = join(this.#host.dataDir, exportSocketPath(id, opening));
    requireSocketPath(socketPath);
    const qmp = await this.#ensureRunning(id, { seal });
    if (limits !== undefined) await ensureLimits(qmp, limits);
    await this.#serve(id, qmp, isShared ? undefined : socketPath);
    if (isShared) await addSharedExport(qmp, opening);
    await addMissingExports(qmp, isShared ? undefined : id);
    return {
      export: { kind: 'nbd-unix', socketPath, exportName: id },
      engine: renderEngine(ENGINES[this.#engine]!),
    };
  }

  async unexport(id: VolumeId): Promise<void> {
    const facts = await this.inspect(id);
    if (facts.frozen.length === 0) {
      await this.stop(id);
      return;
    }
    // The points in time are read on: the server moves to where only this service can reach it.
    const qmp = await this.#connect(id);
    this.#granted.forget(id);
    await this.#serve(id, qmp, undefined);
    await addMissingExports(qmp, undefined);
  }

  async close(id: VolumeId, opening: number): Promise<void> {
    if ((await findDaemon(this.#host, id)) === undefined) return;
    const options = { volumeId: id, clock: this.#host.clock };
    await closeSharedExport(await this.#connect(id), options, opening);
  }

  async layer(id: VolumeId, layer: Layer): Promise<void> {
    const qmp = await this.#ensureRunning(id, { seal: layer.seal, isLayering: true });
    const serve = async () => {
      await this.#serve(id, qmp, undefined);
      return this.#path(id).privateSocket;
    };
    await ensureLayer(this.#host, qmp, { id, ...layer, serve });
  }

  async fill(id: VolumeId): Promise<void> {
    await startFill(await this.#ensureRunning(id));
  }

  async flush(id: VolumeId): Promise<void> {
    if ((await findDaemon(this.#host, id)) !== undefined) await flushDisk(await this.#connect(id));
  }

  async unlayer(id: VolumeId): Promise<void> {
    const isRunning = (await findDaemon(this.#host, id)) !== undefined;
    await endLayer(this.#host, id, isRunning ? await this.#connect(id) : undefined);
  }

  async grow(id: VolumeId, sizeBytes: number, how: GrowOptions = {}): Promise<void> {
    const found = await findDaemon(this.#host, id);
    if (found === undefined) return;
    const served = { volumeId: id, qmp: await this.#connect(id), clock: this.#host.clock };
    if (how.isMapped === true) {
      await finishRequests(served);
      // Hosts' names of it stay: they wait for the one that is started next.
      return await this.#end(id, found);
    }
    await growServed(this.#host, served, sizeBytes);
  }

  async limit(id: VolumeId, limits: VolumeLimits): Promise<void> {
    if ((await findDaemon(this.#host, id)) === undefined) return;
    const served = { volumeId: id, qmp: await this.#connect(id), clock: this.#host.clock };
    await limitServed(served, limits);
  }

  async stop(id: VolumeId): Promise<void> {
    const found = await findDaemon(this.#host, id);
    if (found !== undefined) await this.#end(id, found);
    await this.#host.controlGroups.remove(id);
    this.#connections.get(id)?.close();
    this.#connections.delete(id);
    this.#granted.forget(id);
    await removeRunFiles(this.#host.dataDir, id, { keepsNames: false });
    await removeVolumeDirectory(this.#host, id);
  }

  async freeze(
    id: VolumeId,
    snapshotId: SnapshotId,
    sizeBytes: number,
    options: FreezeOptions,
  ): Promise<void> {
    const qmp = await this.#ensureRunning(id, options);
    const points = await listFrozenPoints(qmp);
    // One that is there may not be served yet: whoever asked for it may have died in between.
    if (!points.some((point) => point.snapshotId === snapshotId && isReadable(point))) {
      const point = { id, snapshotId, sizeBytes, ...options };
      const prepared = await preparePoint(this.#host, qmp, { ...point, isTogether: false });
      await insertPoint(this.#host, prepared, { ...point, engine: ENGINES[this.#engine]! });
    }
    await this.#serveFrozen(id, qmp, (await listExports(qmp)).has(VOLUME_EXPORT));
  }

  async freezeTogether(points: readonly FreezePoint[]): Promise<void> {
    const how = () => ({ engine: ENGINES[this.#engine]!, tracksChanges: true });
    await freezeTogether(points, {
      prepare: (point) => this.#prepareFreeze(point),
      insert: (prepared, point) => insertPoint(this.#host, prepared, { ...point, ...how() }),
      serve: ({ id }, qmp, exported) => this.#serveFrozen(id, qmp, exported),
      clock: this.#host.clock,
    });
  }

  async openFrozen(id: VolumeId, snapshotId: SnapshotId): Promise<FrozenReader> {
    const [exported] = await listExportSockets(this.#host.dataDir, id);
    const connect = () => this.#connect(id);
    const reader = await openFrozenReader({
      socketPath: exported?.path ?? this.#path(id).privateSocket,
      exportName: snapshotId,
      clock: this.#host.clock,
      listBitmaps: async () => listMarks(await connect(), snapshotId),
      holes: this.#host.blank.of(snapshotId),
    });
    return this.#host.ceph.explain(reader, { id, snapshotId, connect });
  }

  async thaw(id: VolumeId, snapshotId: SnapshotId): Promise<void> {
    if ((await findDaemon(this.#host, id)) !== undefined) {
      const qmp = await this.#connect(id);
      await removeView(qmp, snapshotId, this.#host.dataDir);
      // Below another filter it still puts bytes aside; it goes when that one does.
      const points = await listFrozenPoints(qmp);
      if (points.some((point) => point.snapshotId === snapshotId)) return;
    }
    this.#host.blank.forget(snapshotId);
    await this.#host.ceph.endHold(id, snapshotId);
    await rm(join(this.#host.dataDir, overwrittenPath(snapshotId)), { force: true });
  }

  sweep(): Promise<void> {
    return sweepDaemons(this.#host, (id) => this.inspect(id));
  }

  onExit(listener: (id: VolumeId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async detach(): Promise<void> {
    this.#listeners.clear();
    for (const connection of this.#connections.values()) connection.close();
    this.#connections.clear();
  }

  async #end(id: VolumeId, found: ProcessIdentity): Promise<void> {
    try {
      const qmp = await this.#connect(id);
      this.#connections.delete(id);
      await qmp.execute('quit');
      await endDaemon(this.#host, found, { isAsked: true });
    } catch (error) {
      this.#host.logger.warn('storage daemon does not take its order to end', { id, error });
      await endDaemon(this.#host, found, { isAsked: false });
    }
  }

  async #connect(id: VolumeId): Promise<QmpClient> {
    const known = this.#connections.get(id);
    if (known?.isOpen === true) return known;
    const connection = await connectQmp({
      socketPath: this.#path(id).controlSocket,
      clock: this.#host.clock,
      timeoutMs: COMMAND_TIMEOUT_MS,
      greetingTimeoutMs: GREETING_TIMEOUT_MS,
      // The next one to ask finds out sooner, at the greeting.
      hangsUpWhenLate: true,
      onClose: (closed) => this.#lost(id, closed),
    });
    this.#connections.set(id, connection);
    return connection;
  }

  #lost(id: VolumeId, connection: QmpClient): void {
    if (this.#connections.get(id) !== connection) return;
    this.#connections.delete(id);
    for (const listener of this.#listeners) listener(id);
  }

  /** Whose bytes have not all come from their snapshot is served with a layer or not at all. */
  async #ensureRunning(id: VolumeId, how: DaemonStart = {}): Promise<QmpClient> {
    const { seal, isLayering = false } = how;
    const isIncomplete = !isLayering && (await hasMap(this.#host, id));
    if ((await findDaemon(this.#host, id)) !== undefined) {
      const qmp = await this.#connect(id);
      if (!isIncomplete || (await isLayered(qmp))) return openSealed(qmp, seal);
    }
    if (isIncomplete) throw new Error(`${id} is not laid over its snapshot`);
    requireSocketPath(this.#path(id).controlSocket);
    for (;;) {
      const engine = ENGINES[this.#engine]!;
      const qmp = await this.#start(id, { engine, isSealed: seal !== undefined });
      if (qmp !== undefined) return openSealed(qmp, seal);
      const log = await readDaemonLog(this.#host, id);
      if (!isEngineTrouble(log) || this.#engine + 1 === ENGINES.length) {
        throw new Error(`the storage daemon of ${id} does not start: ${log}`);
      }
      this.#engine += 1;
      const fields = { from: renderEngine(engine), to: renderEngine(ENGINES[this.#engine]!), log };
      this.#host.logger.warn('host cannot open volumes the best way', fields);
    }
  }

  /** Undefined when the daemon has ended by itself. */
  async #start(id: VolumeId, how: DaemonEngine): Promise<QmpClient | undefined> {
    this.#granted.keep(await listExportSockets(this.#host.dataDir, id));
    await removeRunFiles(this.#host.dataDir, id, { keepsNames: true });
    const started = await startDaemon(this.#host, id, how);
    if (started === undefined) return undefined;
    const ready = async () => {
      if (!(await isAlive(started))) return 'ended';
      if ((await findDaemon(this.#host, id)) === undefined) return undefined;
      return this.#connect(id).catch((error: unknown) => {
        if (hasCode(error, 'ENOENT') || hasCode(error, 'ECONNREFUSED')) return undefined;
        throw error;
      });
    };
    const what = `start of the storage daemon of ${id}`;
    const { clock } = this.#host;
    const timing = { clock, timeoutMs: START_TIMEOUT_MS, intervalMs: START_POLL_MS, what };
    const outcome = await waitFor<QmpClient | 'ended'>(ready, timing).catch(async (error) => {
      await endDaemon(this.#host, started, { isAsked: false });
      throw error;
    });
    return outcome === 'ended' ? undefined : outcome;
  }

  /** Has the daemon's one NBD server listen for hosts that come by this path, or for this service alone. */
  async #serve(id: VolumeId, qmp: QmpClient, exportSocket: string | undefined): Promise<void> {
    const granted = exportSocket === undefined ? undefined : this.#granted.get(exportSocket);
    const relative = daemonPaths(id);
    const stale = await listSockets(this.#host.dataDir, id);
    await listenFor(qmp, exportSocket, { paths: this.#path(id), relative, stale, granted });
  }

  async #prepareFreeze(point: FreezePoint): Promise<PreparedPoint> {
    const qmp = await this.#ensureRunning(point.id, point);
    return preparePoint(this.#host, qmp, { ...point, isTogether: true });
  }

  async #serveFrozen(id: VolumeId, qmp: QmpClient, exported: boolean): Promise<void> {
    const [socket] = exported ? await listExportSockets(this.#host.dataDir, id) : [];
    await this.#serve(id, qmp, socket?.path);
    await addMissingExports(qmp, socket === undefined ? undefined : id);
  }

  #path(id: VolumeId): DaemonPaths {
    return daemonPathsIn(this.#host.dataDir, id);
  }
}
