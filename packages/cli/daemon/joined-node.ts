// Owns the daemon of a host that has joined a cloud elsewhere: the node alone. Nobody can connect to it; it connects to
// the front end, whose calls it answers, and takes from them what a node takes from controllers on its own host.

import { lookup } from 'node:dns/promises';
import { join } from 'node:path';
import { ServiceError } from '@ironbark/core/errors.ts';
import { openClientHost } from '@ironbark/node/drivers/gates/client-processes.ts';
import { GateClients } from '@ironbark/node/drivers/gates/gate-clients.ts';
import { createCallHandler, notReadyYet } from '@ironbark/platform/http/call-server.ts';
import { askForGate } from '@ironbark/protocol/internal/wire/gate-wire.ts';
import { nodeVerbs } from '@ironbark/protocol/internal/wire/node-wire.ts';
import { remoteImageSource } from '@ironbark/protocol/internal/wire/objects-wire.ts';
import { type JoinedConfig, renderFront } from '../cloud-config.ts';
import { type ControllersAdmin, remoteAdmin } from './controllers-admin.ts';
import type { DaemonParts } from './daemon-parts.ts';
import { endJoinedNode } from './end-joined-node.ts';
import { FrontLink } from './front-link.ts';
import { readNodeIdentity } from './node-identity.ts';
import { openNode } from './open-node.ts';
import { GUEST_GRACE_MS, type RunningCloud } from './running-cloud.ts';

/** Thousands of instances with their user data. */
const MAX_INTENT_BYTES = 64 * 1024 * 1024;
/** Within which a piece of an image has to come. */
const IMAGE_TIMEOUT_MS = 60_000;
const GATE_TIMEOUT_MS = 15_000;
/** Gates listen there. */
const IPV4 = 4;

export async function composeJoinedNode(
  options: DaemonParts,
  joined: JoinedConfig,
): Promise<RunningCloud> {
  await using starting = new AsyncDisposableStack();
  const { config, paths, clock, random, logger } = options;
  const identity = await readNodeIdentity(paths.nodeIdentity);
  const late: { link?: FrontLink } = {};
  const images = {
    call: () => Promise.reject(new Error('a node asks for images only')),
    callForBytes: async (verb: string, input: unknown) =>
      await late.link!.openCalls(IMAGE_TIMEOUT_MS).callForBytes(verb, input),
    onChange: () => () => {},
  };
  const clients = await openClients(options, joined, () => late.link);
  starting.use(clients);
  const objects = remoteImageSource(images);
  const gates = clients === undefined ? {} : { gates: clients };
  const opened = starting.use(await openNode({ ...options, objects, ...gates }));
  const { node, network } = opened;
  const { nodeId, vpcCidr } = config;
  // Volumes are served on the front end's host: one by a gate is had here, any other is refused.
  const gateSocket = clients === undefined ? {} : { gateSocket: clients.socketOf };
  const bounds = { vpcCidr, exportSocket: () => undefined, ...gateSocket };
  const handler = createCallHandler({
    logger: logger.child({ service: 'node' }),
    verbs: nodeVerbs({ node: node.client, nodeId, bounds }),
    onChange: node.client.onChange,
    maxInputBytes: MAX_INTENT_BYTES,
  });
  let hasEnded = false;
  /** Guests, their volumes and the network go; disks and documents stay. */
  const end = async (timeoutMs: number) => {
    await endJoinedNode({
      guests: () => node.halt({ timeoutMs }),
      volumes: async () => await clients?.endAll(),
      network: () => network.removeAll(),
    });
    hasEnded = true;
  };
  const link = starting.use(
    new FrontLink({
      front: joined.front,
      identity,
      handler,
      // Others may have their addresses now: nobody waits for the guests.
      onLost: async () => {
        if (hasEnded) return;
        logger.warn('this node was removed as lost; its guests are stopped');
        await end(0).catch((error: unknown) => {
          // It is said again, and tried again then.
          logger.error('guests of a node that was removed do not stop', { error });
        });
      },
      ...{ clock, random, logger: logger.child({ service: 'front-link' }) },
    }),
  );
  late.link = link;
  const running = starting.move();
  const endpoint = renderFront(joined.front);
  return {
    endpoint,
    admin: absentAdmin(endpoint),
    node,
    front: () => ({ isConnected: link.isConnected }),
    listProblems: () =>
      link.problem === undefined ? [] : [`the front end ${endpoint}: ${link.problem}`],
    halt: async () => {
      await link[Symbol.asyncDispose]();
      if (!hasEnded) await end(GUEST_GRACE_MS);
    },
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  };
}

/** Undefined where guests are simulated: nothing of theirs is ever read. */
async function openClients(
  { config, paths, clock, commands, logger: parent }: DaemonParts,
  { front }: JoinedConfig,
  findLink: () => FrontLink | undefined,
): Promise<GateClients | undefined> {
  if (config.hypervisor === 'simulated') return undefined;
  const logger = parent.child({ service: 'gates' });
  const directory = join(paths.node, 'gates');
  const { host, gap } = await openClientHost({ directory, commands, clock });
  if (gap !== undefined) logger.warn('clients of gates are less confined', { lacking: gap });
  return await GateClients.open({
    host,
    clock,
    logger,
    findFront: async () => (await lookup(front.host, IPV4)).address,
    findGate: async (key) => {
      const link = findLink();
      if (link === undefined) throw notReadyYet('The front end');
      using calls = link.openCalls(GATE_TIMEOUT_MS);
      return await askForGate(calls, key);
    },
  });
}

/** What the controllers would answer is asked for where they are. */
function absentAdmin(endpoint: string): ControllersAdmin {
  const refuse = async () => {
    throw new ServiceError({
      kind: 'operation-not-permitted',
      resource: 'host',
      message: `This host is a node of the cloud at ${endpoint}; ask for that there.`,
    });
  };
  const unused = { callForBytes: refuse, onChange: () => () => {} };
  const nothing = { accountId: 'known to the front end', counts: {}, loginUsers: {}, failures: [] };
  return { ...remoteAdmin({ call: refuse, ...unused }), describe: async () => nothing };
}
