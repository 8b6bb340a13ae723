// Owns the QEMU driver: guests as detached processes that outlive the daemon and are found again.

import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { InstanceId, InterfaceId, VolumeId } from '@ironbark/core/ids.ts';
import type { DiskProfile } from '@ironbark/core/io-profile.ts';
import { type Clock, renderTime, waitFor } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import {
  endProcess,
  findProcessIn,
  isAlive,
  type ProcessIdentity,
  worksIn,
} from '@ironbark/platform/processes.ts';
import type {
  DiskStats,
  DriverFingerprint,
  GuestDisk,
  GuestHandle,
  GuestNic,
  GuestSpec,
  GuestStatus,
  HypervisorDriver,
  PluggedDisk,
  WantedVolume,
} from '../hypervisor-driver.ts';
import { CONSOLE_CHARDEV, CONSOLE_RING_BYTES, diskNames } from './argv.ts';
import { Connections } from './connections.ts';
import { effectiveDiskProfile, engineFor } from './disk-profile.ts';
import { type DiskRecords, readDiskRecords, writeDiskRecords } from './disk-records.ts';
import { growDisk, readDiskSizes } from './disk-size.ts';
import { ensureHistograms, parseDiskStats } from './disk-stats.ts';
import { type Host, lookAtHost } from './host.ts';
import { listPlugged, plugDisk, unplugDisk } from './hot-plug.ts';
import { boundLog, launchGuest, type OpenTap, startFailure } from './launch.ts';
import { type GuestVolume, LostVolumes } from './lost-volumes.ts';
import { cutNic, listPluggedNics, plugNic, unplugNic } from './nic-hot-plug.ts';
import { type RunState, readStatus } from './run-state.ts';
import { ensureReachable, isCutOff, makeReachable, requireServed } from './target-socket.ts';

export interface QemuDriverOptions {
  commands: Commands;
  clock: Clock;
  /** The node's; facts about the host are kept there. */
  dataDir: string;
  openTap: OpenTap;
  /** The user under which the host is probed; undefined when the node is not root. */
  probeUid: number | undefined;
  qmpTimeoutMs?: number;
}

/** QEMU opens its socket within 0.2 s; a host that starts many guests at once gets much longer. */
const START_TIMEOUT_MS = 60_000;
/** Time to write out what a disk still caches before the process is killed. */
const QUIT_GRACE_MS = 5_000;
const RESET_TIMEOUT_MS = 10_000;
const LOOK_MS = 25;
/** A guest that goes on repeats the writes that found no room at once. */
const RELAPSE_MS = 300;

export function createQemuDriver(options: QemuDriverOptions): HypervisorDriver {
  return new QemuDriver(options);
}

class QemuDriver implements HypervisorDriver {
  readonly name = 'qemu';
  readonly #options: QemuDriverOptions;
  readonly #connections: Connections;
  readonly #lost: LostVolumes;
  readonly #listeners = new Set<(id: InstanceId) => void>();
  /** A guest that ends while it starts is the start's own story. */
  readonly #untold = new Set<InstanceId>();
  #facts: Promise<Host> | undefined;

