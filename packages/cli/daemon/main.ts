// The composition root of the daemon: `main.ts DATA_DIR VERSION serve|halt`, which serves until it is told to halt, and
// `main.ts DATA_DIR VERSION controllers UID`, the part of it that gives up root.

import { rm } from 'node:fs/promises';
import { flushCompileCache } from 'node:module';
import { readIoCalibration } from '@ironbark/node/host/io-calibration.ts';
import { readUplink } from '@ironbark/node/host/uplink.ts';
import { renderTime, systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { acquireProcessLock } from '@ironbark/platform/database/process-lock.ts';
import { overwriteUnsynced, removeFile } from '@ironbark/platform/files.ts';
import type { HttpListener } from '@ironbark/platform/http/server.ts';
import { keepInheritedFilesFromChildren } from '@ironbark/platform/inherited-files.ts';
import { openLogFile } from '@ironbark/platform/log-file.ts';
import { createLogger, type Logger } from '@ironbark/platform/logger.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { type CloudConfig, findConfig } from '../cloud-config.ts';
import type { AdminApi, HaltRequest } from './admin-api.ts';
import { serveAdmin } from './admin-server.ts';
import { Autopilot, clearCalibration, countGuests } from './autopilot.ts';
import { dataPaths, FOLDER_TAKEN } from './paths.ts';
import type { RunningCloud } from './running-cloud.ts';
import { keepStartReserve, useStartReserve } from './start-reserve.ts';
import { type DaemonFacts, describeCloud } from './status.ts';
import { describeVolumes } from './volume-facts.ts';

async function main(dataDir: string, version: string, mode: string): Promise<void> {
  keepInheritedFilesFromChildren();
  const config = await findConfig(dataDir);
  if (config === undefined) throw new Error(`${dataDir} has no config.json; ironbark up makes it`);
  if (mode === 'controllers') await mainOfControllers(config, { dataDir, version });
  else await mainOfDaemon(config, { dataDir, version, mode });
}

interface DaemonArguments {
  dataDir: string;
  version: string;
  mode: string;
}

async function mainOfDaemon(config: CloudConfig, given: DaemonArguments): Promise<void> {
  const { dataDir, version, mode } = given;
  const paths = dataPaths(dataDir);
  using lock = acquireProcessLock(paths.daemonLock);
  if (lock === undefined) throw new Error(`${FOLDER_TAKEN}: ${dataDir}`);
  await useStartReserve(paths.startReserve);
  await clearCalibration(paths.node);
  const writeLog = openLogFile(paths.log);
  const logger = createLogger({ write: writeLog, nowMs: () => systemClock.nowMs() });
  const crash = crashOnBugs(logger);
  const startedAt = renderTime(systemClock.nowMs());
  const cloud = await compose(config, { ...given, logger, writeLog });
  logger.info('the cloud is up', { endpoint: cloud.endpoint, mode });
  if (mode === 'halt') {
    await end(cloud, { keepGuests: false });
    await removeFile(paths.pidFile);
    return;
  }
  const done = Promise.withResolvers<void>();
  const autopilot = createAutopilot(cloud, { dataDir, logger });
  const halt = async (request: HaltRequest) => {
    await autopilot[Symbol.asyncDispose]();
    await end(cloud, request);
    done.resolve();
    return { halted: true as const };
  };
  await removeFile(paths.adminSocket);
  await overwriteUnsynced(paths.pidFile, `${process.pid}\n`);
  await keepStartReserve(paths.startReserve);
  const api = adminApi(cloud, { config, dataDir, version, startedAt }, { halt, autopilot });
  const admin = await serveAdmin(paths.adminSocket, api, logger);
  const onSignal = () => void halt({ keepGuests: true }).catch(crash);
  process.once('SIGTERM', onSignal);
  process.once('SIGINT', onSignal);
  await done.promise;
  await leave(admin, paths.pidFile, paths.adminSocket);
  logger.info('the cloud is down');
}

function crashOnBugs(logger: Logger): (error: unknown) => void {
  const crash = (error: unknown) => {
    logger.error('the daemon ends on an error that nobody handles', { error });
    process.stderr.write(`${error instanceof Error ? error.stack : error}\n`);
    process.exit(1);
  };
  process.once('uncaughtException', crash);
  process.once('unhandledRejection', crash);
  return crash;
}

interface ComposeArguments extends DaemonArguments {
  logger: Logger;
  writeLog: (line: string) => void;
}

/** Root has the node alone; without root, and for simulated guests, there is nothing to keep apart. */
async function compose(config: CloudConfig, given: ComposeArguments): Promise<RunningCloud> {
  const { dataDir, version, logger, writeLog } = given;
  const services = { clock: systemClock, random: systemRandom, commands: systemCommands };
  const parts = { config, version, paths: dataPaths(dataDir), logger, ...services };
  if (config.joined !== undefined) {
    const { composeJoinedNode } = await import('./joined-node.ts');
    return await composeJoinedNode(parts, config.joined);
  }
  if (process.getuid?.() !== 0 || config.hypervisor === 'simulated') {
    const { composeCloud } = await import('./compose.ts');
    return await composeCloud(parts);
  }
  const { composePrivileged } = await import('./privileged.ts');
  const program = ['--disable-warning=ExperimentalWarning', import.meta.filename, dataDir, version];
  return await composePrivileged({
    ...parts,
    writeLog,
    controllersProgram: (uid) => ({
      file: process.execPath,
      args: [...program, 'controllers', String(uid)],
      environment: compileCache(),
    }),
  });
}

/** Where Node keeps what it made of each module, as the launcher has it. */
function compileCache(): Record<string, string> {
  const directory = process.env['NODE_COMPILE_CACHE'];
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: directory };
}

