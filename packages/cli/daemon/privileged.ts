// Owns the privileged process of a cloud: the node, its network and the block targets, which need root, and nothing
// that a stranger can speak to. It starts the controllers' process and keeps it running.

import type { Socket } from 'node:net';
import type { Clock } from '@ironbark/platform/clock.ts';
import { hasCode } from '@ironbark/platform/files.ts';
import { openCallClient } from '@ironbark/platform/http/call-client.ts';
import { notReadyYet, serveCalls } from '@ironbark/platform/http/call-server.ts';
import { readPeerUser } from '@ironbark/platform/libc.ts';
import type { BlockTarget } from '@ironbark/protocol/internal/block-target.ts';
import type { GuestTargets } from '@ironbark/protocol/internal/guest-targets.ts';
import type { NodeClient } from '@ironbark/protocol/internal/node-client.ts';
import type { StagedBackends } from '@ironbark/protocol/internal/staged-backend.ts';
import {
  blockTargetBytes,
  blockTargetVerbs,
} from '@ironbark/protocol/internal/wire/block-target-wire.ts';
import { nodeVerbs } from '@ironbark/protocol/internal/wire/node-wire.ts';
import { remoteImageSource } from '@ironbark/protocol/internal/wire/objects-wire.ts';
import { stagedBackendVerbs } from '@ironbark/protocol/internal/wire/staged-backend-wire.ts';
import type { CallTransport } from '@ironbark/protocol/internal/wire/transport.ts';
import { exportSocketOf } from '@ironbark/storage/drivers/export-sockets.ts';
import { openGuestTargets } from '@ironbark/storage/drivers/guest-targets/guest-targets.ts';
import { openPrivilegedBackends } from '@ironbark/storage/drivers/privileged-backends.ts';
import { openStorageDaemonTarget } from '@ironbark/storage/drivers/storage-daemon.ts';
import type { FindPlace } from '@ironbark/storage/drivers/volume-place.ts';
import { volumeUsersOf } from '@ironbark/storage/drivers/volume-users.ts';
import { backendSettings } from '../cloud-config.ts';
import { remoteAdmin } from './controllers-admin.ts';
import { ControllersProcess, type ControllersProgram } from './controllers-process.ts';
import type { DaemonParts } from './daemon-parts.ts';
import { type CloudUsers, findCloudUsers, shareFolders } from './privileged-folders.ts';
import { GUEST_GRACE_MS, type RunningCloud } from './running-cloud.ts';

export interface PrivilegedOptions extends DaemonParts {
  writeLog: (line: string) => void;
  /** Runs this program as the controllers with this user. */
  controllersProgram: (uid: number) => ControllersProgram;
}

/** Thousands of instances with their user data. */
const MAX_INTENT_BYTES = 64 * 1024 * 1024;
/** A piece of a volume in base64, and then some. */
const MAX_TARGET_INPUT_BYTES = 4 * 1024 * 1024;
const CONTROLLERS_TIMEOUT_MS = 60_000;
const MAX_ANSWER_BYTES = 16 * 1024 * 1024;

