// Owns the composition of the Storage Controller: state, drivers, reconcilers and the client that others use.

import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from '@ironbark/platform/clock.ts';
import type { Commands } from '@ironbark/platform/commands.ts';
import { openSqlite } from '@ironbark/platform/database/sqlite.ts';
import { ensureDirectory } from '@ironbark/platform/files.ts';
import type { Logger } from '@ironbark/platform/logger.ts';
import type { RandomSource } from '@ironbark/platform/random.ts';
import type { ObjectsClient } from '@ironbark/protocol/internal/objects-client.ts';
import type { BlockTarget } from './drivers/block-target.ts';
import { DAEMON_DIRECTORIES } from './drivers/daemon-arguments.ts';
import { openFileBackend } from './drivers/file-backend.ts';
import { openSimulatedTarget } from './drivers/simulated-target.ts';
import { openStorageDaemonTarget } from './drivers/storage-daemon.ts';
import type { VolumeBackend } from './drivers/volume-backend.ts';
import { openVolumeUsers } from './drivers/volume-users.ts';
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
}

export interface StorageDrivers {
  backend: VolumeBackend;
  target: BlockTarget;
  objects: ObjectsClient;
}

export async function startStorage(options: StorageOptions): Promise<Storage> {
  await ensureDirectory(options.dataDir, 0o711);
  const dataDir = await realpath(options.dataDir);
  const opened = { ...(await openDrivers(options, dataDir)), objects: options.objects };
  const drivers = options.drivers?.(opened) ?? opened;
  const path = join(dataDir, 'storage.db');
  const database = await openSqlite<StorageSchema>({ path, migrations: STORAGE_MIGRATIONS });
  try {
    return await runStorage({ ...options, ...drivers, database });
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
  const users = openVolumeUsers(dataDir, process.getuid?.() === 0);
  return {
    backend: await openFileBackend({
      directory,
      commands,
      allocation: 'claimed',
      ...(users === undefined ? {} : { gid: users.gid }),
    }),
    target: await openStorageDaemonTarget({ dataDir, commands, clock, logger, users }),
  };
}
