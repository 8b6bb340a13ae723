// Owns the controllers' process from its inside: it gives up root once its modules are loaded, serves until it is told
// to end, and ends with its parent.

import { lookup } from 'node:dns/promises';
import { loadHashing } from '@ironbark/objects/drivers/hash-threads.ts';
import { systemClock } from '@ironbark/platform/clock.ts';
import { systemCommands } from '@ironbark/platform/commands.ts';
import { openCallClient } from '@ironbark/platform/http/call-client.ts';
import { serveCalls } from '@ironbark/platform/http/call-server.ts';
import { createLogger } from '@ironbark/platform/logger.ts';
import { dropPrivileges } from '@ironbark/platform/privileges.ts';
import { systemRandom } from '@ironbark/platform/random.ts';
import { cloudwatchModel } from '@ironbark/protocol/cloudwatch/model.ts';
import { ec2Model } from '@ironbark/protocol/ec2/model.ts';
import type { StagedBackends } from '@ironbark/protocol/internal/staged-backend.ts';
import { remoteBlockTarget } from '@ironbark/protocol/internal/wire/block-target-wire.ts';
import { remoteNode } from '@ironbark/protocol/internal/wire/node-wire.ts';
import { imageSourceBytes } from '@ironbark/protocol/internal/wire/objects-wire.ts';
import { remoteStagedBackend } from '@ironbark/protocol/internal/wire/staged-backend-wire.ts';
import type { CallTransport } from '@ironbark/protocol/internal/wire/transport.ts';
import { stsModel } from '@ironbark/protocol/sts/model.ts';
import { type CloudConfig, stagedNames } from '../cloud-config.ts';
import { startControllers } from './controllers.ts';
import { adminVerbs, controllersAdmin } from './controllers-admin.ts';
import { READY } from './controllers-process.ts';
import { readKeyringSource } from './keyring-source.ts';
import { readSharedObjects } from './objects-source.ts';
import { dataPaths } from './paths.ts';

/** The longest input is a request of the command line. */
const MAX_INPUT_BYTES = 1024 * 1024;
/** A report of a full node has a few MiB. */
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;
const NODE_TIMEOUT_MS = 15_000;
/** Ending a storage daemon lets it flush its file first. */
const TARGET_TIMEOUT_MS = 120_000;

export interface ControllersMainOptions {
  config: CloudConfig;
  dataDir: string;
  version: string;
  uid: number;
  /** Resolves when the process is to end. */
  ended: Promise<void>;
}

function remoteBackends(config: CloudConfig, transport: CallTransport): StagedBackends {
  const names = stagedNames(config);
  const remote = names.map((name) => [name, remoteStagedBackend(transport, name)] as const);
  return Object.fromEntries(remote);
}

export async function runControllers(options: ControllersMainOptions): Promise<void> {
  const { uid, dataDir } = options;
  // What comes from the host's files is read while they can be seen.
  const { address: host } = await lookup(options.config.host);
  const paths = dataPaths('/');
  const keyring = await readKeyringSource(options.config, paths);
  const sharedObjects = await readSharedObjects(options.config);
  ec2Model();
  stsModel();
  cloudwatchModel();
  loadHashing();
  dropPrivileges({ uid, groups: [], root: dataDir });
  const config = { ...options.config, host };
  const clock = systemClock;
  const logger = createLogger({
    write: (line) => process.stderr.write(line),
    nowMs: () => clock.nowMs(),
  });
  const answers = { clock, maxAnswerBytes: MAX_ANSWER_BYTES };
  using node = openCallClient({
    ...answers,
    socketPath: paths.nodeSocket,
    timeoutMs: NODE_TIMEOUT_MS,
  });
  using targets = openCallClient({
    ...answers,
    socketPath: paths.targetSocket,
    timeoutMs: TARGET_TIMEOUT_MS,
  });
  await using controllers = await startControllers({
    ...{ config, version: options.version, paths, clock, logger, keyring, sharedObjects },
    random: systemRandom,
    commands: systemCommands,
    blockTarget: remoteBlockTarget(targets),
    staged: remoteBackends(config, targets),
    openNode: async () => remoteNode(node),
  });
  await using _listener = await serveCalls({
    socketPath: paths.controllersSocket,
    logger,
    verbs: adminVerbs(controllersAdmin(controllers, options.config)),
    byteVerbs: imageSourceBytes(controllers.objects.client),
    maxInputBytes: MAX_INPUT_BYTES,
  });
  process.stdout.write(READY);
  await options.ended;
}
