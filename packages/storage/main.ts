// Owns the composition of the Storage Controller: state, drivers, reconcilers and the client that others use.

import { createHash } from 'node:crypto';
import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import type { OpenDatabase } from '@ironbark/platform/database/database.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import { type AroundStep, takeStep } from '@ironbark/platform/reconciler.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { BlockTarget } from './drivers/block-target.ts';
import { DAEMON_DIRECTORIES } from './drivers/daemon-arguments.ts';
import { openFileBackend } from './drivers/file-backend.ts';
import { openSimulatedTarget } from './drivers/simulated-target.ts';
import { openStorageDaemonTarget } from './drivers/storage-daemon.ts';
import type { VolumeBackend } from './drivers/volume-backend.ts';
import { runStorage, type Storage } from './service.ts';
import { STORAGE_MIGRATIONS, type StorageSchema } from './store/schema.ts';

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
  /** Wraps the drivers; for tests that have them fail. */
  drivers?: (drivers: StorageDrivers) => StorageDrivers;
  /** Tests keep the state elsewhere, and interfere with steps. */
  openDatabase?: OpenDatabase;
  aroundStep?: AroundStep;
}

export interface StorageDrivers {
  backend: VolumeBackend;
  target: BlockTarget;
  objects: ObjectsClient;
}

/** Far above users of the host (60,000), of systemd (0x7fff0000 stays clear) and of subordinate ids. */
const OWNER_BASE = 2_046_820_352;
const OWNER_RANGE = 2 ** 20;

export async function startStorage(options: StorageOptions): Promise<Storage> {
  await ensureDirectory(options.dataDir, 0o711);
  const dataDir = await realpath(options.dataDir);
  const opened = { ...(await openDrivers(options, dataDir)), objects: options.objects };
  const drivers = options.drivers?.(opened) ?? opened;
  const path = join(dataDir, 'storage.db');
  const { openDatabase = openSqlite, aroundStep = takeStep } = options;
  const database = await openDatabase<StorageSchema>({ path, migrations: STORAGE_MIGRATIONS });
  try {
    return await runStorage({ ...options, ...drivers, aroundStep, database });
  } catch (error) {
    await database[Symbol.asyncDispose]();
    throw error;
  }
}

async function openDrivers(
  options: StorageOptions,
  dataDir: string,
): Promise<{ backend: VolumeBackend; target: BlockTarget }> {
  const { commands, clock, logger } = options;
  const directory = join(dataDir, DAEMON_DIRECTORIES.volumes);
  if (options.target === 'simulated') {
    return {
      backend: await openFileBackend({ directory, commands, allocation: 'sparse' }),
      target: await openSimulatedTarget({ dataDir, commands }),
    };
  }
  const owner = process.getuid?.() === 0 ? ownerOf(dataDir) : undefined;
  return {
    backend: await openFileBackend({
      directory,
      commands,
      allocation: 'claimed',
      ...(owner === undefined ? {} : { owner }),
    }),
    target: await openStorageDaemonTarget({ dataDir, commands, clock, logger, owner }),
  };
}

/**
 * The volumes of a data folder that is still being made at `unfinished`; they will belong to who serves them once it
 * lies at `dataDir`.
 */
export function openRestoredVolumes(options: {
  dataDir: string;
  unfinished: string;
  commands: Commands;
  target: 'qemu-storage-daemon' | 'simulated';
}): Promise<VolumeBackend> {
  const { dataDir, unfinished, commands, target } = options;
  const directory = join(unfinished, DAEMON_DIRECTORIES.volumes);
  if (target === 'simulated') {
    return openFileBackend({ directory, commands, allocation: 'sparse' });
  }
  const owner = process.getuid?.() === 0 ? ownerOf(dataDir) : undefined;
  const access = owner === undefined ? {} : { owner };
  return openFileBackend({ directory, commands, allocation: 'claimed', ...access });
}

/** The user of volumes and their daemons: another one for each data folder, so that clouds stay apart. */
function ownerOf(dataDir: string): { uid: number; gid: number } {
  const digest = createHash('sha256').update(dataDir).digest();
  const uid = OWNER_BASE + (digest.readUInt32BE() % OWNER_RANGE);
  return { uid, gid: uid };
}
