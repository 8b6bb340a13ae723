// Owns the composition of the Storage Controller: state, drivers, reconcilers and the client that others use.

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { Database, OpenDatabase } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { type AroundStep, takeStep } from '@ironbark/platform/reconciler.ts';
import { serviceUid } from '@ironbark/platform/service-users.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type {
  StagedBackend,
  StagedBackendName,
  StagedBackends,
} from '@ironbark/protocol/internal/staged-backend.ts';
import { type Compressor, THREADED_COMPRESSOR } from './app/chunk-codec.ts';
import type { Nearness } from './app/context.ts';
import { EncryptionKeys } from './app/encryption-keys.ts';
import type { KeyringSource } from './app/keyring.ts';
import { DAEMON_DIRECTORIES, SOURCES_SOCKET } from './drivers/daemon-arguments.ts';
import { openFileBackend } from './drivers/file-backend.ts';
import {
  type BackendSettings,
  openPrivilegedBackends,
  type PrivilegedBackends,
} from './drivers/privileged-backends.ts';
import { routeBackends } from './drivers/routed-backend.ts';
import { sealBackend } from './drivers/sealed-backend.ts';
import { openSimulatedTarget } from './drivers/simulated-target.ts';
import { type IsWanted, openStagedVolumes } from './drivers/staged-volumes.ts';
import { openStorageDaemonTarget } from './drivers/storage-daemon.ts';
import type { VolumeBackend } from './drivers/volume-backend.ts';
import { volumeUsersOf } from './drivers/volume-users.ts';
import { runStorage, type Storage } from './service.ts';
import { STORAGE_MIGRATIONS, type StorageSchema } from './store/schema.ts';
import { backendOf, findVolume } from './store/volumes.ts';

export type { Storage } from './service.ts';

export interface StorageOptions {
  /** The Storage Controller's own folder; made when it is missing. */
  dataDir: string;
  objects: ObjectsClient;
  clock: Clock;
  random: RandomSource;
  logger: Logger;
  commands: Commands;
  target?: 'qemu-storage-daemon' | 'simulated';
  /** Where `storage.db` is, made when it is missing; the data folder when absent. */
  stateDir?: string;
  /**
   * Of another process, which has the rights to start it, instead of `target`. Volumes are then shared with it through
   * the group of their folder.
   */
  blockTarget?: BlockTarget;
  /** Of that process too: the backends besides files. */
  staged?: StagedBackends;
  /** Those that this process opens itself, without `blockTarget`. */
  backends?: BackendSettings;
  /** Of the key that closes all others; a file in the folder of the state when absent. */
  keyring?: KeyringSource;
  /** Absent: all nodes are on this host. */
  nearness?: Nearness;
  /** What another service has closed with it. */
  knownEnvelope?: string | undefined;
  /** Wraps the drivers; for tests that have them fail. */
  drivers?: (drivers: StorageDrivers) => StorageDrivers;
  /** Tests keep the state elsewhere, and interfere with steps. */
  openDatabase?: OpenDatabase;
  aroundStep?: AroundStep;
  compressor?: Compressor;
}

export interface StorageDrivers {
  backend: VolumeBackend;
  target: BlockTarget;
  objects: ObjectsClient;
}

interface OpenedDrivers {
  backend: VolumeBackend;
  target: BlockTarget;
  privileged?: PrivilegedBackends;
}

export async function startStorage(options: StorageOptions): Promise<Storage> {
  await ensureDirectory(options.dataDir, 0o711);
  const dataDir = await realpath(options.dataDir);
  const { privileged, ...own } = await openDrivers(options, dataDir);
  const opened = { ...own, objects: options.objects };
  const drivers = options.drivers?.(opened) ?? opened;
  const staged = options.staged ?? privileged?.staged ?? {};
  const stateDir = options.stateDir ?? dataDir;
  await ensureDirectory(stateDir);
  const path = join(stateDir, 'storage.db');
  const { openDatabase = openSqlite, aroundStep = takeStep } = options;
  const { compressor = THREADED_COMPRESSOR } = options;
  const database = await openDatabase<StorageSchema>({ path, migrations: STORAGE_MIGRATIONS });
  try {
    const { random, knownEnvelope } = options;
    const { keyring: source = { path: join(stateDir, 'keyring', 'master.key') } } = options;
    const keys = await EncryptionKeys.open({ source, database, random, knownEnvelope });
    const routed = routeByRow(drivers.backend, staged, database);
    const backend = sealBackend(routed, {
      findSeal: async (id) => keys.factsOf(await findVolume(database.query, id)),
      random: options.random,
      zeros: options.target === 'simulated' ? 'assumed' : 'written',
    });
    const state = { database, ...(privileged === undefined ? {} : { privileged }) };
    const places = { sourcesSocket: join(dataDir, SOURCES_SOCKET) };
    const own = { backend, staged, aroundStep, compressor, keys };
    const parts = { ...options, ...drivers, ...own, ...places };
    return await runStorage({ ...parts, ...state });
  } catch (error) {
    await database[Symbol.asyncDispose]();
    await privileged?.[Symbol.asyncDispose]();
    throw error;
  }
}

function routeByRow(
  file: VolumeBackend,
  staged: StagedBackends,
  database: Database<StorageSchema>,
): VolumeBackend {
  const entries = Object.entries(staged) as [StagedBackendName, StagedBackend][];
  const isWanted: IsWanted = async (id) => {
    const row = await findVolume(database.query, id);
    return row?.desired === 'present' && row.observed_state === 'creating';
  };
  const others = entries.map(([name, each]) => [name, openStagedVolumes(each, isWanted)] as const);
  const backends = { file, ...Object.fromEntries(others) };
  return routeBackends(backends, (id) => backendOf(database.query, id));
}

async function openDrivers(options: StorageOptions, dataDir: string): Promise<OpenedDrivers> {
  const { commands, clock, logger, blockTarget } = options;
  const directory = join(dataDir, DAEMON_DIRECTORIES.volumes);
  if (options.target === 'simulated') {
    return {
      backend: await openFileBackend({ directory, allocation: 'sparse' }),
      target: await openSimulatedTarget({ dataDir, commands }),
    };
  }
  const allocation = 'claimed';
  if (blockTarget !== undefined) {
    const access = { kind: 'group' } as const;
    return {
      backend: await openFileBackend({ directory, allocation, access }),
      target: blockTarget,
    };
  }
  const isRoot = process.getuid?.() === 0;
  const users = isRoot ? volumeUsersOf(dataDir, serviceUid('block-targets', dataDir)) : undefined;
  const access = users === undefined ? {} : { access: { kind: 'owner' as const, gid: users.gid } };
  const host = { commands, clock, logger, dataDir };
  const privileged = await openPrivilegedBackends(options.backends ?? {}, host);
  const { findPlace } = privileged;
  return {
    backend: await openFileBackend({ directory, allocation, ...access }),
    target: await openStorageDaemonTarget({ ...host, users, findPlace, random: options.random }),
    privileged,
  };
}

/**
 * The volumes of a data folder that is being restored. They are this process's own, as those of earlier versions were:
 * the first start gives them to whoever serves them.
 */
export function openRestoredVolumes(
  dataDir: string,
  target: 'qemu-storage-daemon' | 'simulated',
): Promise<VolumeBackend> {
  const directory = join(dataDir, DAEMON_DIRECTORIES.volumes);
  const allocation = target === 'simulated' ? 'sparse' : 'claimed';
  return openFileBackend({ directory, allocation });
}
