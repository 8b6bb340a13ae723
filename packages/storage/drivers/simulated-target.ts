// Owns the block target of simulated clouds: no process, no socket, the same promises. Shipped, for demos
// and for tests of whole clouds without QEMU.

import { type FileHandle, open, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import type { SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type { VolumeLimits } from '@ironbark/core/volume-types.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type {
  BlockTarget,
  ExportedVolume,
  FreezeOptions,
  FreezePoint,
  FrozenReader,
  Opening,
  TargetFacts,
  VolumeSeal,
} from '@ironbark/protocol/internal/block-target.ts';
import { openSectors, SECTOR_BYTES } from './aes-xts.ts';
import { DAEMON_DIRECTORIES, daemonPaths } from './daemon-arguments.ts';
import { exportSocketPath } from './export-sockets.ts';
import { LUKS_HEADER_BYTES } from './luks-header.ts';
import { luksKeysOfSeal } from './volume-seal.ts';

export interface SimulatedTargetOptions {
  dataDir: string;
  commands: Commands;
}

export async function openSimulatedTarget(options: SimulatedTargetOptions): Promise<BlockTarget> {
  await ensureDirectory(join(options.dataDir, DAEMON_DIRECTORIES.overwritten));
  return new SimulatedTarget(options);
}

interface SimulatedVolume {
  /** While somebody may open it. */
  opening?: number;
  /** Of one that several guests have. */
  openings: Set<number>;
  /** With what their copies are opened, when they are encrypted. */
  frozen: Map<SnapshotId, VolumeSeal | undefined>;
  limits?: VolumeLimits;
}

class SimulatedTarget implements BlockTarget {
  readonly #options: SimulatedTargetOptions;
  readonly #volumes = new Map<VolumeId, SimulatedVolume>();

  constructor(options: SimulatedTargetOptions) {
    this.#options = options;
  }

  async inspect(id: VolumeId): Promise<TargetFacts> {
    const volume = this.#volumes.get(id);
    return {
      running: volume !== undefined,
      exported: volume?.opening !== undefined,
      ...(volume?.opening === undefined ? {} : { opening: volume.opening }),
      ...(volume === undefined || volume.openings.size === 0
        ? {}
        : { openings: [...volume.openings] }),
      frozen: [...(volume?.frozen.keys() ?? [])],
      ...(volume?.limits === undefined ? {} : { limits: volume.limits }),
    };
  }

  async list(): Promise<VolumeId[]> {
    return [...this.#volumes.keys()];
  }

  async export(id: VolumeId, { opening, limits, isShared }: Opening): Promise<ExportedVolume> {
    const volume = this.#ensure(id);
    if (isShared === true) volume.openings.add(opening);
    else volume.opening = opening;
    if (limits !== undefined) volume.limits = limits;
    const socketPath = join(this.#options.dataDir, exportSocketPath(id, opening));
    return { export: { kind: 'nbd-unix', socketPath, exportName: id }, engine: 'simulated' };
  }

  async limit(id: VolumeId, limits: VolumeLimits): Promise<void> {
    this.#ensure(id).limits = limits;
  }

  async unexport(id: VolumeId): Promise<void> {
    const volume = this.#volumes.get(id);
    if (volume === undefined) return;
    delete volume.opening;
    if (volume.frozen.size === 0) this.#volumes.delete(id);
  }

  async close(id: VolumeId, opening: number): Promise<void> {
    this.#volumes.get(id)?.openings.delete(opening);
  }

  readonly fillsLazily = false;

  async layer(): Promise<void> {}

  async fill(): Promise<void> {}

  async flush(): Promise<void> {}

  async unlayer(): Promise<void> {}

  async grow(): Promise<void> {}

  async stop(id: VolumeId): Promise<void> {
    const frozen = [...(this.#volumes.get(id)?.frozen.keys() ?? [])];
    for (const snapshotId of frozen) await this.thaw(id, snapshotId);
    this.#volumes.delete(id);
  }

  async freeze(
    id: VolumeId,
    snapshotId: SnapshotId,
    _sizeBytes: number,
    { seal }: Pick<FreezeOptions, 'seal'>,
  ): Promise<void> {
    const volume = this.#ensure(id);
    if (volume.frozen.has(snapshotId)) return;
    const source = join(this.#options.dataDir, daemonPaths(id).volume);
    const copy = ['--sparse=always', '--reflink=auto', '--', source, this.#copyPath(snapshotId)];
    await this.#options.commands.run('cp', copy);
    volume.frozen.set(snapshotId, seal);
  }

  /** Nobody writes to a simulated volume but whoever has its file, and they are not stopped by anything here. */
  async freezeTogether(points: readonly FreezePoint[]): Promise<void> {
    for (const point of points) {
      await this.freeze(point.id, point.snapshotId, point.sizeBytes, point);
    }
  }

  async openFrozen(id: VolumeId, snapshotId: SnapshotId): Promise<FrozenReader> {
    const file = await open(this.#copyPath(snapshotId), 'r');
    const seal = this.#volumes.get(id)?.frozen.get(snapshotId);
    return {
      read: (offset, length) => readCopy(file, seal, { offset, length }),
      // It does not watch what is written.
      bases: async () => [],
      changes: async (_base, first, length) => [{ offset: first, length }],
      data: async (first, length) => [{ offset: first, length }],
      [Symbol.asyncDispose]: () => file.close(),
    };
  }

  async thaw(id: VolumeId, snapshotId: SnapshotId): Promise<void> {
    this.#volumes.get(id)?.frozen.delete(snapshotId);
    await rm(this.#copyPath(snapshotId), { force: true });
  }

  async sweep(): Promise<void> {
    const directory = join(this.#options.dataDir, DAEMON_DIRECTORIES.overwritten);
    await rm(directory, { recursive: true, force: true });
    await ensureDirectory(directory);
  }

  onExit(): () => void {
    return () => {};
  }

  async detach(): Promise<void> {}

  #ensure(id: VolumeId): SimulatedVolume {
    const volume = this.#volumes.get(id) ?? { openings: new Set<number>(), frozen: new Map() };
    this.#volumes.set(id, volume);
    return volume;
  }

  #copyPath(snapshotId: SnapshotId): string {
    return join(this.#options.dataDir, DAEMON_DIRECTORIES.overwritten, `${snapshotId}.raw`);
  }
}

async function readCopy(
  file: FileHandle,
  seal: VolumeSeal | undefined,
  { offset, length }: { offset: number; length: number },
): Promise<Buffer> {
  const at = seal === undefined ? offset : offset + LUKS_HEADER_BYTES;
  const { bytesRead, buffer } = await file.read(Buffer.alloc(length), 0, length, at);
  if (bytesRead === length) return seal === undefined ? buffer : openAll(seal, offset, buffer);
  throw new ServiceError({
    kind: 'invalid-range',
    resource: 'snapshot',
    message: 'The volume is shorter than the snapshot that was asked for.',
  });
}

/** What nobody has written is a hole here, and stands for zeros. */
function openAll(seal: VolumeSeal, offset: number, sealed: Buffer): Buffer {
  const run = { key: luksKeysOfSeal(seal).payloadKey, first: offset / SECTOR_BYTES };
  const plain = openSectors(run, sealed);
  const hole = Buffer.alloc(SECTOR_BYTES);
  for (let at = 0; at < sealed.length; at += SECTOR_BYTES) {
    if (sealed.subarray(at, at + SECTOR_BYTES).equals(hole)) plain.fill(0, at, at + SECTOR_BYTES);
  }
  return plain;
}