function createAutopilot(
  cloud: RunningCloud,
  { dataDir, logger }: { dataDir: string; logger: Logger },
): Autopilot {
  const folder = dataPaths(dataDir).node;
  return new Autopilot({
    ...{ clock: systemClock, commands: systemCommands, folder },
    logger: logger.child({ service: 'autopilot' }),
    countGuests: async () => {
      const { instances } = await cloud.node.client.getReport();
      return countGuests(instances);
    },
    findCalibration: () => readIoCalibration(folder),
    readNetwork: () => readUplink(systemCommands),
  });
}

function adminApi(
  cloud: RunningCloud,
  facts: DaemonFacts,
  { halt, autopilot }: Pick<AdminApi, 'halt'> & { autopilot: Autopilot },
): AdminApi {
  const readCalibration = () => readIoCalibration(dataPaths(facts.dataDir).node);
  return {
    ...cloud.admin,
    status: async () => {
      const known = await readCalibration();
      const { report } = autopilot;
      return await describeCloud(cloud, facts, {
        autopilot: report,
        ...(known === undefined ? {} : { known }),
      });
    },
    beginCalibration: async () => {
      if (facts.config.hypervisor !== 'simulated') autopilot.begin();
      return autopilot.report;
    },
    volumes: () =>
      describeVolumes(cloud, {
        clock: systemClock,
        readDevice: readCalibration,
      }),
    networkReadings: () => cloud.node.client.readNetwork(),
    diskStats: async ({ instanceId }) => await cloud.node.readDiskStats(instanceId),
    halt,
  };
}

async function end(cloud: RunningCloud, { keepGuests }: HaltRequest): Promise<void> {
  if (!keepGuests) await cloud.halt();
  await cloud[Symbol.asyncDispose]();
}

async function leave(admin: HttpListener, pidFile: string, socket: string): Promise<void> {
  await admin[Symbol.asyncDispose]();
  await removeFile(pidFile);
  await rm(socket, { force: true });
}

/** Its log goes to its parent; the end of the parent, however it comes, is the end of its standard input. */
async function mainOfControllers(
  config: CloudConfig,
  given: Pick<DaemonArguments, 'dataDir' | 'version'>,
): Promise<void> {
  const uid = Number(process.argv[5]);
  if (!Number.isSafeInteger(uid) || uid <= 0) throw new Error('usage: main.ts ... controllers UID');
  process.stdin.resume();
  process.stdin.once('close', () => process.exit(1));
  const { runControllers } = await import('./controllers-main.ts');
  // From here on it has no right to write there.
  flushCompileCache();
  const ended = Promise.withResolvers<void>();
  process.once('SIGTERM', () => ended.resolve());
  await runControllers({ config, ...given, uid, ended: ended.promise });
  process.exit(0);
}

const [dataDir, version, mode] = process.argv.slice(2);
if (dataDir === undefined || version === undefined || mode === undefined) {
  throw new Error('usage: main.ts DATA_DIR VERSION serve|halt');
}
await main(dataDir, version, mode);
