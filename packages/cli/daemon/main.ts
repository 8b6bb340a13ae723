// The composition root of the daemon: `main.ts DATA_DIR VERSION serve|halt`. Serves until it is told to halt.

import { rm } from 'node:fs/promises';
import { renderTime, systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { acquireProcessLock } from '@ironbark/platform/database/process-lock.ts';
import { removeFile, replaceFile } from '@ironbark/platform/files.ts';
import type { HttpListener } from '@ironbark/platform/http/server.ts';
import { closeInheritedFiles } from '@ironbark/platform/inherited-files.ts';
import { openLogFile } from '@ironbark/platform/log-file.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { findConfig } from '../cloud-config.ts';
import type { HaltRequest } from './admin-api.ts';
import { serveAdmin } from './admin-server.ts';
import { composeCloud, type EmbeddedCloud } from './compose.ts';
import { dataPaths, FOLDER_TAKEN } from './paths.ts';
import { describeCloud, readCredentials } from './status.ts';

async function main(dataDir: string, version: string, mode: string): Promise<void> {
  closeInheritedFiles();
  const paths = dataPaths(dataDir);
  const config = await findConfig(dataDir);
  if (config === undefined) throw new Error(`${dataDir} has no config.json; ironbark up makes it`);
  using lock = acquireProcessLock(paths.daemonLock);
  if (lock === undefined) throw new Error(`${FOLDER_TAKEN}: ${dataDir}`);
  const logger = createLogger({ write: openLogFile(paths.log), nowMs: () => systemClock.nowMs() });
  const crash = (error: unknown) => {
    logger.error('the daemon ends on an error that nobody handles', { error });
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  };
  process.once('uncaughtException', crash);
  process.once('unhandledRejection', crash);
  const startedAt = renderTime(systemClock.nowMs());
  const parts = { clock: systemClock, random: systemRandom, commands: systemCommands };
  const embedded = await composeCloud({ config, paths, logger, ...parts });
  logger.info('the cloud is up', { endpoint: embedded.endpoint, mode });
  if (mode === 'halt') {
    await end(embedded, { keepGuests: false });
    await removeFile(paths.pidFile);
    return;
  }
  const facts = { config, dataDir, version, startedAt };
  const done = Promise.withResolvers<void>();
  await removeFile(paths.adminSocket);
  const halt = async (request: HaltRequest) => {
    await end(embedded, request);
    done.resolve();
    return { halted: true as const };
  };
  await replaceFile(paths.pidFile, `${process.pid}\n`);
  const admin = await serveAdmin(
    paths.adminSocket,
    {
      status: () => describeCloud(embedded, facts),
      credentials: () => readCredentials(embedded, facts),
      diskStats: async ({ instanceId }) => await embedded.node.readDiskStats(instanceId),
      halt,
    },
    logger,
  );
  const onSignal = () => void halt({ keepGuests: true }).catch(crash);
  process.once('SIGTERM', onSignal);
  process.once('SIGINT', onSignal);
  await done.promise;
  await leave(admin, paths.pidFile, paths.adminSocket);
  logger.info('the cloud is down');
}

async function end(embedded: EmbeddedCloud, { keepGuests }: HaltRequest): Promise<void> {
  if (!keepGuests) await embedded.halt();
  await embedded[Symbol.asyncDispose]();
}

async function leave(admin: HttpListener, pidFile: string, socket: string): Promise<void> {
  await admin[Symbol.asyncDispose]();
  await removeFile(pidFile);
  await rm(socket, { force: true });
}

const [dataDir, version, mode] = process.argv.slice(2);
if (dataDir === undefined || version === undefined || mode === undefined) {
  throw new Error('usage: main.ts DATA_DIR VERSION serve|halt');
}
await main(dataDir, version, mode);
