// Owns the double of a Storage Controller: volumes in memory that go one step at a time and fail where told.

import type { InstanceId, SnapshotId, VolumeId } from '@ironbark/core/ids.ts';
import type {
  BackendReport,
  SnapshotStorageObservation,
  StorageClient,
  StorageIntent,
  StorageReport,
  StorageSnapshotIntent,
  StorageVolumeIntent,
  VolumeStorageObservation,
} from '../storage-client.ts';

export interface StorageDoubleOptions {
  totalBytes: number;
  /** Backends besides files. */
  backends?: BackendReport[];
  failAt?: (step: string) => void;
  /** Called before an export is taken back, of one that several have this instance's; throw when it is still needed. */
  checkUnexport?: (id: VolumeId, instanceId?: InstanceId) => void;
  /** True: making this volume ends as `failed`. */
  failVolume?: (id: VolumeId) => boolean;
  /** True: there is no room for a volume to become so long. */
  failGrowth?: (intent: StorageVolumeIntent) => boolean;
}

interface Kept<Intent, Observation> {
  intent: Intent;
  observation: Observation;
}

type Volume = Kept<StorageVolumeIntent, VolumeStorageObservation>;
type Snapshot = Kept<StorageSnapshotIntent, SnapshotStorageObservation>;

const NO_BYTES = { storedBytes: 0, addedBytes: 0 };

export class StorageDouble implements StorageClient {
  readonly #options: StorageDoubleOptions;
  readonly #volumes = new Map<VolumeId, Volume>();
  readonly #snapshots = new Map<SnapshotId, Snapshot>();
  readonly #listeners = new Set<() => void>();

  constructor(options: StorageDoubleOptions) {
    this.#options = options;
  }

  async putIntents(intent: StorageIntent): Promise<void> {
    this.#options.failAt?.('storage putIntents before');
    for (const volume of intent.volumes) this.#putVolume(structuredClone(volume));
    for (const snapshot of intent.snapshots) this.#putSnapshot(structuredClone(snapshot));
    this.#options.failAt?.('storage putIntents after');
  }