  constructor(options: QemuDriverOptions) {
    this.#options = options;
    this.#lost = new LostVolumes(options.clock);
    this.#connections = new Connections({
      clock: options.clock,
      onChange: (id) => this.#tell(id),
      ...(options.qmpTimeoutMs === undefined ? {} : { timeoutMs: options.qmpTimeoutMs }),
    });
  }

  #tell(id: InstanceId): void {
    if (this.#untold.has(id)) return;
    for (const listener of this.#listeners) listener(id);
  }

  async fingerprint(): Promise<DriverFingerprint> {
    const { fingerprint, isolationGaps } = await this.#host();
    return { ...fingerprint, isolationGaps };
  }

  #host(): Promise<Host> {
    this.#facts ??= lookAtHost(this.#options).catch((error: unknown) => {
      this.#facts = undefined;
      throw error;
    });
    return this.#facts;
  }

  async start(spec: GuestSpec): Promise<GuestHandle> {
    const running = await this.#findByDirectory(spec);
    if (running !== undefined) return running;
    const host = await this.#host();
    const engine = engineFor(spec.rootDisk.source.kind, await host.engineNow());
    const profile = effectiveDiskProfile(spec.rootDisk.profile, engine, spec.vcpus);
    const resolved = { ...spec, rootDisk: { ...spec.rootDisk, profile } };
    const { serial, source } = spec.rootDisk;
    const place = source.kind === 'file' ? {} : { source };
    await writeDiskRecords(spec.directory, { [serial]: { profile, ...place } });
    const root = await openRoot(spec, host.enclosure !== undefined);
    this.#untold.add(spec.id);
    try {
      const handle = await launchGuest(resolved, { ...this.#options, ...host, ...root });
      await this.#awaitService(handle);
      return handle;
    } finally {
      this.#untold.delete(spec.id);
    }
  }

  async #awaitService(handle: GuestHandle): Promise<void> {
    const serves = async () => {
      if (!(await isAlive(identityOf(handle))))
        throw await startFailure(handle.directory, undefined);
      return this.#connections.execute(handle, 'query-status').then(
        () => true,
        () => false,
      );
    };
    const wait = { clock: this.#options.clock, timeoutMs: START_TIMEOUT_MS, intervalMs: LOOK_MS };
    try {
      await waitFor(serves, { ...wait, what: 'QEMU answers' });
    } catch (error) {
      // It may not have come to its folder yet.
      await this.#end(identityOf(handle));
      await this.destroy(handle);
      if (error instanceof ServiceError) throw error;
      throw await startFailure(handle.directory, error);
    }
  }

  async recover(handle: GuestHandle): Promise<GuestHandle | undefined> {
    if (handle.pid !== 0) return (await this.#isOurs(handle)) ? handle : undefined;
    return this.#findByDirectory(handle);
  }

  /** A host that has restarted may have given its number and start time to another process. */
  async #isOurs(handle: GuestHandle): Promise<boolean> {
    if (!(await isAlive(identityOf(handle)))) return false;
    return worksIn(handle.pid, join(handle.directory, 'run'));
  }

  async #findByDirectory(
    guest: Pick<GuestHandle, 'id' | 'directory' | 'uid'>,
  ): Promise<GuestHandle | undefined> {
    const found = await findProcessIn(join(guest.directory, 'run'));
    if (found === undefined) return undefined;
    return {
      id: guest.id,
      driver: this.name,
      pid: found.pid,
      pidStartTicks: found.startTicks,
      directory: guest.directory,
      startedAt: renderTime(this.#options.clock.nowMs()),
      ...(guest.uid === undefined ? {} : { uid: guest.uid }),
    };
  }

  async inspect(handle: GuestHandle): Promise<GuestStatus> {
    if (!(await isAlive(identityOf(handle)))) return { state: 'gone', reason: 'crashed' };
    await boundLog(handle.directory);
    try {
      const reply = await this.#connections.execute(handle, 'query-status');
      return readStatus((reply as RunState).status);
    } catch {
      // A process that does not answer may run its guest, unless it ended just now.
      if (await isAlive(identityOf(handle))) return { state: 'silent' };
      return { state: 'gone', reason: 'crashed' };
    }
  }

  async resume(handle: GuestHandle): Promise<boolean> {
    // A pause that follows at once is this attempt's own story.
    this.#untold.add(handle.id);
    try {
      await this.#connections.execute(handle, 'cont');
      await this.#options.clock.sleep(RELAPSE_MS);
      const { status } = (await this.#connections.execute(handle, 'query-status')) as RunState;
      return readStatus(status).state === 'running';
    } finally {
      this.#untold.delete(handle.id);
    }
  }

  async requestShutdown(handle: GuestHandle): Promise<void> {
    await this.#connections.execute(handle, 'system_powerdown');
  }

  async reset(handle: GuestHandle): Promise<void> {
    await this.#connections.execute(handle, 'system_reset');
    const restarted = async () => {
      const reply = await this.#connections.execute(handle, 'query-status');
      const { status } = reply as RunState;
      if (status === 'running') return true;
      // A guest that powered off comes out of its reset paused.
      if (status === 'prelaunch') await this.#connections.execute(handle, 'cont');
      return false;
    };
    await waitFor(restarted, {
      clock: this.#options.clock,
      timeoutMs: RESET_TIMEOUT_MS,
      intervalMs: LOOK_MS,
      what: `${handle.id} runs after its reset`,
    });
  }

  async destroy(handle: GuestHandle): Promise<void> {
    this.#connections.close(handle.id);
    if (handle.pid !== 0 && (await this.#isOurs(handle))) await this.#end(identityOf(handle));
    const stray = await findProcessIn(join(handle.directory, 'run'));
    if (stray !== undefined) await this.#end(stray);
    await this.#lost.forgetAll(handle);
    const { controlGroups } = await this.#host();
    await controlGroups.remove(handle.id, handle.isolation?.controlGroups);
  }

  #end(identity: ProcessIdentity): Promise<void> {
    return endProcess(identity, { clock: this.#options.clock, graceMs: QUIT_GRACE_MS });
  }

  async attachDisk(handle: GuestHandle, disk: GuestDisk): Promise<DiskProfile> {
    if (disk.source.kind === 'file') throw new Error('only exported volumes are plugged in');
    const engine = engineFor(disk.source.kind, await (await this.#host()).engineNow());
    const { serial, source } = disk;
    const records = await readDiskRecords(handle.directory);
    // The root disk is the first; one processor's worth of queues when it is not known.
    const [root] = Object.values(records);
    const vcpus = Number(root?.profile.queues ?? 1);
    const known = records[serial]?.profile;
    const isPlugged = (await listPlugged(this.#connections, handle)).includes(serial);
    const profile =
      isPlugged && known !== undefined ? known : effectiveDiskProfile(disk.profile, engine, vcpus);
    // Written first, so that a plugged disk always has its record.
    await writeDiskRecords(handle.directory, { ...records, [serial]: { profile, source } });
    await plugDisk(this.#hotPlug(), handle, { serial, source, profile });
    await ensureHistograms(this.#connections, handle);
    return profile;
  }

  async detachDisk(handle: GuestHandle, volumeId: VolumeId): Promise<boolean> {
    const volume = (await listVolumes(handle, [])).find(({ serial }) => serial === volumeId);
    const unplug = () => unplugDisk(this.#hotPlug(), handle, volumeId);
    if (!(await this.#lost.answerDuring(handle, volume, unplug))) return false;
    await this.#lost.forget(handle, volumeId);
    const { [volumeId]: _gone, ...others } = await readDiskRecords(handle.directory);
    await writeDiskRecords(handle.directory, others);
    return true;
  }

  attachNic(handle: GuestHandle, nic: GuestNic): Promise<void> {
    return plugNic({ ...this.#hotPlug(), openTap: this.#options.openTap }, handle, nic);
  }

  detachNic(handle: GuestHandle, id: InterfaceId): Promise<boolean> {
    return unplugNic(this.#hotPlug(), handle, id);
  }

  cutNic(handle: GuestHandle, id: InterfaceId): Promise<void> {
    return cutNic(this.#hotPlug(), handle, id);
  }

  listNics(handle: GuestHandle): Promise<InterfaceId[]> {
    return listPluggedNics(this.#hotPlug(), handle);
  }

  #hotPlug() {
    return { connections: this.#connections, clock: this.#options.clock };
  }

  async findCutOff(handle: GuestHandle, wanted: readonly WantedVolume[]): Promise<VolumeId[]> {
    const found: VolumeId[] = [];
    for (const volume of await listVolumes(handle, wanted)) {
      const isAway =
        (await isCutOff(handle, volume)) || (await this.#lost.isUnanswered(handle, volume));
      if (isAway) found.push(volume.serial);
    }
    return found;
  }

  async reconnectDisk(
    handle: GuestHandle,
    volumeId: VolumeId,
    wanted: readonly WantedVolume[],
  ): Promise<void> {
    const volumes = await listVolumes(handle, wanted);
    const volume = volumes.find(({ serial }) => serial === volumeId);
    if (volume === undefined) return;
    if (await this.#lost.isLost(handle, volume)) {
      await this.#lost.answer(handle, volumeId);
      return;
    }
    const { [volumeId]: record, ...others } = await readDiskRecords(handle.directory);
    if (record !== undefined) {
      const now = { ...record, source: volume.source };
      await writeDiskRecords(handle.directory, { ...others, [volumeId]: now });
    }
    await ensureReachable(handle, volume);
    await this.#lost.forget(handle, volumeId);
  }

  async listDisks(handle: GuestHandle): Promise<PluggedDisk[]> {
    const plugged = await listPlugged(this.#connections, handle);
    const records = await readDiskRecords(handle.directory);
    const sizes = await readDiskSizes(this.#connections, handle);
    return plugged.flatMap((serial) => {
      const profile = records[serial]?.profile;
      const sizeBytes = sizes.get(diskNames(serial).node);
      if (profile === undefined) return [];
      return [{ serial, profile, ...(sizeBytes === undefined ? {} : { sizeBytes }) }];
    });
  }

  async growDisk(handle: GuestHandle, volumeId: VolumeId, sizeBytes: number): Promise<void> {
    const source = (await readDiskRecords(handle.directory))[volumeId]?.source;
    // Its target is asked while QEMU, and the guest with it, stands still.
    if (source !== undefined) await requireServed(source);
    await growDisk(this.#connections, handle, { serial: volumeId, sizeBytes });
  }

  async recallDisks(handle: GuestHandle): Promise<PluggedDisk[]> {
    const records = await readDiskRecords(handle.directory);
    return Object.entries(records).map(([serial, { profile }]) => ({ serial, profile }));
  }

  async diskStats(handle: GuestHandle): Promise<DiskStats[]> {
    await ensureHistograms(this.#connections, handle);
    return parseDiskStats(await this.#connections.execute(handle, 'query-blockstats'));
  }

  async drainConsole(handle: GuestHandle): Promise<Uint8Array> {
    const reply = await this.#connections.execute(handle, 'ringbuf-read', {
      device: CONSOLE_CHARDEV,
      size: CONSOLE_RING_BYTES,
      format: 'base64',
    });
    return Buffer.from(reply as string, 'base64');
  }

  onGuestChange(listener: (id: InstanceId) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listeners.clear();
    this.#connections.closeAll();
    await this.#lost[Symbol.asyncDispose]();
  }
}

/** Those that the guest has, each where it is served now as far as anybody has said. */
async function listVolumes(
  { directory }: GuestHandle,
  wanted: readonly WantedVolume[],
): Promise<GuestVolume[]> {
  const records: DiskRecords = await readDiskRecords(directory);
  return Object.entries(records).flatMap(([serial, record]) => {
    const now = wanted.find(({ volumeId }) => volumeId === serial)?.source;
    const source = record.source && (now ?? record.source);
    if (source === undefined) return [];
    return [{ serial: serial as VolumeId, source, isWanted: now !== undefined }];
  });
}

/** The guest's way to a root disk that is a volume, whose target has to be there when QEMU starts. */
async function openRoot(
  { directory, uid, rootDisk: { serial, source } }: GuestSpec,
  isEnclosed: boolean,
): Promise<{ rootSocket?: string }> {
  if (source.kind === 'file') return {};
  const guest = { directory, isEnclosed, ...(uid === undefined ? {} : { uid }) };
  const rootSocket = await makeReachable(guest, { serial, source });
  await requireServed(source);
  return { rootSocket };
}

function identityOf(handle: GuestHandle): ProcessIdentity {
  return { pid: handle.pid, startTicks: handle.pidStartTicks };
}