export async function composePrivileged(options: PrivilegedOptions): Promise<RunningCloud> {
  await using starting = new AsyncDisposableStack();
  const { config, paths, clock, logger } = options;
  const users = await findCloudUsers(paths);
  await shareFolders(paths, users);
  const backends = starting.use(await openBackends(options, users));
  const target = await openTarget(options, users, backends.findPlace);
  const doors = await openDoors(options, users, { target, staged: backends.staged });
  starting.use(doors);
  const guestTargets = openTargetsOfGuests(options, users);
  starting.defer(() => guestTargets.detach());
  const controllers = starting.use(
    await ControllersProcess.start({
      ...options,
      uid: users.controllers,
      program: options.controllersProgram(users.controllers),
    }),
  );
  const transport = openCallClient({
    socketPath: paths.controllersSocket,
    ownerUid: users.controllers,
    clock,
    timeoutMs: CONTROLLERS_TIMEOUT_MS,
    maxAnswerBytes: MAX_ANSWER_BYTES,
  });
  // Loaded while the other process loads its own; both are large.
  const { openNode } = await import('./open-node.ts');
  const objects = remoteImageSource(transport);
  const opened = await openNode({
    ...options,
    objects,
    volumesServed: () => controllers.ready,
    guestTargets,
  });
  starting.use(opened);
  await controllers.ready;
  doors.attach(opened.node.client);
  const running = starting.move();
  logger.info('the controllers are a process of their own', { uid: users.controllers });
  return {
    endpoint: `http://${config.host}:${config.port}`,
    admin: remoteAdmin(patient(transport, clock)),
    node: opened.node,
    controllersPid: () => controllers.pid,
    listProblems: () => backends.listProblems(),
    halt: async () => {
      await opened.node.halt({ timeoutMs: GUEST_GRACE_MS });
      // Before the targets: nobody starts them again.
      await controllers[Symbol.asyncDispose]();
      await guestTargets.endAll();
      await Promise.all((await target.list()).map((id) => target.stop(id)));
      await opened.network.removeAll();
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** The controllers are away for a second or two when they are started again. */
const PATIENCE_MS = 10_000;
const AGAIN_MS = 100;

/** For people's calls, which wait for controllers that are being started. */
function patient(transport: CallTransport, clock: Clock): CallTransport {
  const call = async (verb: string, input: unknown): Promise<unknown> => {
    const deadline = clock.monotonicMs() + PATIENCE_MS;
    for (;;) {
      try {
        return await transport.call(verb, input);
      } catch (error) {
        if (!hasCode(error, 'ENOENT') && !hasCode(error, 'ECONNREFUSED')) throw error;
        if (clock.monotonicMs() > deadline) throw notReadyYet('The API');
        await clock.sleep(AGAIN_MS);
      }
    }
  };
  return { ...transport, call };
}

function openBackends(
  { config, commands, clock, logger }: PrivilegedOptions,
  { storageDir: dataDir }: CloudUsers,
) {
  const host = { commands, clock, logger: logger.child({ service: 'backends' }), dataDir };
  return openPrivilegedBackends(backendSettings(config), host);
}

function openTarget(
  { paths, commands, clock, logger, random }: PrivilegedOptions,
  { targets: uid, storageDir }: CloudUsers,
  findPlace: FindPlace,
): Promise<BlockTarget> {
  return openStorageDaemonTarget({
    dataDir: storageDir,
    commands,
    clock,
    logger: logger.child({ service: 'targets', folder: paths.storage }),
    users: volumeUsersOf(storageDir, uid),
    findPlace,
    random,
  });
}

function openTargetsOfGuests(
  { commands, clock, logger }: PrivilegedOptions,
  { targets: uid, storageDir: dataDir }: CloudUsers,
): GuestTargets {
  const users = volumeUsersOf(dataDir, uid);
  const log = logger.child({ service: 'guest-targets' });
  return openGuestTargets({ dataDir, commands, clock, logger: log, users });
}

/** What the controllers may ask for. Until the node is there, they are told to come again. */
interface Doors extends AsyncDisposable {
  attach(node: NodeClient): void;
}

async function openDoors(
  { config, paths, logger }: PrivilegedOptions,
  users: CloudUsers,
  { target, staged }: { target: BlockTarget; staged: StagedBackends },
): Promise<Doors> {
  await using opening = new AsyncDisposableStack();
  const late = lateNode();
  const { nodeId, vpcCidr } = config;
  const bounds = { vpcCidr, exportSocket: exportSocketOf(users.storageDir) };
  const access = { gid: users.controllers, admits: admitOnly([0, users.controllers]) };
  const node = await serveCalls({
    ...access,
    socketPath: paths.nodeSocket,
    logger: logger.child({ service: 'node' }),
    verbs: nodeVerbs({ node: late.client, nodeId, bounds }),
    onChange: late.client.onChange,
    maxInputBytes: MAX_INTENT_BYTES,
  });
  opening.use(node);
  const targets = await serveCalls({
    ...access,
    socketPath: paths.targetSocket,
    logger: logger.child({ service: 'targets' }),
    verbs: { ...blockTargetVerbs(target), ...stagedBackendVerbs(staged) },
    byteVerbs: blockTargetBytes(target),
    onChange: (listener) => target.onExit(listener),
    maxInputBytes: MAX_TARGET_INPUT_BYTES,
  });
  opening.use(targets);
  opening.defer(() => target.detach());
  const opened = opening.move();
  return { attach: late.attach, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

/** By what the kernel says of who connected; the folder's mode says the same. */
function admitOnly(uids: readonly number[]): (socket: Socket) => boolean {
  return (socket) => {
    const { _handle: handle } = socket as Socket & { _handle?: { fd?: number } };
    return handle?.fd !== undefined && handle.fd >= 0 && uids.includes(readPeerUser(handle.fd));
  };
}

function lateNode(): { client: NodeClient; attach: (node: NodeClient) => void } {
  let node: NodeClient | undefined;
  const listeners = new Set<() => void>();
  const get = () => {
    if (node === undefined) throw notReadyYet('The node');
    return node;
  };
  return {
    attach: (given) => {
      node = given;
      node.onChange(() => {
        for (const listener of listeners) listener();
      });
      for (const listener of listeners) listener();
    },
    client: {
      putIntent: async (intent) => await get().putIntent(intent),
      getReport: async () => await get().getReport(),
      getConsoleOutput: async (id) => await get().getConsoleOutput(id),
      readVolumes: async () => await get().readVolumes(),
      readNetwork: async () => await get().readNetwork(),
      readFlows: async (after) => await get().readFlows(after),
      onChange: (listener) => {
        listeners.add(listener);
        return () => listeners.delete(listener);
      },
    },
  };
}