  async forget(ids: { volumes: VolumeId[]; snapshots: SnapshotId[] }): Promise<void> {
    this.#options.failAt?.('storage forget before');
    for (const id of ids.volumes) requireAbsent(this.#volumes, id);
    for (const id of ids.snapshots) requireAbsent(this.#snapshots, id);
    this.#options.failAt?.('storage forget after');
  }

  async getReport(): Promise<StorageReport> {
    this.#options.failAt?.('storage getReport');
    const volumes = [...this.#volumes.values()];
    const used = volumes
      .filter(({ intent }) => (intent.backend ?? 'file') === 'file')
      .filter(({ observation }) => observation.state !== 'absent')
      .reduce((total, { intent }) => total + intent.sizeBytes, 0);
    return structuredClone({
      totalBytes: this.#options.totalBytes,
      freeBytes: this.#options.totalBytes - used,
      ...(this.#options.backends === undefined ? {} : { backends: this.#options.backends }),
      volumes: volumes.map((volume) => volume.observation),
      snapshots: [...this.#snapshots.values()].map((snapshot) => snapshot.observation),
    });
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  listVolumeIds(): VolumeId[] {
    return [...this.#volumes.keys()];
  }

  findIntent(id: VolumeId): StorageVolumeIntent | undefined {
    return this.#volumes.get(id)?.intent;
  }

  getSnapshotIntent(id: SnapshotId): StorageSnapshotIntent {
    return this.#snapshots.get(id)!.intent;
  }

  listSnapshotIds(): SnapshotId[] {
    return [...this.#snapshots.keys()];
  }

  /** What serves the volume does not answer, or does again. */
  setAway(id: string, isAway: boolean): void {
    const volume = this.#volumes.get(id as VolumeId)!;
    const { isAway: _before, ...rest } = volume.observation;
    volume.observation = isAway ? { ...rest, isAway } : rest;
    this.#changed();
  }

  limitsOf(id: string): StorageVolumeIntent['limits'] {
    return this.#volumes.get(id as VolumeId)?.intent.limits;
  }

  /** Takes everything one step nearer to its intent. */
  step(): void {
    for (const volume of this.#volumes.values()) this.#stepVolume(volume);
    for (const snapshot of this.#snapshots.values()) this.#stepSnapshot(snapshot);
  }

  #putVolume(intent: StorageVolumeIntent): void {
    const { id } = intent;
    const volume = this.#volumes.get(id);
    if (volume === undefined) {
      const state = intent.desired === 'absent' ? 'absent' : 'creating';
      const observation = { id, generation: 0, state, progressPercent: 0 } as const;
      this.#volumes.set(id, { intent, observation });
    } else if (intent.generation > volume.intent.generation) volume.intent = intent;
  }

  #putSnapshot(intent: StorageSnapshotIntent): void {
    const { id } = intent;
    const snapshot = this.#snapshots.get(id);
    if (snapshot === undefined) {
      const state = intent.desired === 'absent' ? 'absent' : 'pending';
      const observation = { id, generation: 0, state, progressPercent: 0, ...NO_BYTES } as const;
      this.#snapshots.set(id, { intent, observation });
    } else if (intent.generation > snapshot.intent.generation) snapshot.intent = intent;
  }

  #stepVolume(volume: Volume): void {
    const { intent, observation } = volume;
    if (observation.generation >= intent.generation) return;
    const { id, generation } = intent;
    const isTakenBack = observation.export !== undefined && intent.exportTo === undefined;
    if (isTakenBack) this.#options.checkUnexport?.(id);
    const openings = this.#openingsOf(volume);
    const base = { id, generation, progressPercent: 100 };
    if (intent.desired === 'absent') volume.observation = { ...base, state: 'absent' };
    else if (this.#options.failVolume?.(id) === true) {
      volume.observation = { ...base, state: 'failed', reason: 'planted' };
    } else {
      this.#checkSource(intent, observation);
      const exported = { kind: 'nbd-unix', socketPath: `/${id}`, exportName: id } as const;
      const place = intent.exportTo === undefined ? {} : { export: exported };
      const hasFailed = this.#options.failGrowth?.(intent) === true;
      const problem = hasFailed ? { hasFailedToGrow: true, reason: 'no room' } : {};
      volume.observation = { ...base, state: 'ready', ...place, ...openings, ...problem };
    }
    this.#changed();
  }

  /** Each with a socket of its own. */
  #openingsOf({ intent, observation }: Volume): Pick<VolumeStorageObservation, 'openings'> {
    const { id, openTo = [] } = intent;
    const wanted = new Set(openTo.map(({ instanceId }) => instanceId));
    for (const { instanceId } of observation.openings ?? []) {
      if (!wanted.has(instanceId)) this.#options.checkUnexport?.(id, instanceId);
    }
    const openings = openTo.map(({ instanceId }) => {
      const socketPath = `/${id}.${instanceId}`;
      return { instanceId, export: { kind: 'nbd-unix', socketPath, exportName: id } as const };
    });
    return openings.length === 0 ? {} : { openings };
  }

  #checkSource(intent: StorageVolumeIntent, observation: VolumeStorageObservation): void {
    const source = intent.fromSnapshotId;
    if (observation.state !== 'creating' || source === undefined) return;
    const snapshot = this.#snapshots.get(source);
    if (snapshot?.observation.state !== 'completed') throw new Error(`${source} is not there`);
  }

  #stepSnapshot(snapshot: Snapshot): void {
    const { intent, observation } = snapshot;
    if (observation.generation >= intent.generation) return;
    const { id, generation } = intent;
    if (intent.desired === 'absent') {
      snapshot.observation = {
        id,
        generation,
        state: 'absent',
        progressPercent: 0,
        ...NO_BYTES,
      };
    } else if (observation.progressPercent === 0) {
      snapshot.observation = { ...observation, progressPercent: 50, isHeld: true };
    } else {
      const { copyOf, volumeId } = intent;
      const origin = copyOf ? this.#snapshots.get(copyOf) : this.#volumes.get(volumeId);
      const { state } = origin?.observation ?? {};
      const isThere = intent.source !== undefined || state === 'ready' || state === 'completed';
      if (!isThere) throw new Error(`${copyOf ?? volumeId} is not there`);
      const storedBytes = intent.volumeSizeBytes;
      snapshot.observation = {
        id,
        generation,
        state: 'completed',
        progressPercent: 100,
        isHeld: true,
        storedBytes,
        addedBytes: storedBytes,
      };
    }
    this.#changed();
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

function requireAbsent<Id extends string>(
  kept: Map<Id, { observation: { state: string } }>,
  id: Id,
): void {
  const state = kept.get(id)?.observation.state;
  if (state !== undefined && state !== 'absent') throw new Error(`${id} is ${state}`);
  kept.delete(id);
}
